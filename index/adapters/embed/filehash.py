"""Hashes of model files, remembered by path, size and time so that a large file is read once."""

import hashlib
import os
import tempfile
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import msgspec

_WORTH_REMEMBERING_BYTES = 2**20


@dataclass(frozen=True, slots=True)
class _Seen:
    size_bytes: int
    mtime_ns: int
    sha256: str


def hash_files(folder: Path, patterns: Sequence[str], *, memo: Path) -> str:
    """SHA-256 over the names and contents of the files that match, in the order of their names.

    Args:
        memo: A file that keeps the hashes of large files; lost or broken, they are computed again.
    """
    known = _load(memo)
    seen: dict[str, _Seen] = {}
    total = hashlib.sha256()
    for file in sorted(
        {file for pattern in patterns for file in folder.glob(pattern) if file.is_file()}
    ):
        digest = _hash_file(file, known, seen)
        total.update(f"{file.relative_to(folder).as_posix()}\0{digest}\n".encode())
    if any(known.get(path) != entry for path, entry in seen.items()):
        with suppress(OSError):  # a cache that is full or read-only costs time, no more
            write_atomically(memo, msgspec.json.encode(known | seen))
    return total.hexdigest()


def write_atomically(file: Path, content: bytes) -> None:
    """Put `content` at `file` wholly or not at all; the last of several writers wins."""
    file.parent.mkdir(parents=True, exist_ok=True)
    handle, temporary = tempfile.mkstemp(dir=file.parent, prefix=f".{file.name}.")
    try:
        with os.fdopen(handle, "wb") as stream:
            stream.write(content)
        os.replace(temporary, file)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise


def _hash_file(file: Path, known: dict[str, _Seen], seen: dict[str, _Seen]) -> str:
    path = str(file.resolve())
    state = file.stat()
    entry = known.get(path)
    if entry is None or (entry.size_bytes, entry.mtime_ns) != (state.st_size, state.st_mtime_ns):
        with file.open("rb") as stream:
            digest = hashlib.file_digest(stream, "sha256").hexdigest()
        entry = _Seen(state.st_size, state.st_mtime_ns, digest)
    if state.st_size >= _WORTH_REMEMBERING_BYTES:
        seen[path] = entry
    return entry.sha256


def _load(memo: Path) -> dict[str, _Seen]:
    try:
        return msgspec.json.decode(memo.read_bytes(), type=dict[str, _Seen])
    except (OSError, msgspec.DecodeError, msgspec.ValidationError):
        return {}
