"""A second corpus beside Ray's documentation: that of PostgreSQL, from a package of Debian's registry.

Questions about it have no answer in Ray's documentation: they are those that must be refused there.
"""

import os
import shutil
import subprocess
from collections.abc import AsyncIterator
from contextlib import ExitStack, asynccontextmanager
from pathlib import Path

from bench.corpus import ROOT, source_toml, workspace
from bench.sizes import is_small, kept_home
from eval.handlers import read_questions
from headwater.commands.index import index_all
from headwater.console import SyncProgress, say
from headwater.runtime import Runtime, open_runtime
from headwater.settings import load_settings

NAME = "second"
PACKAGE = "postgresql-doc-15"
URL = "https://www.postgresql.org/docs/15/{path}"
_HTML = Path("usr/share/doc") / PACKAGE / "html"
_PAGES = 400
_SMALL_PAGES = 40
_SKIPPED = ("release", "bookindex", "index", "biblio", "legalnotice", "acronyms", "errcodes")
"""Beginnings of the names of pages that list things and explain none."""
_TIMEOUT_S = 120.0
_OFF_DOMAIN = ROOT / "bench" / "questions" / "off-domain-templates.jsonl"


@asynccontextmanager
async def indexed_second_corpus() -> AsyncIterator[Runtime | None]:
    """The pages, indexed apart; None where the package cannot be had. In the kept home, where one is given, once."""
    with ExitStack() as stack:
        kept = kept_home()
        folder = kept / NAME if kept is not None else stack.enter_context(workspace())
        folder.mkdir(parents=True, exist_ok=True)
        configuration = folder / "headwater.toml"
        if not configuration.exists():
            location = fetch_second_corpus(folder)
            if location is None:
                yield None
                return
            toml = source_toml(name=NAME, kind="folder", location=location, url=URL)
            configuration.write_text(toml, "utf-8")
        settings = load_settings(None, os.environ, folder=folder)
        async with open_runtime(settings, say) as runtime:
            _, troubles = await index_all(runtime, SyncProgress(None))
            if troubles:
                raise troubles[0]
            yield runtime


def off_domain_questions() -> list[str]:
    """200 questions that Ray's documentation does not answer, whether or not the package can be had."""
    # Made once, as `headwater eval synthesize --count 200` of an index of this corpus alone makes them.
    return [question.question for question in read_questions(_OFF_DOMAIN)]


def fetch_second_corpus(folder: Path) -> Path | None:
    """Put the pages into a folder below `folder`.

    Returns: that folder, or None where the package cannot be had, which is told.
    """
    try:
        package = _download(folder)
        _run(["dpkg-deb", "-x", str(package), str(folder / "package")], folder)
    except (OSError, subprocess.SubprocessError) as error:
        say(f"no second corpus: {PACKAGE} cannot be had here ({type(error).__name__}: {error})")
        return None
    target = folder / "second-corpus"
    target.mkdir(exist_ok=True)
    for page in _chosen(folder / "package" / _HTML):
        shutil.copyfile(page, target / page.name)
    return target


def _download(folder: Path) -> Path:
    # Without a sandbox user of its own: that one may not write into a temporary folder.
    options = ["-qq", "-o", "APT::Sandbox::User=root"]
    _run(["apt-get", *options, "download", PACKAGE], folder)
    return folder / next(name for name in os.listdir(folder) if name.endswith(".deb"))


def _run(command: list[str], folder: Path) -> None:
    subprocess.run(command, cwd=folder, check=True, capture_output=True, timeout=_TIMEOUT_S)


def _chosen(folder: Path) -> list[Path]:
    """Pages spread evenly over the names, so that every part of the manual is there."""
    pages = [page for page in sorted(folder.glob("*.html")) if not page.stem.startswith(_SKIPPED)]
    wanted = _SMALL_PAGES if is_small() else _PAGES
    step = max(1.0, len(pages) / wanted)
    return [pages[int(at * step)] for at in range(min(wanted, len(pages)))]
