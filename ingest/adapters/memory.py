"""A source in memory, for tests: commits as mappings from path to bytes, failing on cue."""

import hashlib
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta

from ingest.core.tree import (
    MAX_COVERED,
    MAX_FILE_BYTES,
    FileContent,
    FileEntry,
    Head,
    TreeChange,
    blob_of,
    compare_trees,
)
from schemas.errors import HeadwaterError, SourceUnreachable

_FIRST = datetime(2024, 1, 1, tzinfo=UTC)


class MemoryReader:
    """A `SourceReader` whose history a test writes: `commit` adds to it, `reset` forces it back, `fail` breaks it."""

    def __init__(self) -> None:
        self._trees: dict[str, dict[str, bytes]] = {}
        self._parents: dict[str, str | None] = {}
        self._times: dict[str, datetime] = {}
        self._head: str | None = None
        self._failures: list[HeadwaterError] = []
        self.reads: list[tuple[str, ...]] = []

    def commit(self, files: Mapping[str, bytes], *, at: datetime | None = None) -> str:
        """Add a commit that holds exactly `files` on top of the head, and return its id."""
        digest = hashlib.sha1(f"{self._head}:{len(self._times)}".encode(), usedforsecurity=False)
        commit = digest.hexdigest()
        self._trees[commit] = dict(files)
        self._parents[commit] = self._head
        self._times[commit] = at or _FIRST + timedelta(minutes=len(self._times))
        self._head = commit
        return commit

    def reset(self, commit: str) -> None:
        """Move the head to another commit, as a force push does."""
        self._head = commit

    def forget(self, commit: str) -> None:
        """Lose a commit, as a mirror that was made again does."""
        del self._trees[commit]

    def fail(self, *errors: HeadwaterError) -> None:
        """Raise these from the next calls, one each."""
        self._failures += errors

    async def head(self) -> Head:
        self._cue()
        if self._head is None:
            raise SourceUnreachable("memory", "it has no commits yet")
        return Head(self._head, self._times[self._head])

    async def tree(self, commit: str, *, under: str) -> Mapping[str, FileEntry]:
        self._cue()
        folder = under.strip("/")
        entries = _entries(self._files(commit))
        below = f"{folder}/" if folder else ""
        return {path: entry for path, entry in entries.items() if path.startswith(below)}

    async def change(self, base: str, head: str) -> TreeChange | None:
        self._cue()
        if base not in self._trees:
            return None
        return compare_trees(_entries(self._trees[base]), _entries(self._files(head)))

    async def read(self, commit: str, paths: Sequence[str]) -> Mapping[str, FileContent]:
        self._cue()
        self.reads.append(tuple(paths))
        files = self._files(commit)
        return {path: _content(files[path]) for path in paths if path in files}

    async def covered(self, base: str | None, head: str) -> Sequence[str]:
        self._cue()
        known = set(self._line(base))
        return [commit for commit in self._line(head) if commit not in known][:MAX_COVERED]

    async def lost(self, base: str | None, head: str) -> Sequence[str] | None:
        self._cue()
        if base not in self._trees:
            return None
        held = set(self._line(head))
        return [commit for commit in self._line(base) if commit not in held]

    async def close(self) -> None:
        self._failures.clear()

    def _line(self, commit: str | None) -> list[str]:
        line = []
        while commit is not None and commit in self._trees:
            line.append(commit)
            commit = self._parents[commit]
        return line

    def _files(self, commit: str) -> Mapping[str, bytes]:
        if commit not in self._trees:
            raise SourceUnreachable("memory", f"it has no commit {commit}")
        return self._trees[commit]

    def _cue(self) -> None:
        if self._failures:
            raise self._failures.pop(0)


def _entries(files: Mapping[str, bytes]) -> dict[str, FileEntry]:
    return {path: FileEntry(blob_of(data), len(data)) for path, data in files.items()}


def _content(data: bytes) -> FileContent:
    return FileContent(blob_of(data), len(data), data if len(data) <= MAX_FILE_BYTES else None)
