"""Lists a folder: which files count, what their bytes are, and which need not be read again."""

import errno
import fnmatch
import hashlib
import os
import re
import stat
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from ingest.core.tree import MAX_FILE_BYTES, FileContent, FileEntry, blob_of

_IGNORED_FOLDERS = frozenset({"node_modules", "__pycache__"})
# Written for a moment by Vim, Emacs, JetBrains, Kate, gedit and downloads; some are renamed onto
# the real file.
_TEMPORARY = "*~ .#* #*# *.sw[a-z] 4913 *___jb_tmp___ *___jb_old___ .goutputstream-* *.kate-swp *.part *.crdownload"
_IS_TEMPORARY = re.compile("|".join(fnmatch.translate(pattern) for pattern in _TEMPORARY.split()))
# Clocks of file systems tick in steps of up to 2 s (FAT, old NFS): a file this young may change
# without its stat.
_SETTLED_NS = 2_500_000_000
_MANY = 200
# Gone, forbidden, a symlink or a device: no page. Anything else is a failing disk, which is no
# deletion.
_UNREADABLE = frozenset(
    {errno.ENOENT, errno.ENOTDIR, errno.EACCES, errno.EPERM, errno.ELOOP, errno.ENXIO}
)
_OPEN = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC


@dataclass(frozen=True, slots=True)
class _Known:
    """A file as last read; `stamp` is what `stat` said of it, None while it may change without a sign."""

    stamp: tuple[int, int, int, int] | None
    entry: FileEntry
    mtime_ns: int


@dataclass(frozen=True, slots=True)
class Listing:
    """All files of a folder by their posix path, in path order.

    `digest` names the paths and contents; `changed_ns` is the newest modification of a file or folder, never
    in the future.
    """

    root: Path
    files: Mapping[str, _Known]
    folder_ns: int
    digest: str
    changed_ns: int

    def entries(self) -> Mapping[str, FileEntry]:
        """What a tree says of the files."""
        return {path: known.entry for path, known in self.files.items()}


def scan(root: Path, before: Listing | None) -> Listing:
    """List the whole folder; a file whose stat is as it was `before` is not read again.

    Raises: OSError when a folder cannot be listed.
    """
    known = before.files if before is not None and before.root == root else {}
    walk = _Walk(root, known)
    walk.folder("")
    return _listing(before, root, walk)


def refresh(before: Listing, touched: Iterable[Path]) -> Listing:
    """List again only what is at or below the `touched` paths; all of it when one of them is elsewhere."""
    try:
        places = {path.relative_to(before.root).as_posix() for path in touched}
    except ValueError:
        return scan(before.root, before)
    if "." in places or len(places) > _MANY:
        return scan(before.root, before)
    walk = _Walk(before.root, before.files, before.folder_ns)
    below = tuple(f"{place}/" for place in places)
    walk.files = {
        path: known
        for path, known in before.files.items()
        if path not in places and not path.startswith(below)
    }
    for place in sorted(places):
        walk.place(place)
    return _listing(before, before.root, walk)


def read_file(path: Path, entry: FileEntry) -> FileContent | None:
    """The file's bytes, or None when they are no longer those of `entry`.

    The comparison also covers a folder that was swapped for a symlink after the listing.
    """
    if entry.size_bytes > MAX_FILE_BYTES:
        return FileContent(entry.blob, entry.size_bytes, None)
    found = _read(path)
    if found is None or blob_of(found[0]) != entry.blob:
        return None
    return FileContent(entry.blob, entry.size_bytes, found[0])


class _Walk:
    """One pass over a folder, taking over what is known of unchanged files."""

    def __init__(self, root: Path, known: Mapping[str, _Known], folder_ns: int = 0) -> None:
        self.root = root
        self.known = known
        self.files: dict[str, _Known] = {}
        self.folder_ns = folder_ns
        self.settled_before_ns = time.time_ns() - _SETTLED_NS

    def folder(self, top: str) -> None:
        """Take in everything below the folder `top`."""
        pending = [top]
        while pending:
            place = pending.pop()
            prefix = f"{place}/" if place else ""
            try:
                self._note_folder(place)
                with os.scandir(self.root / place) as found:
                    entries = [entry for entry in found if _is_text(entry.name)]
            except FileNotFoundError:
                continue
            for entry in entries:
                if entry.is_dir(follow_symlinks=False):
                    if not _is_ignored_folder(entry.name):
                        pending.append(prefix + entry.name)
                elif entry.is_file(follow_symlinks=False):
                    self._file(prefix + entry.name, entry)

    def place(self, path: str) -> None:
        """Take in whatever is at `path` now, as the whole pass would have."""
        *folders, name = path.split("/")
        at = self.root
        for folder in folders:
            at = at / folder
            if _is_ignored_folder(folder) or not _is_real_folder(at):
                return
        if not _is_text(path):
            return
        self._note_folder("/".join(folders))
        if _is_real_folder(at / name):
            if not _is_ignored_folder(name):
                self.folder(path)
        else:
            self._file(path, at / name)

    def _note_folder(self, place: str) -> None:
        self.folder_ns = max(self.folder_ns, (self.root / place).stat().st_mtime_ns)

    def _file(self, path: str, at: os.DirEntry[str] | Path) -> None:
        if _IS_TEMPORARY.match(at.name):
            return
        try:
            info = at.stat(follow_symlinks=False)
        except FileNotFoundError:
            return
        stamp = _stamp(info)
        before = self.known.get(path)
        if before is not None and before.stamp == stamp:
            self.files[path] = before
        elif stat.S_ISREG(info.st_mode) and (read := self._look(self.root / path, info)):
            self.files[path] = read

    def _look(self, path: Path, info: os.stat_result) -> _Known | None:
        """Read the file for its blob; one too large to be read is known by its size and time."""
        if info.st_size > MAX_FILE_BYTES:
            name = f"large {info.st_size} {info.st_mtime_ns}".encode()
            return _Known(_stamp(info), FileEntry(blob_of(name), info.st_size), info.st_mtime_ns)
        found = _read(path)
        if found is None:
            return None
        data, after = found
        young = max(after.st_mtime_ns, after.st_ctime_ns) > self.settled_before_ns
        stamp = None if young or _stamp(after) != _stamp(info) else _stamp(after)
        return _Known(stamp, FileEntry(blob_of(data), len(data)), after.st_mtime_ns)


def _read(path: Path) -> tuple[bytes, os.stat_result] | None:
    """A regular file's bytes and its stat after the reading; None when it cannot be read as one."""
    try:
        descriptor = os.open(path, _OPEN)
    except OSError as exc:
        if exc.errno in _UNREADABLE:
            return None
        raise
    with open(descriptor, "rb") as file:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            return None
        data = file.read(MAX_FILE_BYTES + 1)
        return data, os.fstat(descriptor)


def _listing(before: Listing | None, root: Path, walk: _Walk) -> Listing:
    changed_ns = max((known.mtime_ns for known in walk.files.values()), default=0)
    changed_ns = min(max(changed_ns, walk.folder_ns), time.time_ns())
    if before is not None and before.files == walk.files:
        return Listing(root, before.files, walk.folder_ns, before.digest, changed_ns)
    files = dict(sorted(walk.files.items()))
    digest = hashlib.sha256()
    for path, known in files.items():
        digest.update(f"{path}\0{known.entry.blob}\0".encode())
    return Listing(root, files, walk.folder_ns, digest.hexdigest(), changed_ns)


def _stamp(info: os.stat_result) -> tuple[int, int, int, int]:
    return info.st_mtime_ns, info.st_ctime_ns, info.st_size, info.st_ino


def _is_ignored_folder(name: str) -> bool:
    return name.startswith(".") or name in _IGNORED_FOLDERS


def _is_real_folder(path: Path) -> bool:
    try:
        return stat.S_ISDIR(path.lstat().st_mode)
    except OSError:
        return False


def _is_text(name: str) -> bool:
    try:
        name.encode("utf-8")
    except UnicodeEncodeError:
        return False
    return True
