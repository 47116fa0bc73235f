"""The one migration sequence: forward only, each file in its own transaction."""

from collections.abc import Sequence
from importlib import resources

import psycopg
from psycopg.conninfo import conninfo_to_dict

from schemas.errors import StoreUnavailable, WrongUse

_LOCK = 6_210_114_001  # one migration at a time, whoever starts it


def migrations() -> Sequence[tuple[int, str, str]]:
    """Every migration as (number, name, text), in order."""
    folder = resources.files("index.adapters.postgres").joinpath("migrations")
    names = sorted(file.name for file in folder.iterdir() if file.name.endswith(".sql"))
    return [(int(name[:4]), name, folder.joinpath(name).read_text("utf-8")) for name in names]


def migrate(conninfo: str, *, check: bool = False) -> Sequence[str]:
    """Bring the schema up to date, or with `check` only list what is missing. Idempotent.

    Returns: the names applied (or missing), in order.
    Raises: StoreUnavailable; WrongUse when the schema is newer than this program or pgvector is too old.
    """
    try:
        conninfo_to_dict(conninfo)
    except psycopg.ProgrammingError:
        raise WrongUse("the configured database url is no connection string") from None
    try:
        with psycopg.connect(conninfo, autocommit=True, connect_timeout=5) as connection:
            return _run(connection, check=check)
    except psycopg.OperationalError as error:
        raise StoreUnavailable(str(error).splitlines()[0] if str(error) else "no answer") from error


def _run(connection: psycopg.Connection[tuple[object, ...]], *, check: bool) -> Sequence[str]:
    connection.execute("SELECT pg_advisory_lock(%s)", (_LOCK,))
    try:
        done = _applied(connection, check=check)
        known = migrations()
        if done - {number for number, _, _ in known}:
            raise WrongUse("the database was made by a newer version of this program; update it")
        missing = [entry for entry in known if entry[0] not in done]
        if not check:
            for number, name, text in missing:
                with connection.transaction():
                    connection.execute(text)
                    connection.execute(
                        "INSERT INTO migration (number, name) VALUES (%s, %s)", (number, name)
                    )
        return [name for _, name, _ in missing]
    finally:
        connection.execute("SELECT pg_advisory_unlock(%s)", (_LOCK,))


def _applied(connection: psycopg.Connection[tuple[object, ...]], *, check: bool) -> set[int]:
    if check and connection.execute("SELECT to_regclass('migration')").fetchone() == (None,):
        return set()
    if not check:
        connection.execute(
            "CREATE TABLE IF NOT EXISTS migration (number int PRIMARY KEY, name text NOT NULL,"
            " applied_at timestamptz NOT NULL DEFAULT now())"
        )
    return {
        int(str(row[0])) for row in connection.execute("SELECT number FROM migration").fetchall()
    }
