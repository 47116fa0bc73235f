"""Reads what git's plumbing prints; always NUL-separated, so that no name needs quoting."""

from collections.abc import Iterator, Mapping

from ingest.core.tree import FileEntry, TreeChange

_REGULAR = frozenset({b"100644", b"100755", b"100664"})


def entries_of(listing: bytes) -> dict[str, FileEntry]:
    """The regular files of `ls-tree -r -z -l`.

    Symlinks, submodules, and names that are no UTF-8 or lead elsewhere are left out. Raises: ValueError for a
    file that the mirror has lost.
    """
    files = {}
    for line in listing.split(b"\0")[:-1]:
        meta, _, raw = line.partition(b"\t")
        mode, *rest = meta.split()
        if mode in _REGULAR and (path := _text(raw)) is not None and is_plain(path):
            files[path] = FileEntry(blob=rest[1].decode(), size_bytes=int(rest[2]))
    return files


def change_of(raw_diff: bytes) -> TreeChange:
    """The paths of `diff-tree -r -z -M --raw`."""
    paths: set[str] = set()
    renamed: dict[str, str] = {}
    fields = iter(raw_diff.split(b"\0"))
    for meta in fields:
        if not meta.startswith(b":"):
            continue
        mode, new_mode, _, _, status = meta[1:].split()
        names = [_text(next(fields)) for _ in range(2 if status[:1] in b"RC" else 1)]
        paths.update(name for name in names if name is not None)
        if status[:1] == b"R" and {mode, new_mode} <= _REGULAR and None not in names:
            renamed[str(names[1])] = str(names[0])
    return TreeChange(paths=frozenset(paths), renamed=renamed)


def blobs_of(batch: bytes) -> Iterator[tuple[str, bytes]]:
    """The objects of `cat-file --batch`; Raises: ValueError for one that the mirror has lost."""
    at = 0
    while at < len(batch):
        end = batch.index(b"\n", at)
        blob, kind, *size = batch[at:end].split()
        if kind != b"blob":
            raise ValueError(
                f"{blob.decode('ascii', 'replace')} is {kind.decode('ascii', 'replace')}"
            )
        start = end + 1
        stop = start + int(size[0])
        yield blob.decode(), batch[start:stop]
        at = stop + 1


def default_branch_of(advertised: bytes) -> str | None:
    """Which ref of `ls-remote` stands for a remote that names no HEAD: its only branch, else main or master."""
    names = [
        line.split(b"\t")[1].decode("utf-8", "replace")
        for line in advertised.splitlines()
        if b"\t" in line
    ]
    branches = [name for name in names if name.startswith("refs/heads/")]
    if len(branches) == 1:
        return branches[0]
    return next(
        (name for name in ("refs/heads/main", "refs/heads/master") if name in branches), None
    )


def is_plain(path: str) -> bool:
    """Tell whether git may be asked for `path`: relative, and without parts that lead elsewhere."""
    return "\0" not in path and not {"", ".", ".."} & set(path.split("/"))


def sizes_within(entries: Mapping[str, FileEntry], cap_bytes: int) -> list[str]:
    """The blobs that may be read, each once, in a fixed order."""
    return sorted({entry.blob for entry in entries.values() if entry.size_bytes <= cap_bytes})


def _text(raw: bytes) -> str | None:
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError:
        return None
