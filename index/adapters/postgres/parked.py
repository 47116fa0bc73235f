"""What is parked, for a person to look at and to deal with."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime

from index.adapters.postgres.database import Database
from index.adapters.postgres.statements import statement
from schemas.ids import Generation, PageId, Revision, SourceName, page_id, path_of, source_of


@dataclass(frozen=True, slots=True)
class ParkedPage:
    """A page that could not be brought to `revision` in a generation, or not be published (`generation` 0)."""

    page_id: PageId
    revision: Revision
    reason: str
    generation: Generation
    since: datetime
    is_dropped: bool


@dataclass(frozen=True, slots=True)
class Undecodable:
    """A record of a broker that was no event."""

    topic: str
    partition: int
    offset: int
    key: bytes | None
    reason: str
    since: datetime


class PostgresParked:
    """Parked pages and undecodable records as a person deals with them."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def pages(self) -> Sequence[ParkedPage]:
        """Every parking that nothing newer has passed, those that were dropped too, by page."""
        async with self._database.transaction() as cursor:
            await cursor.execute(statement("list_parked"))
            return [
                ParkedPage(page_id(SourceName(row[0]), row[1]), Revision(row[2]), *row[3:])
                for row in await cursor.fetchall()
            ]

    async def undecodable(self) -> Sequence[Undecodable]:
        """Every record that was no event, in the order of topic, partition and offset."""
        async with self._database.transaction() as cursor:
            await cursor.execute(
                'SELECT topic, partition, "offset", key, reason, seen_at FROM undecodable ORDER BY 1, 2, 3'
            )
            return [Undecodable(*row) for row in await cursor.fetchall()]

    async def dismiss(self, pages: Collection[PageId]) -> int:
        """Take the parkings of pages out of sight. They go on telling why the pages are not behind. Idempotent.

        Returns: how many pages had any.
        """
        values = {
            "sources": [source_of(page) for page in pages],
            "paths": [path_of(page) for page in pages],
        }
        async with self._database.transaction() as cursor:
            await cursor.execute(statement("dismiss_parked"), values)
            return len(set(await cursor.fetchall()))

    async def forget_undecodable(self) -> int:
        """Remove the notes of records that were no event: nothing rests on them. Returns: how many."""
        async with self._database.transaction() as cursor:
            await cursor.execute("DELETE FROM undecodable")
            return cursor.rowcount
