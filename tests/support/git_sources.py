"""Repositories made with real git for tests of its reader."""

import asyncio
import subprocess
from pathlib import Path

from ingest.adapters.git import GitReader
from ingest.core.tree import Head


def git(*arguments: str, at: Path) -> str:
    who = ["-c", "user.name=docs", "-c", "user.email=docs@example.org"]
    done = subprocess.run(
        ["git", *who, *arguments], cwd=at, check=True, capture_output=True, text=True
    )
    return done.stdout.strip()


def commit(work: Path, **files: str) -> str:
    for name, text in files.items():
        (work / f"{name}.md").write_text(text)
    git("add", "-A", at=work)
    git("commit", "-q", "--allow-empty", "-m", "change", at=work)
    return git("rev-parse", "HEAD", at=work)


def reader_of(location: Path | str, mirror: Path, ref: str | None = None) -> GitReader:
    return GitReader(str(location), ref=ref, mirror=mirror, name="docs")


def head_of(reader: GitReader) -> Head:
    return asyncio.run(reader.head())


def names_at(reader: GitReader, commit_id: str) -> set[str]:
    return set(asyncio.run(reader.tree(commit_id, under="")))
