"""`make demo`: the main job on real input, told step by step."""

import argparse
import contextlib
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import httpx

from headwater.console import print_text, say
from index.adapters.postgres.server import discard

_START_TIMEOUT_S = 900.0
_CHANGE_TIMEOUT_S = 60.0
_POLL_S = 0.02
_ANNOUNCED = re.compile(r"answering on (http://\S+)")
_CODENAME = "Kingfisher"
_FACT = f"The codename of this release is {_CODENAME}."
_QUESTION = "What is the codename of this release?"
_OWN_QUESTION = "How soon is a commit to the docs answerable?"
_PAGES = (".md", ".rst", ".mdx")


@dataclass(frozen=True, slots=True)
class Stage:
    """The temporary clone that the demo commits to, and where its docs are."""

    clone: Path
    root: str


def main() -> None:
    """Run the demo; exit status 0 when the changed answer came."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--source", default="", help="a path, git URL or bundle; none: this project's own docs"
    )
    source = parser.parse_args().source
    with tempfile.TemporaryDirectory(prefix="headwater-demo-") as folder:
        stage = _stage(source, Path(folder))
        with _serving(stage, Path(folder)) as base:
            _tell(stage, base, is_own=not source)
            _keep_serving(base)


def _stage(source: str, folder: Path) -> Stage:
    """Clone the source, or give a plain folder a history, so that nothing of the user's is committed to."""
    clone = folder / "docs-repository"
    own = Path(__file__).resolve().parents[1]
    location = source or str(own)
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
def _serving(stage: Stage, folder: Path) -> Iterator[str]:
    """`headwater up` on the clone. Yields its address once it is ready."""
    (folder / "headwater.toml").write_text(_configuration(stage), "utf-8")
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
        discard(folder / ".headwater")


def _configuration(stage: Stage) -> str:
    url = "https://docs.example/{pretty}"
    where = f'location = "{stage.clone}"\nroot = "{stage.root}"'
    return f'[[source]]\nname = "docs"\n{where}\nurl = "{url}"\npoll_s = 0.2\n'


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
    deadline = time.monotonic() + _START_TIMEOUT_S
    while time.monotonic() < deadline:
        response = httpx.get(f"{base}/readyz", timeout=5)
        if response.status_code == 200:
            return
        time.sleep(0.2)
    raise SystemExit("the index was not ready in time")


def _tell(stage: Stage, base: str, *, is_own: bool) -> None:
    question = _OWN_QUESTION if is_own else _a_question(stage)
    _show(question, _ask(base, question))
    print_text("\nBefore the commit:")
    _show(_QUESTION, _ask(base, _QUESTION))
    embedded = _embedded(base)
    page = _commit(stage)
    start_s = time.perf_counter()
    answer = _wait_for_change(base)
    seconds = time.perf_counter() - start_s
    print_text(f"\nCommitted one paragraph to {page}. {seconds:.2f} s later:")
    _show(_QUESTION, answer)
    print_text(
        f"\n{seconds:.2f} s from the commit to the changed answer;"
        f" texts embedded: {_embedded(base) - embedded}."
    )


def _ask(base: str, question: str) -> Mapping[str, object]:
    response = httpx.post(f"{base}/query", json={"question": question}, timeout=30)
    response.raise_for_status()
    answer: Mapping[str, object] = response.json()
    return answer


def _show(question: str, answer: Mapping[str, object]) -> None:
    print_text(f"\nQ: {question}\nA: {answer['answer']}")
    sources = answer["sources"]
    for url in sources if isinstance(sources, list) else ():
        print_text(f"   {url}")


def _embedded(base: str) -> int:
    text = httpx.get(f"{base}/metrics", timeout=5).text
    found = re.search(r"^headwater_texts_embedded_total (\S+)", text, re.MULTILINE)
    return int(float(found[1])) if found else 0


def _a_page(stage: Stage) -> Path:
    """The page to work with: the longest of the first level that has any, for it has something to say."""
    pages = [
        path
        for path in (stage.clone / stage.root).rglob("*")
        if path.suffix in _PAGES and path.is_file()
    ]
    if not pages:
        raise SystemExit(f"there is no page ({', '.join(_PAGES)}) in {stage.clone}")
    return min(pages, key=lambda path: (len(path.parts), -path.stat().st_size, str(path)))


def _a_question(stage: Stage) -> str:
    text = _a_page(stage).read_text("utf-8", "replace")
    headings = re.findall(r"^#+ +(.+)$|^(.+)\n[=\-~^]{4,}$", text, re.MULTILINE)
    named = next((a or b for a, b in headings if len((a or b).split()) > 1), _a_page(stage).stem)
    return f"{named.strip().rstrip('?')}?"


def _commit(stage: Stage) -> str:
    page = _a_page(stage)
    with page.open("a", encoding="utf-8") as file:
        file.write(f"\n\n{_FACT}\n")
    _git(stage.clone, "commit", "-q", "-am", "Name the release")
    return str(page.relative_to(stage.clone))


def _wait_for_change(base: str) -> Mapping[str, object]:
    deadline = time.monotonic() + _CHANGE_TIMEOUT_S
    while time.monotonic() < deadline:
        answer = _ask(base, _QUESTION)
        if _CODENAME in str(answer["answer"]):
            return answer
        time.sleep(_POLL_S)
    raise SystemExit("the changed answer did not come in time")


def _keep_serving(base: str) -> None:
    print_text(f"""
Ask it yourself:
  curl -s {base}/query -H 'content-type: application/json' -d '{{"question": "how do I follow a repository?"}}'
Everything it answers: {base}/schema""")
    if not sys.stdout.isatty():
        return
    print_text("Serving until Ctrl-C.")
    with contextlib.suppress(KeyboardInterrupt):
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
