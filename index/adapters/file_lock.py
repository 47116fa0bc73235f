"""Locks between processes: the kernel gives one back when its holder ends, even by kill -9."""

import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

_POLL_S = 0.02


class FileLock:
    """One claim on one file: many share it, or one has it alone. Not for several threads at once.

    The file is made when first taken and never removed: a lock on a removed file excludes nobody.
    Two FileLocks on one path exclude each other within a process too. Neither a started program
    nor a forked child inherits a claim. Never taken on a network file system without flock.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._fd: int | None = None

    @property
    def is_held(self) -> bool:
        return self._fd is not None

    def take_shared(self, *, timeout_s: float = 0.0) -> bool:
        """Claim the file together with others; False when somebody had it alone all the time.

        Taking a lock that is held converts it. A conversion is not atomic, and one that fails
        leaves nothing held.
        """
        return self._take(fcntl.LOCK_SH, timeout_s)

    def take_exclusive(self, *, timeout_s: float = 0.0) -> bool:
        """Claim the file alone; False when others held it all the time. Converts as above."""
        return self._take(fcntl.LOCK_EX, timeout_s)

    @contextmanager
    def exclusive(self, *, timeout_s: float) -> Iterator[None]:
        """Hold the file alone for a block. Raises: TimeoutError."""
        if not self.take_exclusive(timeout_s=timeout_s):
            raise TimeoutError(f"{self._path} was in use for {timeout_s:g} s")
        try:
            yield
        finally:
            self.release()

    def release(self) -> None:
        """Give the claim back; harmless when there is none."""
        if self._fd is not None:
            with suppress(OSError):  # closing alone would wait for a child that is just starting
                fcntl.flock(self._fd, fcntl.LOCK_UN)
            _HELD.discard(self)
            os.close(self._fd)
            self._fd = None

    def _take(self, mode: int, timeout_s: float) -> bool:
        deadline = time.monotonic() + timeout_s
        while not self._try(mode):
            left_s = deadline - time.monotonic()
            if left_s <= 0:
                return False
            time.sleep(min(_POLL_S, left_s))  # flock itself has no time limit
        return True

    def _try(self, mode: int) -> bool:
        converts = self.is_held
        if self._fd is None:
            self._fd = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
            _HELD.add(self)
        try:
            fcntl.flock(self._fd, mode | fcntl.LOCK_NB)
        except BlockingIOError:
            self.release()
            return False
        except BaseException:
            self.release()
            raise
        if self._was_replaced(self._fd):
            self.release()
            return not converts and self._try(mode)
        return True

    def _was_replaced(self, fd: int) -> bool:
        try:
            return not os.path.samestat(os.fstat(fd), os.stat(self._path))
        except FileNotFoundError:
            return False  # removed with its folder: nobody else can come by this path

    def _forget(self) -> None:
        """Close without unlocking: the claim belongs to the parent of this forked child."""
        if self._fd is not None:
            os.close(self._fd)
            self._fd = None


_HELD: set[FileLock] = set()


def _forget_inherited() -> None:
    for lock in tuple(_HELD):
        lock._forget()
    _HELD.clear()


os.register_at_fork(after_in_child=_forget_inherited)
