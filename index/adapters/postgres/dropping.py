"""Dropping a generation with all that is kept for it, beside those who still read and write it."""

import asyncio
import contextlib

import psycopg
from psycopg import sql

from index.adapters.postgres.database import Cursor, Database
from index.adapters.postgres.statements import statement_for
from schemas.errors import StoreUnavailable, WrongUse
from schemas.ids import Generation

_WITHIN_S = 60.0
_PAUSE_S = 0.1
_ROWS_IN = ("lexical_term", "lexical_source", "page_state", "parked", "generation")


class _InUse(Exception):
    """Somebody holds one of its tables."""


async def drop_generation(database: Database, generation: Generation) -> bool:
    """Forget a generation; False when there is none.

    Raises: WrongUse for the live one; StoreUnavailable when its tables stay in use for a minute.
    """
    if not await _retire(database, generation):
        return False
    deadline = asyncio.get_running_loop().time() + _WITHIN_S
    while True:
        try:
            with contextlib.suppress(psycopg.errors.UndefinedTable):  # another drop was first
                async with database.transaction() as cursor:
                    await _remove(cursor, generation)
            return True
        except _InUse:
            if asyncio.get_running_loop().time() > deadline:
                raise StoreUnavailable(f"generation {generation} is in use all the time") from None
            await asyncio.sleep(_PAUSE_S)


async def _retire(database: Database, generation: Generation) -> bool:
    """Committed before its rows go: writers begin nothing for it any more."""
    async with database.transaction() as cursor:
        await cursor.execute(
            "SELECT state FROM generation WHERE generation = %s FOR UPDATE", (generation,)
        )
        row = await cursor.fetchone()
        if row is None:
            return False
        if row[0] == "live":
            raise WrongUse(f"generation {generation} is live")
        await cursor.execute(
            "UPDATE generation SET state = 'retired' WHERE generation = %s", (generation,)
        )
    return True


async def _remove(cursor: Cursor, generation: Generation) -> None:
    """Readers and writers take its tables in orders of their own, so this one waits for too short a time to be in a
    deadlock with any of them (the server looks for one after a second), and lets go of all before it tries again.
    """
    await cursor.execute("SET LOCAL lock_timeout = '300ms'")
    try:
        await cursor.execute(statement_for("lock_generation_tables", generation))
        await cursor.execute(
            "SELECT 1 FROM generation WHERE generation = %s FOR UPDATE", (generation,)
        )
        for table in _ROWS_IN:
            await cursor.execute(
                sql.SQL("DELETE FROM {} WHERE generation = %s").format(sql.Identifier(table)),
                (generation,),
            )
        await cursor.execute(statement_for("drop_generation_tables", generation))
    except psycopg.errors.LockNotAvailable as error:
        raise _InUse from error
