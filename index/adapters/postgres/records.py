"""What Postgres knows of a broker's records: the undecodable ones, and which event of a page is the newest."""

from collections.abc import Collection, Mapping

from index.adapters.postgres.database import Database
from index.adapters.postgres.statements import statement
from schemas.ids import PageId, Revision, SourceName, page_id, path_of, source_of
from schemas.wire import Record

_HEAD_BYTES = 1024


class PostgresRecords:
    """`stream.core.ports.RecordStore` over Postgres."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def keep_undecodable(self, record: Record, reason: str) -> None:
        """See `RecordStore.keep_undecodable`."""
        values = {
            "topic": record.topic,
            "partition": record.partition,
            "offset": record.offset,
            "key": None if record.key is None else record.key[:_HEAD_BYTES],
            "head": None if record.value is None else record.value[:_HEAD_BYTES],
            "reason": reason.replace("\0", ""),
        }
        async with self._database.transaction() as cursor:
            await cursor.execute(statement("insert_undecodable"), values)

    async def revisions(self, sources: Collection[SourceName]) -> Mapping[SourceName, Revision]:
        """See `RecordStore.revisions`."""
        if not sources:
            return {}
        async with self._database.transaction() as cursor:
            await cursor.execute(
                "SELECT name, revision FROM source WHERE name = ANY(%s)", (list(sources),)
            )
            return {
                SourceName(name): Revision(revision) for name, revision in await cursor.fetchall()
            }

    async def newest(self, pages: Collection[PageId]) -> Mapping[PageId, Revision]:
        """See `RecordStore.newest`."""
        values = {
            "sources": [source_of(page) for page in pages],
            "paths": [path_of(page) for page in pages],
        }
        async with self._database.transaction() as cursor:
            await cursor.execute(statement("select_newest_events"), values)
            return {
                page_id(SourceName(source), path): Revision(revision)
                for source, path, revision in await cursor.fetchall()
            }
