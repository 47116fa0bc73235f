"""The real documentation that benchmarks run on, and repositories made from it."""

import os
import subprocess
import tarfile
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from index.adapters.postgres.server import discard

ROOT = Path(__file__).resolve().parents[1]
DATA = ROOT.parent / "shared" / "data"
BUNDLE = DATA / "ray-docs" / "history.bundle"
API_PAGES = DATA / "ray-docs" / "api-html.tar.gz"
DEV_QUESTIONS = DATA / "ray-docs" / "questions-dev.jsonl"
SYNTHETIC_QUESTIONS = DATA / "ray-docs" / "questions-synthetic-dev.jsonl"
URL = "https://docs.ray.io/en/master/{stem}.html"
SMALL_ROOT = "doc/source/tune"
"""A part of the documentation, for runs whose figures are of no interest."""
EXCLUDE = ("**/_templates/**", "templates/**", "**/_includes/**")


@contextmanager
def workspace() -> Iterator[Path]:
    """A temporary folder with a home of its own, whose database is removed with it."""
    with tempfile.TemporaryDirectory(prefix="headwater-bench-") as name:
        try:
            yield Path(name)
        finally:
            discard(Path(name) / ".headwater")


def require_data() -> None:
    """Raises: SystemExit where the data is not beside the checkout."""
    if not BUNDLE.is_file():
        raise SystemExit(f"the benchmarks need the documentation history at {BUNDLE}")


def git(repository: Path, *arguments: str) -> str:
    """Run git there, as a fixed author at whatever time it is. Returns: its output."""
    environment = {
        **os.environ,
        "GIT_AUTHOR_NAME": "bench",
        "GIT_AUTHOR_EMAIL": "bench@localhost",
        "GIT_COMMITTER_NAME": "bench",
        "GIT_COMMITTER_EMAIL": "bench@localhost",
    }
    command = ["git", "-C", str(repository), *arguments]
    return subprocess.run(
        command, check=True, capture_output=True, text=True, env=environment
    ).stdout


def clone_history(folder: Path, *, at: str) -> Path:
    """A work tree of the history with `main` at `at`."""
    repository = folder / "ray-docs"
    subprocess.run(["git", "clone", "-q", "-b", "main", str(BUNDLE), str(repository)], check=True)
    git(repository, "reset", "-q", "--hard", at)
    return repository


def commits(repository: Path, branch: str) -> list[str]:
    """Every commit of a branch, oldest first."""
    return git(repository, "rev-list", "--reverse", branch).split()


def unpack_api_pages(folder: Path) -> Path:
    """The API reference pages as a folder."""
    target = folder / "api"
    with tarfile.open(API_PAGES) as archive:
        archive.extractall(target, filter="data")
    return target


def source_toml(
    *, name: str, kind: str, location: Path, ref: str = "", url: str = URL, extra: str = ""
) -> str:
    """One `[[source]]` of a configuration."""
    root = "doc/source" if kind == "git" else ""
    exclude = ", ".join(f'"{pattern}"' for pattern in EXCLUDE)
    return (
        f'[[source]]\nname = "{name}"\nkind = "{kind}"\nlocation = "{location}"\nref = "{ref}"\nroot = "{root}"\n'
        f'url = "{url}"\nexclude = [{exclude}]\ndialect = "myst"\n{extra}\n'
    )
