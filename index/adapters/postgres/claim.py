"""The claim to follow, where several machines share a database: the server gives it back when its holder is gone."""

import time

import psycopg
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from schemas.errors import StoreUnavailable

_KEY = 0x6865_6164_7761_7465  # "headwate", as no other program that shares the database is likely to choose
_CONNECT_S = 5
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


class DatabaseClaim:
    """The same promises as `FileLock.take_exclusive`, over a connection of its own. Not for several threads at once."""

    def __init__(self, conninfo: str) -> None:
        self._conninfo = conninfo
        own = conninfo_to_dict(conninfo).get("options") or ""
        self._lasting = make_conninfo(
            conninfo,
            connect_timeout=_CONNECT_S,
            application_name="headwater claim",
            options=f"{own} {_SERVER_KEEPALIVE}",
            **_KEEPALIVE,
        )
        self._connection: psycopg.Connection[tuple[bool]] | None = None

    def take_exclusive(self, *, timeout_s: float = 0.0) -> bool:
        """Claim it; False when another has it all the time, or the database does not answer."""
        deadline = time.monotonic() + timeout_s
        while not self._try():
            if time.monotonic() >= deadline:
                return False
            time.sleep(_POLL_S)
        return True

    def is_kept(self) -> bool:
        """Whether the claim still holds. Claims it anew when the connection was lost and nobody took it meanwhile.

        Raises: StoreUnavailable while the database does not answer.
        """
        if self._answers():
            return True
        self.release()
        try:
            return self._take()
        except psycopg.Error as error:
            raise StoreUnavailable(type(error).__name__) from error

    def is_taken(self) -> bool:
        """Whether anybody holds it. Raises: StoreUnavailable."""
        try:
            with psycopg.connect(self._conninfo, connect_timeout=_CONNECT_S) as connection:
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
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.close()

    def _try(self) -> bool:
        try:
            return self._answers() or self._take()
        except psycopg.Error:
            return False

    def _take(self) -> bool:
        connection = psycopg.connect(self._lasting, autocommit=True)
        row = connection.execute("SELECT pg_try_advisory_lock(%s)", (_KEY,)).fetchone()
        if row and row[0]:
            self._connection = connection
            return True
        connection.close()
        return False

    def _answers(self) -> bool:
        if self._connection is None:
            return False
        try:
            self._connection.execute("SELECT 1")
        except psycopg.Error:
            return False
        return True
