"""The claim to follow, where several machines share a database: the server gives it back when its holder is gone."""

import contextlib
import os
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import psycopg
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from schemas.errors import ClaimLost, StoreUnavailable

_KEY = 0x6865_6164_7761_7465  # "headwate", as no other program that shares the database is likely to choose
# Both ends notice within seconds that the other is gone: else the server would keep the claim of a vanished host for
# hours, and we would wait as long for an answer.
_KEEPALIVE: dict[str, int] = {
    "keepalives_idle": 5,
    "keepalives_interval": 2,
    "keepalives_count": 3,
    "tcp_user_timeout": 10_000,
}
_SERVER_KEEPALIVE = (
    "-c tcp_keepalives_idle=5 -c tcp_keepalives_interval=2 -c tcp_keepalives_count=3"
    " -c tcp_user_timeout=10000"
)
_POLL_S = 0.1
_ANSWER_S = 5
BELIEVED_FOR_S = 15.0
"""How long a holder believes that it has the claim while the server says nothing at all. A server that is away says so,
by refusing: there nobody can take anything, and who had the claim learns what became of it from its first answer."""

_Connection = psycopg.Connection[tuple[bool]]


class DatabaseClaim:
    """The same promises as `FileLock.take_exclusive`, over a connection of its own.

    Not for several threads at once, but that `release` may come in at any time: a claim that is being taken is given
    back at once then. A server that says nothing is asked no longer than a few seconds.
    """

    def __init__(
        self, conninfo: str, *, believed_for_s: float = BELIEVED_FOR_S, answer_s: int = _ANSWER_S
    ) -> None:
        self._conninfo = conninfo
        self._answer_s = answer_s
        self._believed_for_s = believed_for_s
        self._heard_s = time.monotonic()
        self._turn = threading.Lock()
        self._releases = 0
        own = conninfo_to_dict(conninfo).get("options") or ""
        self._lasting = make_conninfo(
            conninfo,
            connect_timeout=answer_s,
            application_name="headwater claim",
            options=f"{own} {_SERVER_KEEPALIVE}",
            **_KEEPALIVE,
        )
        self._connection: _Connection | None = None
        self._asked: _Connection | None = None

    def take_exclusive(self, *, timeout_s: float = 0.0) -> bool:
        """Claim it; False when another has it all the time, or the database does not answer."""
        deadline, releases = time.monotonic() + timeout_s, self._releases
        while not self._try(releases):
            if time.monotonic() >= deadline or self._releases != releases:
                return False
            time.sleep(_POLL_S)
        return True

    def is_kept(self) -> bool:
        """Whether the claim still holds. Claims it anew when the connection was lost and nobody took it meanwhile.

        Raises: StoreUnavailable while the database does not answer; ClaimLost once it has said nothing for so long that
        it may have given the claim of a holder it no longer hears to another.
        """
        releases = self._releases
        if self._answers():
            return True
        self._drop()
        try:
            return self._take(releases)
        except psycopg.errors.ConnectionTimeout as error:
            if time.monotonic() - self._heard_s > self._believed_for_s:
                raise ClaimLost from error
            raise StoreUnavailable("it does not answer") from error
        except psycopg.Error as error:
            self._heard_s = time.monotonic()
            raise StoreUnavailable(type(error).__name__) from error

    def is_taken(self) -> bool:
        """Whether anybody holds it. Raises: StoreUnavailable."""
        try:
            with (
                psycopg.connect(self._conninfo, connect_timeout=self._answer_s) as connection,
                _answering(connection, self._answer_s),
            ):
                row = connection.execute(
                    "SELECT EXISTS (SELECT FROM pg_locks WHERE locktype = 'advisory' AND granted"
                    " AND (classid::bigint << 32 | objid::bigint) = %s"
                    " AND database = (SELECT oid FROM pg_database WHERE datname = current_database()))",
                    (_KEY,),
                ).fetchone()
                return bool(row and row[0])
        except psycopg.Error as error:
            raise StoreUnavailable(type(error).__name__) from error

    def release(self) -> None:
        """Give it back; harmless when there is none."""
        with self._turn:
            self._releases += 1
        self._drop()

    def _try(self, releases: int) -> bool:
        try:
            return self._answers() or self._take(releases)
        except psycopg.Error:
            return False

    def _take(self, releases: int) -> bool:
        """Take it unless it was released since there were so many `releases`."""
        connection = psycopg.connect(self._lasting, autocommit=True)
        try:
            with _answering(connection, self._answer_s):
                row = connection.execute("SELECT pg_try_advisory_lock(%s)", (_KEY,)).fetchone()
        except BaseException:
            connection.close()
            raise
        self._heard_s = time.monotonic()
        with self._turn:
            if row and row[0] and self._releases == releases:
                self._connection = connection
                return True
        connection.close()
        return False

    def _answers(self) -> bool:
        with self._turn:
            connection = self._asked = self._connection
        if connection is None:
            return False
        try:
            with _answering(connection, self._answer_s):
                connection.execute("SELECT 1")
            self._heard_s = time.monotonic()
        except psycopg.Error:
            return False
        finally:
            with self._turn:
                self._asked = None
                is_released = self._connection is not connection
            if is_released:
                connection.close()
        return not is_released

    def _drop(self) -> None:
        """Close the connection; one that is being asked is closed by who asks, since libpq is in the middle of it."""
        with self._turn:
            connection, self._connection = self._connection, None
            is_asked = connection is self._asked
        if connection is not None and not is_asked:
            connection.close()


@contextmanager
def _answering(connection: psycopg.Connection[Any], within_s: float) -> Iterator[None]:
    """Break the connection off where the block takes longer than that: libpq waits for an answer without limit.

    Raises: ConnectionTimeout then.
    """
    own = socket.socket(fileno=os.dup(connection.fileno()))
    is_broken_off = threading.Event()

    def break_off() -> None:
        is_broken_off.set()
        with contextlib.suppress(OSError):
            own.shutdown(socket.SHUT_RDWR)

    timer = threading.Timer(within_s, break_off)
    timer.daemon = True
    timer.start()
    try:
        yield
    except psycopg.Error as error:
        if is_broken_off.is_set():
            raise psycopg.errors.ConnectionTimeout(f"no answer within {within_s:g} s") from error
        raise
    finally:
        timer.cancel()
        own.close()
