"""The bare mirror of one repository: made, kept sound and made again, with several processes at it."""

import asyncio
import contextlib
import os
import re
import shutil
import tempfile
import time
from pathlib import Path

from ingest.adapters.git_cli import Finished, run_git
from schemas.errors import BadSource

FETCH_TIMEOUT_S = 1800.0
_CHECK_TIMEOUT_S = 600.0
_TIDY_TIMEOUT_S = 60.0
_NOT_FOUND = 127
"""What `env` ends with when there is no git to run."""
_LOCK_TRIES = 3
_LOCK_PAUSE_S = 0.2
# git holds its own locks for milliseconds; one this old belongs to a process that was killed.
_STALE_LOCK_S = 10.0
_STALE_PACK_S = 3600.0

_LOCKED = re.compile(r"\.lock': File exists|cannot lock ref|[Uu]nable to lock|Another git process")
_DAMAGED = re.compile(
    r"corrupt|bad (object|tree|ref)|missing (blob|tree|commit)|[Uu]nable to (read|parse|find)|is empty$|broken|"
    r"inflate|invalid sha1 pointer|not a git repository: |did not send all necessary|could not (parse|read)|"
    r"bad config|bad tree|is garbage|unresolved",
    re.MULTILINE,
)


class Mirror:
    """One bare repository on disk that only git writes to, safe to share between processes.

    Nothing in it is ever collected: an old commit stays comparable after a force push.
    """

    __slots__ = ("_name", "path")

    def __init__(self, path: Path, *, name: str) -> None:
        self.path = path.absolute()
        self._name = name

    async def ensure(self) -> None:
        """Make the mirror when there is none, or none that git would take for one. Raises: BadSource, OSError."""
        if _looks_whole(self.path):
            return
        await self.remove()
        self.path.parent.mkdir(parents=True, exist_ok=True)
        fresh = Path(tempfile.mkdtemp(prefix=f"{self.path.name}.new-", dir=self.path.parent))
        try:
            await self._make(fresh)
        except OSError:
            # Another process may have been first, which is as good.
            if not _looks_whole(self.path):
                raise
        finally:
            shutil.rmtree(fresh, ignore_errors=True)

    async def _make(self, fresh: Path) -> None:
        made = await run_git("init", "--quiet", "--bare", "--template=", mirror=fresh)
        if made.code == _NOT_FOUND:
            raise BadSource(self._name, "git is not installed")
        if not made.is_ok:
            raise OSError(made.reason)
        fresh.rename(self.path)

    async def fetch(self, url: str, *refspecs: str) -> Finished:
        """Fetch refs with their history; waits a moment for another process, and clears what a dead one left."""
        for attempt in range(_LOCK_TRIES):
            if attempt:
                await asyncio.sleep(_LOCK_PAUSE_S)
                await asyncio.to_thread(_clear_leftovers, self.path)
            fetched = await run_git(
                *_FETCH, "--", url, *refspecs, mirror=self.path, timeout_s=FETCH_TIMEOUT_S
            )
            if fetched.is_ok or not _LOCKED.search(fetched.errors):
                break
        return fetched

    async def has(self, commit: str) -> bool:
        """Tell whether the commit is in the mirror."""
        return (await self.run("cat-file", "-e", f"{commit}^{{commit}}")).is_ok

    async def is_damaged(self, failed: Finished) -> bool:
        """Tell whether `failed` came of a mirror that a crash has broken; looks closely only when it reads so."""
        if not _DAMAGED.search(failed.errors):
            return False
        if not _looks_whole(self.path):
            return True
        checked = await self.run(
            "fsck", "--no-dangling", "--no-reflogs", "--no-progress", timeout_s=_CHECK_TIMEOUT_S
        )
        return not checked.is_ok

    async def remove(self) -> None:
        """Take the mirror away in one step, then delete it."""
        grave = self.path.with_name(f"{self.path.name}.old-{os.getpid()}-{time.monotonic_ns()}")
        with contextlib.suppress(FileNotFoundError):
            self.path.rename(grave)
            await asyncio.to_thread(shutil.rmtree, grave, ignore_errors=True)

    async def tidy(self) -> None:
        """Pack loose objects once there are many; unlike `git gc`, this never deletes one."""
        with contextlib.suppress(TimeoutError):
            await self.run(*_TIDY, timeout_s=_TIDY_TIMEOUT_S)
        await asyncio.to_thread(_clear_leftovers, self.path)

    async def run(self, *arguments: str, send: bytes = b"", timeout_s: float = 120.0) -> Finished:
        """Run one git command in the mirror."""
        return await run_git(*arguments, mirror=self.path, send=send, timeout_s=timeout_s)


_FETCH = (
    "fetch",
    "--quiet",
    "--no-tags",
    "--no-write-fetch-head",
    "--no-auto-maintenance",
    "--no-recurse-submodules",
    "--no-show-forced-updates",
    "--update-shallow",  # a shallow clone is a source like any other
)
_TIDY = (
    "-c",
    "maintenance.loose-objects.auto=2000",
    "-c",
    "maintenance.incremental-repack.auto=50",
    "maintenance",
    "run",
    "--quiet",
    "--auto",
    "--task=loose-objects",
    "--task=incremental-repack",
)


def _looks_whole(path: Path) -> bool:
    """What git itself asks of a repository, and a file that a crash tends to leave empty."""
    try:
        return (
            (path / "objects").is_dir()
            and (path / "refs").is_dir()
            and (path / "HEAD").stat().st_size > 0
        )
    except OSError:
        return False


def _clear_leftovers(path: Path) -> None:
    """Delete lock files and half packs that no living process can still be at."""
    now = time.time()
    stale = [(lock, _STALE_LOCK_S) for pattern in _LOCK_PLACES for lock in path.glob(pattern)]
    stale += [(pack, _STALE_PACK_S) for pack in path.glob("objects/pack/tmp_*")]
    for file, age_s in stale:
        with contextlib.suppress(OSError):
            if now - file.stat().st_mtime > age_s:
                file.unlink()


_LOCK_PLACES = ("*.lock", "refs/**/*.lock")
