"""A small git repository of docs, made and changed by a test."""

import subprocess
from pathlib import Path

_IDENTITY = (
    *("-c", "user.name=Tester"),
    *("-c", "user.email=tester@localhost"),
    *("-c", "commit.gpgsign=false"),
    *("-c", "core.hooksPath=/dev/null"),
)


def page(title: str, *paragraphs: str) -> str:
    """A Markdown page: one heading, and a section for each paragraph."""
    sections = [
        f"## {title} part {number}\n\n{text}\n" for number, text in enumerate(paragraphs, 1)
    ]
    return "\n".join([f"# {title}\n", *sections])


class Repository:
    """A working copy whose `commit` takes whatever the test has done to its files."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir(parents=True, exist_ok=True)
        self.git("init", "-q", "-b", "main")

    def git(self, *arguments: str) -> str:
        """Run git here. Returns: what it printed."""
        done = subprocess.run(
            ["git", "-C", str(self.folder), *_IDENTITY, *arguments],
            check=True,
            capture_output=True,
            text=True,
        )
        return done.stdout.strip()

    def write(self, path: str, text: str | bytes) -> None:
        """Make or replace a file."""
        file = self.folder / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(text if isinstance(text, bytes) else text.encode())

    def read(self, path: str) -> str:
        return (self.folder / path).read_text("utf-8")

    def remove(self, path: str) -> None:
        (self.folder / path).unlink()

    def rename(self, old: str, new: str) -> None:
        (self.folder / old).rename(self.folder / new)

    def commit(self) -> str:
        """Commit everything as it is now. Returns: the commit."""
        self.git("add", "-A")
        self.git("commit", "-q", "--allow-empty", "-m", "a change")
        return self.git("rev-parse", "HEAD")

    def bundle(self, file: Path) -> Path:
        """Write the whole history to a bundle file."""
        self.git("bundle", "create", "-q", str(file), "--all")
        return file
