"""`make demo`: the main job on real input, told step by step."""

import argparse
import contextlib
import json
import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn

import httpx

from api.core.markdown import plain_text
from headwater.console import print_text, say
from headwater.demo_model import EXTRACTIVE, show_composed, small_model
from index.adapters.postgres.server import discard
from ingest.core.urls import UrlPattern
from schemas.formats import format_of

_START_TIMEOUT_S = 900.0
_CHANGE_TIMEOUT_S = 60.0
_TROUBLE_TIMEOUT_S = 10.0
_POLL_S = 0.02
_ANNOUNCED = re.compile(r"answering on (http://\S+)")
_CODENAME = "Kingfisher"
_FACT = f"The codename of this release is {_CODENAME}."
_QUESTION = "What is the codename of this release?"
_OWN_QUESTION = "How soon is a commit to the docs answerable?"
_OWN = Path(__file__).resolve().parents[1]
_URL = "https://docs.example/{pretty}"
_MAX_TRIED = 500


@dataclass(frozen=True, slots=True)
class Stage:
    """The temporary clone that the demo commits to, and where its docs are."""

    clone: Path
    root: str

    @property
    def docs(self) -> Path:
        return self.clone / self.root


@dataclass(frozen=True, slots=True)
class Page:
    """A page of the clone that is in the index, and a question that it answers."""

    file: Path
    question: str


def main() -> None:
    """Run the demo; exit status 0 when the changed answer came."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--source", default="", help="a path, git URL or bundle; none: this project's own docs"
    )
    source = parser.parse_args().source
    _end_orderly_when_told()
    with tempfile.TemporaryDirectory(prefix="headwater-demo-") as folder:
        stage = _stage(source, Path(folder))
        with (
            small_model(_environment(), Path(folder)) as llm,
            _serving(stage, Path(folder), llm) as base,
        ):
            _tell(stage, base, is_own=not source, is_composed=bool(llm))
            _keep_serving(base, source)


def _end_orderly_when_told() -> None:
    """Ctrl-C, SIGTERM and a terminal that closes unwind the demo: server, database and clone go."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        if number != signal.SIGHUP or signal.getsignal(number) is not signal.SIG_IGN:  # nohup
            signal.signal(number, _end)


def _end(number: int, _frame: object) -> NoReturn:
    """Only the first signal counts: one that comes while all is being removed would leave half of it."""
    for other in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(other, signal.SIG_IGN)
    raise SystemExit(128 + number)


def _stage(source: str, folder: Path) -> Stage:
    """Clone the source, or give a plain folder a history, so that nothing of the user's is committed to."""
    clone = folder / "docs-repository"
    location = source or str(_OWN)
    if Path(location).is_dir() and not _is_repository(Path(location)):
        shutil.copytree(
            location,
            clone,
            symlinks=True,
            ignore=shutil.ignore_patterns(".git", ".venv", "node_modules", ".headwater"),
        )
        _git(clone, "init", "-q", "-b", "main")
        _git(clone, "add", "-A")
        _git(clone, "commit", "-q", "-m", "The docs as they are")
    else:
        say(f"cloning {location} into a temporary folder")
        _clone(location, clone)
    return Stage(clone, "docs" if not source and (clone / "docs").is_dir() else "")


def _clone(location: str, clone: Path) -> None:
    """Clone with a work tree: of the first branch where no HEAD is named, as in most bundles. Raises: SystemExit."""
    cloned = subprocess.run(["git", "clone", "-q", "--", location, str(clone)])
    if cloned.returncode:
        raise SystemExit(f"{location} cannot be cloned")
    if any(path.name != ".git" for path in clone.iterdir()):
        return
    listed = ["git", "-C", str(clone), "for-each-ref", "--format=%(refname:short)", "refs/remotes"]
    branches = subprocess.run(listed, check=True, capture_output=True, text=True).stdout.split()
    if not branches:
        raise SystemExit(f"{location} has no commits")
    _git(clone, "checkout", "-q", "-b", "demo", branches[0])


def _is_repository(path: Path) -> bool:
    return (path / ".git").exists() or (path / "HEAD").is_file()


@contextlib.contextmanager
def _serving(stage: Stage, folder: Path, llm: str) -> Iterator[str]:
    """`headwater up` on the clone. Yields its address once it is ready."""
    (folder / "headwater.toml").write_text(_configuration(stage) + llm, "utf-8")
    command = [
        sys.executable,
        "-m",
        "headwater.main",
        "up",
        "--port",
        "0",
        "--config",
        str(folder / "headwater.toml"),
    ]
    server = subprocess.Popen(command, stderr=subprocess.PIPE, text=True, env=_environment())
    try:
        base = _address(server)
        _wait_ready(base)
        yield base
    finally:
        server.send_signal(signal.SIGTERM)
        with contextlib.suppress(subprocess.TimeoutExpired):
            server.wait(timeout=30)
        server.kill()
        server.wait()
        discard(folder / ".headwater")


def _configuration(stage: Stage) -> str:
    where = f'location = "{stage.clone}"\nroot = "{stage.root}"'
    return f'[[source]]\nname = "docs"\n{where}\nurl = "{_URL}"\npoll_s = 0.2\n'


def _address(server: subprocess.Popen[str]) -> str:
    """Pass on what the server says until it names its address; it goes on being passed on in the background."""
    if server.stderr is None:
        raise SystemExit("the server has no output")
    for line in server.stderr:
        if not line.startswith("{"):
            say(f"  {line.rstrip()}")
        if found := _ANNOUNCED.search(line):
            _drain(server)
            return found[1]
    raise SystemExit(f"the server ended with status {server.wait()}")


def _drain(server: subprocess.Popen[str]) -> None:
    import threading

    threading.Thread(target=lambda: [None for _ in server.stderr or ()], daemon=True).start()


def _wait_ready(base: str) -> None:
    """Return once all is indexed. Raises: SystemExit when it cannot be, as where there is no page at all."""
    start_s = well_s = time.monotonic()
    while time.monotonic() < start_s + _START_TIMEOUT_S:
        response = httpx.get(f"{base}/readyz", timeout=5)
        if response.status_code == 200:
            return
        sources = str(response.json()["parts"]["sources"])
        if not sources.startswith("docs: "):
            well_s = time.monotonic()
        elif time.monotonic() > well_s + _TROUBLE_TIMEOUT_S:
            raise SystemExit(sources.removeprefix("docs: "))
        time.sleep(0.2)
    raise SystemExit("the index was not ready in time")


def _tell(stage: Stage, base: str, *, is_own: bool, is_composed: bool) -> None:
    page = _a_page(stage, base)
    question = _OWN_QUESTION if is_own else page.question
    _show(question, _ask(base, question))
    if is_composed:
        show_composed(base, question)
    print_text("\nBefore the commit:")
    _show(_QUESTION, _ask(base, _QUESTION))
    embedded = _embedded(base)
    committed = _commit(stage, page.file)
    start_s = time.perf_counter()
    answer = _wait_for_change(base)
    seconds = time.perf_counter() - start_s
    print_text(f"\nCommitted one paragraph to {committed}. {seconds:.2f} s later:")
    _show(_QUESTION, answer)
    print_text(
        f"\n{seconds:.2f} s from the commit to the changed answer;"
        f" texts embedded: {_embedded(base) - embedded}."
    )


def _ask(base: str, question: str) -> Mapping[str, object]:
    response = httpx.post(f"{base}/query", json={"question": question} | EXTRACTIVE, timeout=30)
    response.raise_for_status()
    answer: Mapping[str, object] = response.json()
    return answer


def _show(question: str, answer: Mapping[str, object]) -> None:
    print_text(f"\nQ: {question}\nA: {plain_text(str(answer['answer']))}")
    sources = answer["sources"]
    for url in sources if isinstance(sources, list) else ():
        print_text(f"   {url}")


def _embedded(base: str) -> int:
    text = httpx.get(f"{base}/metrics", timeout=5).text
    found = re.search(r"^headwater_texts_embedded_total (\S+)", text, re.MULTILINE)
    return int(float(found[1])) if found else 0


def _a_page(stage: Stage, base: str) -> Page:
    """The page to work with: the longest that is indexed on the first level that has any."""
    files = [
        path
        for path in stage.docs.rglob("*")
        if format_of(path.name) is not None and path.is_file() and not path.is_symlink()
    ]
    files.sort(key=lambda path: (len(path.parts), -path.stat().st_size, str(path)))
    url_of = UrlPattern(_URL).url_of
    for file in files[:_MAX_TRIED]:  # drafts and partials are not there, nor what is parked
        path = file.relative_to(stage.docs).as_posix()
        shown = httpx.get(f"{base}/pages", params={"url": url_of(path)}, timeout=30)
        if shown.status_code == 200 and shown.json()["path"] == path:
            return Page(file, _question_about(shown.json()))
    raise SystemExit("the demo found no page in the index that it could edit")


def _question_about(page: Mapping[str, Any]) -> str:
    headings = [str(section["heading"]).strip() for section in page["sections"]]
    named = next((one for one in headings if len(one.split()) > 1), str(page["title"]))
    return f"{named.rstrip('?')}?"


def _commit(stage: Stage, file: Path) -> str:
    text = file.read_bytes().decode("utf-8")
    file.write_bytes(with_paragraph(text, _FACT, suffix=file.suffix).encode("utf-8"))
    _git(stage.clone, "commit", "-q", "-am", "Name the release")
    return str(file.relative_to(stage.clone))


def with_paragraph(text: str, paragraph: str, *, suffix: str) -> str:
    """A page with one more paragraph, in the format that its suffix tells."""
    match suffix.lower():
        case ".ipynb":
            notebook = json.loads(text)
            cell = {"cell_type": "markdown", "id": "demo", "metadata": {}, "source": [paragraph]}
            return json.dumps(notebook | {"cells": [*notebook["cells"], cell]}, indent=1) + "\n"
        case ".html" | ".htm":  # below the title: there it is the page's own text in every theme
            before, end, after = text.rpartition("</h1>")
            return f"{before}{end}\n<p>{paragraph}</p>\n{after}"
    return f"{text}\n\n{paragraph}\n"


def _wait_for_change(base: str) -> Mapping[str, object]:
    deadline = time.monotonic() + _CHANGE_TIMEOUT_S
    while time.monotonic() < deadline:
        answer = _ask(base, _QUESTION)
        if _CODENAME in str(answer["answer"]):
            return answer
        time.sleep(_POLL_S)
    raise SystemExit("the changed answer did not come in time")


def _keep_serving(base: str, source: str) -> None:
    if not sys.stdin.isatty():
        own = "" if source else " --root docs"
        print_text(
            "\nThere is no terminal to end it from, so the demo stops here. To go on asking:"
            f"\n  {Path(sys.executable).parent}/headwater up {shlex.quote(source or str(_OWN))}{own}"
        )
        return
    print_text(f"""
Ask it yourself:
  curl -s {base}/query -H 'content-type: application/json' -d '{{"question": "how do I follow a repository?"}}'
Everything it answers: {base}/schema
Serving until Ctrl-C.""")
    with contextlib.suppress(SystemExit):  # the end that it was told to wait for
        signal.pause()


def _git(folder: Path, *arguments: str) -> None:
    identity = [
        "-c",
        "user.name=Headwater demo",
        "-c",
        "user.email=demo@localhost",
        "-c",
        "commit.gpgsign=false",
    ]
    subprocess.run(["git", "-C", str(folder), *identity, *arguments], check=True)


def _environment() -> dict[str, str]:
    """The user's own, without what would lead the demo to the user's own index."""
    ours = {name: value for name, value in os.environ.items() if not name.startswith("HEADWATER_")}
    return ours | {"PYTHONUNBUFFERED": "1"}


if __name__ == "__main__":
    main()
