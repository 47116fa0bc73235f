"""A Postgres of a test's own on a port of loopback: stopped, killed, started again and made read-only."""

import contextlib
import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg
from psycopg.conninfo import make_conninfo

from headwater.cluster.broker import free_port
from index.adapters.postgres.server import EmbeddedServer, discard
from tests.integration.embedded_homes import server_pid
from tests.support.program import poll


class OwnPostgres:
    """One server with its data in a folder of its own; not for several threads at once."""

    def __init__(self, home: Path) -> None:
        self._home = home
        self._port = free_port()
        self._server = EmbeddedServer.start(home, _quiet, tcp_port=self._port)
        self.conninfo = self._server.address.conninfo

    def kill(self) -> None:
        """End it at once and without a checkpoint, as a power cut does: it has to recover at its next start."""
        pid = server_pid(self._home)
        os.kill(pid, signal.SIGQUIT)
        poll(lambda: not _exists(pid), "the end of Postgres")
        self._server.close()

    def start(self) -> None:
        """Start it where it was."""
        self._server = EmbeddedServer.start(self._home, _quiet, tcp_port=self._port)

    def read_only(self, is_so: bool) -> None:
        """Have every transaction that begins from now on refuse to write, as a full disk does; or no longer."""
        value = "on" if is_so else "off"
        able = make_conninfo(self.conninfo, options="-c default_transaction_read_only=off")
        with psycopg.connect(able, autocommit=True) as connection:
            connection.execute(f"ALTER SYSTEM SET default_transaction_read_only = {value}".encode())
            connection.execute("SELECT pg_reload_conf()")

    def close(self) -> None:
        """End it for good."""
        self._server.close()
        discard(self._home)


@contextmanager
def a_postgres(home: Path) -> Iterator[OwnPostgres]:
    """A server for as long as the block runs."""
    own = OwnPostgres(home)
    try:
        yield own
    finally:
        own.close()


def _exists(pid: int) -> bool:
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, 0)
        return True
    return False


def _quiet(_: str) -> None:
    return None
