"""Sending notices beside the work: bounded, and given up rather than waited for."""

import queue
import threading
from collections.abc import Callable, Sequence
from typing import Protocol

import structlog

from schemas.notices import Notice, PageIndexed, encode_notice, notice_key

_log = structlog.get_logger()

MAX_WAITING, MAX_WAITING_BYTES = 10_000, 32 * 2**20
_BATCH = 256
_GATHER_S = 0.1
"""How long the first notice waits for others: a request of many costs both ends what a request of one does."""
_CLOSE_WITHIN_S = 3.0

INDEXED, PARKED = "indexed", "parked"
"""What notices are about, which is also the topic that they go to."""


class Letter:
    """A notice as it is sent."""

    __slots__ = ("about", "key", "value")

    def __init__(self, notice: Notice) -> None:
        self.about = INDEXED if isinstance(notice, PageIndexed) else PARKED
        self.key = notice_key(notice)
        self.value = encode_notice(notice)


class Post(Protocol):
    """Where notices go."""

    def send(self, letters: Sequence[Letter]) -> Sequence[bool]:
        """Try once, for some seconds at most. Returns: which of them are there for good. Never raises."""
        ...

    def close(self) -> None:
        """Let go of connections."""
        ...


class Outbox:
    """Takes notices without waiting and sends them in a thread of its own.

    A notice is dropped and counted when too many wait, or when it cannot be sent at once: the tables are the truth.
    `sent` and `dropped` hear of each, by what it is about.
    """

    def __init__(
        self, post: Post, *, sent: Callable[[str], None], dropped: Callable[[str], None]
    ) -> None:
        self._post = post
        self._sent, self._dropped = sent, dropped
        self._letters: queue.SimpleQueue[Letter | None] = queue.SimpleQueue()
        self._lock = threading.Lock()
        self._waiting, self._waiting_bytes = 0, 0
        self._is_closing = threading.Event()
        self._thread = threading.Thread(target=self._run, name="notices", daemon=True)
        self._thread.start()

    def __call__(self, notice: Notice) -> None:
        """`headwater.seeing.watch.Notify`."""
        letter = Letter(notice)
        with self._lock:
            is_full = (
                self._waiting >= MAX_WAITING
                or self._waiting_bytes + len(letter.value) > MAX_WAITING_BYTES
            )
            if not is_full:
                self._waiting += 1
                self._waiting_bytes += len(letter.value)
        if is_full:
            self._dropped(letter.about)
        else:
            self._letters.put(letter)

    def close(self) -> None:
        """Send what waits, for a few seconds at most."""
        self._is_closing.set()
        self._letters.put(None)
        self._thread.join(_CLOSE_WITHIN_S)

    def _run(self) -> None:
        is_open, is_away = True, False
        while is_open:
            letters, is_open = self._take()
            arrived = self._post.send(letters) if letters else ()
            for letter, is_sent in zip(letters, arrived, strict=True):
                (self._sent if is_sent else self._dropped)(letter.about)
            if letters and not all(arrived) and not is_away:
                _log.warning("notices.dropped", notices=len(letters) - sum(arrived))
            is_away = bool(letters) and not all(arrived)
            with self._lock:
                self._waiting -= len(letters)
                self._waiting_bytes -= sum(len(letter.value) for letter in letters)
        self._post.close()

    def _take(self) -> tuple[list[Letter], bool]:
        """Wait for one, and take what has gathered behind it. Returns: them, and whether more may come."""
        letter = self._letters.get()
        self._is_closing.wait(_GATHER_S)
        letters: list[Letter] = []
        while letter is not None:
            letters.append(letter)
            if len(letters) == _BATCH:
                return letters, True
            try:
                letter = self._letters.get(block=False)
            except queue.Empty:
                return letters, True
        return letters, False
