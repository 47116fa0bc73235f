"""A second corpus beside Ray's documentation: that of PostgreSQL, from a package of Debian's registry.

Questions about it have no answer in Ray's documentation: they are those that must be refused there.
"""

import os
import shutil
import subprocess
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from bench.corpus import ROOT, source_toml
from bench.lab import indexed_apart
from bench.sizes import is_small
from eval.handlers import read_questions
from headwater.console import say
from headwater.runtime import Runtime

NAME = "second"
PACKAGE = "postgresql-doc-15"
URL = "https://www.postgresql.org/docs/15/{path}"
_PAGES = 400
_SMALL_PAGES = 40
_SKIPPED = ("release", "bookindex", "index", "biblio", "legalnotice", "acronyms", "errcodes")
"""Beginnings of the names of pages that list things and explain none."""
_TIMEOUT_S = 120.0
_OFF_DOMAIN = ROOT / "bench" / "questions" / "off-domain-templates.jsonl"


@asynccontextmanager
async def indexed_second_corpus() -> AsyncIterator[Runtime | None]:
    """The pages, indexed apart; None where the package cannot be had. In the kept home, where one is given, once."""

    def toml_of(folder: Path) -> str | None:
        location = fetch_second_corpus(folder)
        if location is None:
            return None
        return source_toml(name=NAME, kind="folder", location=location, url=URL)

    async with indexed_apart(NAME, toml_of) as runtime:
        yield runtime


def off_domain_questions() -> list[str]:
    """200 questions that Ray's documentation does not answer, whether or not the package can be had."""
    # Made once, as `headwater eval synthesize --count 200` of an index of this corpus alone makes them.
    return [question.question for question in read_questions(_OFF_DOMAIN)]


def fetch_second_corpus(folder: Path) -> Path | None:
    """Put the pages into a folder below `folder`.

    Returns: that folder, or None where the package cannot be had, which is told.
    """
    package = fetch_package(PACKAGE, folder)
    if package is None:
        return None
    target = folder / "second-corpus"
    target.mkdir(exist_ok=True)
    for page in _chosen(package / "usr/share/doc" / PACKAGE / "html"):
        shutil.copyfile(page, target / page.name)
    return target


def fetch_package(package: str, folder: Path) -> Path | None:
    """Unpack a package of Debian's registry below `folder`.

    Returns: the folder that has its files, or None where it cannot be had, which is told.
    """
    target = folder / "package"
    # Without a sandbox user of its own: that one may not write into a temporary folder.
    options = ["-qq", "-o", "APT::Sandbox::User=root"]
    try:
        _run(["apt-get", *options, "download", package], folder)
        file = next(
            one for one in os.listdir(folder) if one.startswith(package) and one.endswith(".deb")
        )
        _run(["dpkg-deb", "-x", str(folder / file), str(target)], folder)
    except (OSError, subprocess.SubprocessError) as error:
        say(f"no second corpus: {package} cannot be had here ({type(error).__name__}: {error})")
        return None
    return target


def _run(command: list[str], folder: Path) -> None:
    subprocess.run(command, cwd=folder, check=True, capture_output=True, timeout=_TIMEOUT_S)


def _chosen(folder: Path) -> list[Path]:
    """Pages spread evenly over the names, so that every part of the manual is there."""
    pages = [page for page in sorted(folder.glob("*.html")) if not page.stem.startswith(_SKIPPED)]
    wanted = _SMALL_PAGES if is_small() else _PAGES
    step = max(1.0, len(pages) / wanted)
    return [pages[int(at * step)] for at in range(min(wanted, len(pages)))]
