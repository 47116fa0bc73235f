"""The embedded Postgres of a home: the first process starts it, the last one stops it."""

import errno
import subprocess
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

import psycopg

from index.adapters.file_lock import FileLock
from index.adapters.postgres.server_install import Installation, Say, find_installation, refusal
from index.adapters.postgres.server_place import (
    find_orphans,
    read_record,
    remove_place,
    remove_record,
    settle,
)
from index.adapters.postgres.server_process import Server
from schemas.errors import StoreUnavailable

_DATABASE = "headwater"
_TURN_TIMEOUT_S = 300.0
_CONNECT_TIMEOUT_S = 10
_ALTERNATIVE = "set HEADWATER_DATABASE_URL to use a Postgres of your own"
# Here and not in sql/: this makes what the files there and the migrations take for granted.
_HAS_DATABASE = "SELECT 1 FROM pg_database WHERE datname = 'headwater'"
_HAS_NEWEST_VECTOR = """
SELECT installed_version IS NOT DISTINCT FROM default_version
  FROM pg_available_extensions WHERE name = 'vector'
"""
_OUT_OF_MEANS = {errno.ENOSPC, errno.EDQUOT, errno.EMFILE, errno.ENFILE, errno.ENOMEM, errno.EAGAIN}


@dataclass(frozen=True, slots=True)
class ServerAddress:
    """How to connect; `conninfo` holds the password, so it is not shown."""

    conninfo: str = field(repr=False)


class EmbeddedServer:
    """One Postgres per home, shared by every process that uses the home.

    `server.lock` in the home is held shared by each of them; who can take it alone at its end
    stops the server. A killed process lets go too and leaves the server to the next one.
    `start.lock` gives the turn to start or stop: nobody finds a server half-way.
    """

    def __init__(self, home: Path, users: FileLock, server: Server) -> None:
        self._home = home
        self._users = users
        self._server = server
        self.address = ServerAddress(server.conninfo(_DATABASE))

    @classmethod
    def start(cls, home: Path, say: Say, *, tcp_port: int = 0) -> Self:
        """Return with the database up, `vector` installed in it, and a claim on it held.

        Args:
            home: Made when missing. Nothing that exists changes its mode or owner.
            tcp_port: Where to listen on 127.0.0.1, for a password; 0 leaves it to its socket.
            say: Told in one line what happens where it takes longer or touches the system.
        Raises:
            WrongUse: It can never run here: no build, no permission, another user's home.
            StoreUnavailable: It should run but does not.
        """
        home = home.resolve()
        with _explained(home):
            home.mkdir(mode=0o700, parents=True, exist_ok=True)
            users = FileLock(home / "server.lock")
            with _turn(home):
                try:
                    server = _run(home, users, say, tcp_port)
                except BaseException:
                    users.release()
                    raise
        return cls(home, users, server)

    def close(self) -> None:
        """Let go; the last to do so stops the server. Calling it again does nothing."""
        if not self._users.is_held:
            return
        try:
            with _explained(self._home), _turn(self._home):
                if self._users.take_exclusive():
                    self._server.stop()
        finally:
            self._users.release()


def discard(home: Path) -> None:
    """Delete the database of a home for ever, where it is in the system too.

    Raises: WrongUse while a process uses it.
    """
    home = home.resolve()
    record = read_record(home)
    if record is None:
        return
    users = FileLock(home / "server.lock")
    with _explained(home), _turn(home):
        if not users.take_exclusive():
            raise refusal(f"of {home} is in use")
        try:
            installation = find_installation(lambda line: None)
            folder, sockets = Path(record.folder), Path(record.sockets)
            Server(installation, folder, sockets, record.password).stop()
            remove_place(folder)
            remove_record(home)
        finally:
            users.release()


def _run(home: Path, users: FileLock, say: Say, tcp_port: int) -> Server:
    """Bring the server up and leave `users` held shared; on failure nothing new keeps running."""
    is_alone = users.take_exclusive()
    installation = find_installation(say)
    record = settle(home, installation, is_alone=is_alone, say=say)
    folder, sockets = Path(record.folder), Path(record.sockets)
    server = Server(installation, folder, sockets, record.password, tcp_port)
    if not server.has_data():
        say(f"Preparing the database in {server.folder} (this once).")
    try:
        server.run()
        _provide_database(server)
        _remove_orphans(installation)
        if not users.take_shared(timeout_s=_CONNECT_TIMEOUT_S):
            raise TimeoutError(f"{home} was replaced by another folder of that name")
    except BaseException:
        if is_alone:
            with suppress(StoreUnavailable):  # the first failure is the one to tell
                server.stop()
        raise
    return server


def _remove_orphans(installation: Installation) -> None:
    if installation.account is None:
        return
    for folder in find_orphans(time.time()):
        with suppress(StoreUnavailable):  # somebody else's leftover is no reason to fail here
            Server(installation, folder, folder / "socket", "").stop()
            remove_place(folder)


def _provide_database(server: Server) -> None:
    """Make the database and its extension; neither belongs to the tables that we migrate."""
    with _connected(server, "postgres") as connection:
        if connection.execute(_HAS_DATABASE).fetchone() is None:
            connection.execute("CREATE DATABASE headwater")
    with _connected(server, _DATABASE) as connection:
        if connection.execute(_HAS_NEWEST_VECTOR).fetchone() != (True,):
            connection.execute("CREATE EXTENSION IF NOT EXISTS vector")
            connection.execute("ALTER EXTENSION vector UPDATE")


def _connected(server: Server, database: str) -> psycopg.Connection[tuple[object, ...]]:
    return psycopg.connect(
        server.conninfo(database), autocommit=True, connect_timeout=_CONNECT_TIMEOUT_S
    )


def _turn(home: Path) -> AbstractContextManager[None]:
    """The turn to start or stop; a home that was deleted meanwhile has nobody to wait for."""
    if not home.is_dir():
        return nullcontext()
    return FileLock(home / "start.lock").exclusive(timeout_s=_TURN_TIMEOUT_S)


@contextmanager
def _explained(home: Path) -> Iterator[None]:
    """Turn what the system and the driver raise into one line for a person."""
    try:
        yield
    except StoreUnavailable as exc:
        raise StoreUnavailable(f"{exc.reason}; {_ALTERNATIVE}") from exc
    except (psycopg.Error, subprocess.SubprocessError, TimeoutError) as exc:
        reason = " ".join(str(exc).split())
        raise StoreUnavailable(f"{reason}; {_ALTERNATIVE}") from exc
    except OSError as exc:
        reason = f"{exc.filename or home}: {exc.strerror}"
        if exc.errno in _OUT_OF_MEANS:
            raise StoreUnavailable(f"{reason}; {_ALTERNATIVE}") from exc
        raise refusal(f"cannot be kept in {home} ({reason})") from exc
