"""Reads a plain folder as a source: its states are named by their content, and known by stat when unchanged."""

import asyncio
import threading
from collections import OrderedDict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from ingest.adapters.folder_scan import Listing, read_file, refresh, scan
from ingest.core.tree import FileContent, FileEntry, Head, TreeChange, compare_trees
from schemas.errors import BadSource, SourceUnreachable

_PREFIX = "folder:"
_REMEMBERED = 8


@dataclass(frozen=True, slots=True)
class _State:
    head: Head
    files: Mapping[str, FileEntry]


class FolderReader:
    """A `SourceReader` over a folder as it is now, its few last states remembered in memory.

    Hidden folders, `node_modules`, symlinks, files that may not be read and what editors leave beside a file
    are left out; a folder that cannot be listed fails the sync instead, so that it never looks like a
    deletion.
    """

    def __init__(self, location: Path, name: str) -> None:
        self.location = at_home(location)
        self._name = name
        self._listing: Listing | None = None
        self._states: OrderedDict[str, _State] = OrderedDict()
        self._touched: set[Path] = set()
        self._touching = threading.Lock()
        self._turn = asyncio.Lock()

    def touched(self, paths: Iterable[Path]) -> None:
        """Say where something changed: the next `head()` looks there only. Safe to call from any thread.

        A `head()` without such a hint looks everywhere, so that a hint that was lost costs time and nothing
        else.
        """
        with self._touching:
            self._touched.update(paths)

    async def head(self) -> Head:
        async with self._turn:
            with self._touching:
                touched, self._touched = self._touched, set()
            return await asyncio.to_thread(self._look, touched)

    async def tree(self, commit: str, *, under: str) -> Mapping[str, FileEntry]:
        files = self._state(commit).files
        folder = under.strip("/")
        if not folder:
            return files
        return {path: entry for path, entry in files.items() if path.startswith(f"{folder}/")}

    async def change(self, base: str, head: str) -> TreeChange | None:
        if base not in self._states:
            return None
        old, new = self._state(base).files, self._state(head).files
        return await asyncio.to_thread(compare_trees, old, new)

    async def read(self, commit: str, paths: Sequence[str]) -> Mapping[str, FileContent]:
        files = self._state(commit).files
        wanted = {path: files[path] for path in paths if path in files}
        return await asyncio.to_thread(self._read, wanted)

    async def covered(self, base: str | None, head: str) -> Sequence[str]:
        return [head] if base != head else []

    async def lost(self, base: str | None, head: str) -> Sequence[str] | None:
        return None

    async def close(self) -> None:
        self._states.clear()
        self._listing = None

    def _look(self, touched: set[Path]) -> Head:
        root = self._root()
        try:
            if self._listing is not None and self._listing.root == root and touched:
                self._listing = refresh(self._listing, touched)
            else:
                self._listing = scan(root, self._listing)
        except OSError as exc:
            raise SourceUnreachable(self._name, f"{exc.filename}: {exc.strerror}") from exc
        return self._remember(self._listing)

    def _root(self) -> Path:
        try:
            root = self.location.resolve(strict=True)
        except FileNotFoundError as exc:
            raise BadSource(self._name, f"there is no folder {self.location}") from exc
        except (OSError, RuntimeError) as exc:
            raise BadSource(self._name, f"{self.location} cannot be read") from exc
        if not root.is_dir():
            raise BadSource(self._name, f"{self.location} is no folder")
        return root

    def _remember(self, listing: Listing) -> Head:
        commit = _PREFIX + listing.digest
        if commit not in self._states:
            moment = datetime.fromtimestamp(listing.changed_ns / 1e9, tz=UTC)
            self._states[commit] = _State(Head(commit, moment), listing.entries())
            while len(self._states) > _REMEMBERED:
                self._states.popitem(last=False)
        self._states.move_to_end(commit)
        return self._states[commit].head

    def _state(self, commit: str) -> _State:
        state = self._states.get(commit)
        if state is None:
            raise SourceUnreachable(self._name, f"the folder is no longer as it was at {commit}")
        return state

    def _read(self, wanted: Mapping[str, FileEntry]) -> Mapping[str, FileContent]:
        root = self._root()
        try:
            found = {path: read_file(root / path, entry) for path, entry in wanted.items()}
        except OSError as exc:
            raise SourceUnreachable(self._name, f"{exc.filename}: {exc.strerror}") from exc
        if None in found.values():  # leaving it out would look like a deletion
            raise SourceUnreachable(self._name, "a file changed while it was read")
        return {path: content for path, content in found.items() if content is not None}


def at_home(location: Path) -> Path:
    """A path with `~` expanded; that of a user who is not there stays as it is, and is nowhere."""
    try:
        return location.expanduser()
    except RuntimeError:
        return location
