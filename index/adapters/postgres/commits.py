"""Which commits are searchable, in Postgres."""

from collections.abc import Mapping, Sequence

from index.adapters.postgres.database import Database
from index.adapters.postgres.search import PostgresSearch
from index.adapters.postgres.statements import statement
from index.core.rank import SourceAsOf
from schemas.ids import Revision, SourceName


class PostgresCommits:
    """`index.core.ports.CommitStore` over Postgres; every call lets go of its connection at once."""

    def __init__(self, database: Database, search: PostgresSearch) -> None:
        self._database = database
        self._search = search

    async def published(self) -> Mapping[SourceName, Revision]:
        """See `CommitStore.published`."""
        async with self._database.statement() as cursor:
            await cursor.execute(statement("read_published"))
            return {SourceName(name): Revision(at) for name, at in await cursor.fetchall()}

    async def covering(self, wanted: Mapping[SourceName, str]) -> Mapping[SourceName, int]:
        """See `CommitStore.covering`."""
        values = {"sources": list(wanted), "commits": list(wanted.values())}
        async with self._database.statement() as cursor:
            await cursor.execute(statement("count_covered"), values)
            return {SourceName(name): count for name, count in await cursor.fetchall()}

    async def as_of(self, sources: Sequence[SourceName]) -> Mapping[SourceName, SourceAsOf]:
        """See `CommitStore.as_of`."""
        return await self._search.as_of(sources)
