"""Webhook deliveries and hints in Postgres."""

from collections.abc import AsyncIterator
from datetime import datetime

import psycopg

from index.adapters.postgres.database import Database
from index.adapters.postgres.statements import statement
from schemas.errors import StoreUnavailable
from schemas.ids import SourceName

_CHANNEL, _ASKING = "headwater_hint", "headwater_ask"


class PostgresDeliveries:
    """Stores what webhooks said, and passes hints between processes."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def store(
        self,
        *,
        source: SourceName,
        delivery_id: str,
        event: str,
        ref: str | None,
        after: str | None,
    ) -> bool:
        """Commit one delivery and hint its source; False when the delivery was there before."""
        values = {
            "source": source,
            "delivery_id": delivery_id,
            "event": event,
            "ref": ref,
            "after": after,
        }
        async with self._database.transaction() as cursor:
            await cursor.execute(statement("insert_delivery"), values)
            is_new = await cursor.fetchone() is not None
            await cursor.execute("SELECT pg_notify(%s, %s)", (_CHANNEL, source))
        return is_new

    async def hint(self, source: SourceName) -> datetime:
        """Tell whoever follows `source` that it may have moved. Returns: the database's time."""
        async with self._database.transaction() as cursor:
            await cursor.execute("SELECT pg_notify(%s, %s), clock_timestamp()", (_CHANNEL, source))
            row = await cursor.fetchone()
        if row is None:
            raise StoreUnavailable("no answer to a hint")
        hinted_at: datetime = row[1]
        return hinted_at

    async def ask(self, source: SourceName) -> None:
        """Tell whoever follows `source` that a question waits for what is newer than the index."""
        async with self._database.statement() as cursor:
            await cursor.execute("SELECT pg_notify(%s, %s)", (_ASKING, source))

    async def hints(self) -> AsyncIterator[tuple[SourceName, bool]]:
        """Every source hinted or asked for from now on, in any process, and whether it is a question that asks.

        Raises: StoreUnavailable when the connection ends.
        """
        try:
            connection = await psycopg.AsyncConnection.connect(
                self._database.conninfo, autocommit=True
            )
            async with connection:
                await connection.execute("LISTEN headwater_hint")
                await connection.execute("LISTEN headwater_ask")
                async for notice in connection.notifies():
                    yield SourceName(notice.payload), notice.channel == _ASKING
        except psycopg.OperationalError as error:
            raise StoreUnavailable(str(error)) from error
