"""Sources that a test can change, of each kind, with their readers."""

import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Protocol

from ingest.adapters.folder import FolderReader
from ingest.adapters.git import GitReader
from ingest.adapters.memory import MemoryReader
from ingest.core.tree import SourceReader

Files = Mapping[str, bytes]


class Rig(Protocol):
    """A source that a test can change, and its reader."""

    reader: SourceReader

    def put(self, files: Files) -> None:
        """Make the source hold exactly these files."""
        ...


class MemoryRig:
    def __init__(self, place: Path) -> None:
        memory = MemoryReader()
        self._memory, self.reader = memory, memory

    def put(self, files: Files) -> None:
        self._memory.commit(files)


class FolderRig:
    def __init__(self, place: Path) -> None:
        self._folder = place / "docs"
        self.reader = FolderReader(self._folder, "rig")

    def put(self, files: Files) -> None:
        replace_files(self._folder, files)


class GitRig:
    def __init__(self, place: Path) -> None:
        self._work = place / "work"
        git("init", "-q", "-b", "main", str(self._work), at=place)
        self.reader = GitReader(str(self._work), ref="main", mirror=place / "m.git", name="rig")

    def put(self, files: Files) -> None:
        replace_files(self._work, files)
        git("add", "-A", at=self._work)
        git("commit", "-q", "--allow-empty", "-m", "change", at=self._work)


def replace_files(folder: Path, files: Files) -> None:
    folder.mkdir(exist_ok=True)
    for child in folder.iterdir():
        if child.name != ".git":
            shutil.rmtree(child) if child.is_dir() else child.unlink()
    for path, data in files.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_bytes(data)


def git(*arguments: str, at: Path) -> str:
    who = ["-c", "user.name=docs", "-c", "user.email=docs@example.org"]
    done = subprocess.run(
        ["git", *who, *arguments], cwd=at, check=True, capture_output=True, text=True
    )
    return done.stdout.strip()
