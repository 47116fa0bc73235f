"""A source as a history of trees: the values, and the port that reads them."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from schemas.events import MAX_PAGE_BYTES

MAX_FILE_BYTES = MAX_PAGE_BYTES
"""A file larger than a page may be is never read."""
MAX_PATH_BYTES = 1_000
"""A longer path is read by nobody: two such, a page and what it includes, still fit in one row of an index."""
MAX_COVERED = 10_000
"""At most so many commits are named as covered by one sync."""


@dataclass(frozen=True, slots=True)
class Head:
    """The newest state of a source. `committed_at` is aware UTC."""

    commit: str
    committed_at: datetime


@dataclass(frozen=True, slots=True)
class FileEntry:
    """A regular file of a tree; equal `blob` means equal bytes."""

    blob: str
    size_bytes: int


@dataclass(frozen=True, slots=True)
class FileContent:
    """A file's bytes; `data` is None when it is larger than `MAX_FILE_BYTES` and was not read."""

    blob: str
    size_bytes: int
    data: bytes | None


@dataclass(frozen=True, slots=True)
class TreeChange:
    """What differs between two commits.

    `paths` holds every path added, modified, deleted or changed in type, old and new names alike; `renamed`
    maps a new path to the old path it is equal or similar to.
    """

    paths: frozenset[str]
    renamed: Mapping[str, str]


def blob_of(data: bytes) -> str:
    """The id that git gives to these bytes, so that every kind of source names a file alike."""
    return hashlib.sha1(b"blob %d\0" % len(data) + data, usedforsecurity=False).hexdigest()


def compare_trees(old: Mapping[str, FileEntry], new: Mapping[str, FileEntry]) -> TreeChange:
    """What differs between two whole trees; a rename is a new path with the bytes of one that is gone."""
    differ = frozenset(path for path in old.keys() | new.keys() if old.get(path) != new.get(path))
    gone: dict[str, list[str]] = {}
    for path in sorted(old.keys() - new.keys(), reverse=True):
        gone.setdefault(old[path].blob, []).append(path)
    came = [path for path in sorted(new.keys() - old.keys()) if new[path].blob in gone]
    renamed = {path: gone[new[path].blob].pop() for path in came if gone[new[path].blob]}
    return TreeChange(paths=differ, renamed=renamed)


class SourceReader(Protocol):
    """Reads one source, never writing to it. Paths are posix paths from the top of the repository or folder.

    Paths that are no UTF-8 are left out everywhere, as if they did not exist. Every method may raise
    SourceUnreachable (try again, after a new `head()`); nothing is called after `close`.
    """

    async def head(self) -> Head:
        """Bring the mirror up to date and name its newest commit. May be called by several tasks at once.

        Raises: BadSource when it can never work as configured (ref, scheme, broken bundle, missing folder).
        """
        ...

    async def tree(self, commit: str, *, under: str) -> Mapping[str, FileEntry]:
        """All regular files below the folder `under` ("" for all): no symlinks, no submodules.

        A folder that is not there is empty; whether that is an error is for the caller to say.
        """
        ...

    async def change(self, base: str, head: str) -> TreeChange | None:
        """Compare two commits, or None when `base` is not to be had any more: then list the whole tree."""
        ...

    async def read(self, commit: str, paths: Sequence[str]) -> Mapping[str, FileContent]:
        """Read files as they are in `commit`; what is absent, a symlink or a submodule is left out.

        A folder has only its present bytes: when a file has changed since `commit` was listed, this raises
        SourceUnreachable, and the next `head()` names a new commit.
        """
        ...

    async def covered(self, base: str | None, head: str) -> Sequence[str]:
        """Commits reachable from `head` and not from `base`, newest first, at most `MAX_COVERED`.

        All of `head`'s when `base` is None or gone; only `head` where there is no history.
        """
        ...

    async def lost(self, base: str | None, head: str) -> Sequence[str] | None:
        """Commits reachable from `base` and not from `head`, as after a force push: none where `head` goes on from it.

        None where that cannot be told, they are over `MAX_COVERED`, or there is no history, so that no state holds
        another: whatever is not of `head` is lost then.
        """
        ...

    async def close(self) -> None:
        """Let go of everything held. May be called twice."""
        ...
