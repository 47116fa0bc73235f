"""A leg of the network that misbehaves on demand: it delays, holds one way, or breaks at a commit."""

import contextlib
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from enum import StrEnum

from psycopg.conninfo import make_conninfo

from tests.support.proxy import Proxy, upstream_of

_CHUNK_BYTES = 65_536
_WRITE = b"INSERT INTO page_state"


class Way(StrEnum):
    """From the process to the server, or back."""

    OUT = "out"
    BACK = "back"


class CommitCut(StrEnum):
    """Which half of a commit is lost."""

    REQUEST = "request"
    ANSWER = "answer"


@dataclass(slots=True)
class _Link:
    """What is known of one connection: whether it hears of nothing any more."""

    is_mute: bool = False


class Leg(Proxy):
    """A proxy that can also be slow, one-way or unlucky."""

    def __init__(self, upstream: int | str) -> None:
        self._open = {way: threading.Event() for way in Way}
        for gate in self._open.values():
            gate.set()
        self._delay_s = 0.0
        self._cut_next: CommitCut | None = None
        self.commits_cut = 0
        super().__init__(upstream)

    def hold(self, way: Way) -> None:
        """Let nothing through one way; connections stand, and what is held arrives once this has healed."""
        self._open[way].clear()

    def delay(self, seconds: float) -> None:
        """Keep every packet back for so long."""
        self._delay_s = seconds

    def cut_next_commit(self, what: CommitCut) -> None:
        """Break the next connection that commits a page, before the commit arrives or before its answer does.

        A page that is not moved is written and committed by one statement, which is only known by its text: the
        connection must be new, for later ones are prepared.
        """
        self._cut_next = what

    def cut_links(self) -> None:
        """Break every connection; new ones are let through."""
        with self._turn:
            self._drop()

    def heal(self) -> None:
        """Be an ordinary network again."""
        self._delay_s, self._cut_next = 0.0, None
        super().heal()
        for gate in self._open.values():
            gate.set()

    def close(self) -> None:
        """End it for good."""
        super().close()
        for gate in self._open.values():
            gate.set()

    def _connect(self, near: socket.socket, far: socket.socket) -> None:
        link = _Link()
        for source, target, way in ((near, far, Way.OUT), (far, near, Way.BACK)):
            arguments = (source, target, way, link)
            threading.Thread(target=self._carry, args=arguments, daemon=True).start()

    def _carry(self, source: socket.socket, target: socket.socket, way: Way, link: _Link) -> None:
        with contextlib.suppress(OSError):
            while chunk := source.recv(_CHUNK_BYTES):
                time.sleep(self._delay_s)
                self._open[way].wait()
                if not self._lets_through(chunk, way, link):
                    break
                target.sendall(chunk)
        for end in (source, target):
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)

    def _lets_through(self, chunk: bytes, way: Way, link: _Link) -> bool:
        if way is Way.BACK:
            return not link.is_mute
        if self._cut_next is None or _WRITE not in chunk:
            return True
        what, self._cut_next = self._cut_next, None
        self.commits_cut += 1
        link.is_mute = True
        return what is CommitCut.ANSWER


@contextmanager
def a_leg(upstream: int | str) -> Iterator[Leg]:
    """A leg for as long as the block runs."""
    leg = Leg(upstream)
    try:
        yield leg
    finally:
        leg.close()


@contextmanager
def a_leg_to_database(conninfo: str) -> Iterator[tuple[Leg, str]]:
    """A leg before a database. Yields: it, and how to connect through it."""
    with a_leg(upstream_of(conninfo)) as leg:
        yield leg, make_conninfo(conninfo, host="127.0.0.1", port=leg.port)
