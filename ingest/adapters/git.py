"""Reads a git repository of any kind through a bare mirror: no checkout, no filters, no hooks, no submodules."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from ingest.adapters.git_cli import Finished, mask
from ingest.adapters.git_follow import RefFollower
from ingest.adapters.git_location import COMMIT
from ingest.adapters.git_mirror import Mirror
from ingest.adapters.git_output import blobs_of, change_of, entries_of, is_plain, sizes_within
from ingest.core.tree import MAX_COVERED, MAX_FILE_BYTES, FileContent, FileEntry, Head, TreeChange
from schemas.errors import SourceUnreachable

_ARGUMENT_BYTES = 60_000
_RENAME_LIMIT = 400
"""Beyond so many new or gone files only equal contents count as renames, which costs no comparing."""


class GitReader:
    """A `SourceReader` over one ref of a remote, a local repository or a bundle file.

    `ref` is a branch, else a tag, else a full commit id; None is the remote's HEAD. Processes may share a
    mirror.
    """

    def __init__(self, location: str, *, ref: str | None, mirror: Path, name: str) -> None:
        self._location = location
        self._name = name
        self._mirror = Mirror(mirror, name=name)
        self._follower = RefFollower(location, ref, self._mirror, name=name)

    def __repr__(self) -> str:
        return f"GitReader({mask(self._location)!r}, name={self._name!r})"

    async def head(self) -> Head:
        return await self._follower.follow()

    async def tree(self, commit: str, *, under: str) -> Mapping[str, FileEntry]:
        folder = under.strip("/")
        if folder and not is_plain(folder):
            return {}
        below = ["--", f"{folder}/"] if folder else []
        return await self._entries("-r", _checked(commit), *below)

    async def change(self, base: str, head: str) -> TreeChange | None:
        if not COMMIT.fullmatch(base):
            return None
        compared = await self._run(*_COMPARE, base, _checked(head), "--")
        if (
            not compared.is_ok
            and not (await self._run("cat-file", "-e", f"{base}^{{commit}}")).is_ok
        ):
            return None
        return change_of(self._out(compared))

    async def read(self, commit: str, paths: Sequence[str]) -> Mapping[str, FileContent]:
        wanted = {path for path in paths if is_plain(path)}
        entries: dict[str, FileEntry] = {}
        for some in _in_arguments(sorted(wanted)):
            entries |= await self._entries(_checked(commit), "--", *some)
        blobs = await self._blobs(sizes_within(entries, MAX_FILE_BYTES))
        return {
            path: FileContent(entry.blob, entry.size_bytes, blobs.get(entry.blob))
            for path, entry in entries.items()
            if path in wanted  # a folder among the paths makes git list what is in it
        }

    async def covered(self, base: str | None, head: str) -> Sequence[str]:
        newest_first = ("rev-list", f"--max-count={MAX_COVERED}", _checked(head))
        if base is not None and COMMIT.fullmatch(base):
            listed = await self._run(*newest_first, f"^{base}", "--")
            if listed.is_ok:
                return listed.out.decode("ascii").split()
        return (await self._ask(*newest_first, "--")).decode("ascii").split()

    async def lost(self, base: str | None, head: str) -> Sequence[str] | None:
        if base is None or not COMMIT.fullmatch(base):
            return None
        most = f"--max-count={MAX_COVERED + 1}"
        listed = await self._run("rev-list", most, base, f"^{_checked(head)}", "--")
        lost = listed.out.decode("ascii").split() if listed.is_ok else None
        return lost if lost is not None and len(lost) <= MAX_COVERED else None

    async def close(self) -> None:
        await self._follower.tidy()

    async def _blobs(self, blobs: Sequence[str]) -> Mapping[str, bytes]:
        if not blobs:
            return {}
        batch = await self._ask(
            "cat-file", "--batch", send="".join(f"{blob}\n" for blob in blobs).encode()
        )
        try:
            return dict(blobs_of(batch))
        except ValueError as exc:
            raise self._lost(str(exc)) from exc

    async def _entries(self, *arguments: str) -> dict[str, FileEntry]:
        listing = await self._ask("ls-tree", "-z", "-l", "--full-tree", *arguments)
        try:
            return entries_of(listing)
        except ValueError as exc:
            raise self._lost(str(exc)) from exc

    def _lost(self, what: str) -> SourceUnreachable:
        """The mirror has a hole: the next `head()` looks closely and makes it again."""
        self._follower.suspicion = Finished(1, b"", f"missing blob: {what}")
        return SourceUnreachable(self._name, f"the mirror has lost a file: {what}")

    async def _ask(self, *arguments: str, send: bytes = b"") -> bytes:
        return self._out(await self._run(*arguments, send=send))

    async def _run(self, *arguments: str, send: bytes = b"") -> Finished:
        try:
            return await self._mirror.run(*arguments, send=send)
        except TimeoutError as exc:
            raise SourceUnreachable(self._name, "git did not finish in time") from exc
        except OSError as exc:
            raise SourceUnreachable(self._name, f"git cannot be run: {exc.strerror}") from exc

    def _out(self, finished: Finished) -> bytes:
        if not finished.is_ok:
            self._follower.suspicion = finished
            raise SourceUnreachable(self._name, finished.reason)
        return finished.out


_COMPARE = (
    "diff-tree",
    "-r",
    "-z",
    "-M",
    f"-l{_RENAME_LIMIT}",
    "--raw",
    "--no-ext-diff",
    "--no-textconv",
    "--no-relative",
)


def _checked(commit: str) -> str:
    """A commit id goes to git as it is, so that it has to be one."""
    if not COMMIT.fullmatch(commit):
        raise ValueError(f"{commit!r} is no commit id")
    return commit


def _in_arguments(paths: Sequence[str]) -> Iterator[Sequence[str]]:
    """Cut `paths` into runs that fit on a command line."""
    run: list[str] = []
    size_bytes = 0
    for path in paths:
        size_bytes += len(path.encode()) + 1
        if run and size_bytes > _ARGUMENT_BYTES:
            yield run
            run, size_bytes = [], len(path.encode()) + 1
        run.append(path)
    if run:
        yield run
