"""The store and the ledger together, in memory or in Postgres, with the rows a test counts by."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from index.adapters.memory import MemoryIndex
from index.adapters.memory_ledger import MemoryLedger
from index.adapters.postgres.database import Database
from index.adapters.postgres.generations import PostgresGenerations
from index.adapters.postgres.ledger import PostgresLedger
from index.adapters.postgres.pages import PostgresPages
from index.core.ports import GenerationStore, PageStore, ParkStore
from index.core.stored import DumpedPage
from ingest.core.ports import Ledger
from schemas.ids import Generation, Revision, SourceName, page_id, path_of


class Generations(GenerationStore, ParkStore, Protocol):
    """What both adapters of generations can do."""

    async def dump(
        self, generation: Generation, source: SourceName
    ) -> Mapping[str, DumpedPage]: ...


@dataclass(frozen=True, slots=True)
class Rows:
    """The rows of one source: each page's revision and tombstone, and who is parked where."""

    states: Mapping[tuple[Generation, str], tuple[Revision, bool]]
    published: Sequence[tuple[str, Revision]]
    parked: frozenset[tuple[Generation, str, Revision]]

    def is_passed(self, generation: Generation, path: str, revision: Revision) -> bool:
        """Whether the page stands at or past `revision`."""
        return self.states.get((generation, path), (0, False))[0] >= revision

    def is_parked(self, generation: Generation, path: str, revision: Revision) -> bool:
        """Whether it was parked at or past `revision`, at intake or there."""
        return any(
            at == path and where in (0, generation) and parked >= revision
            for where, at, parked in self.parked
        )

    def in_flight(self, generation: Generation) -> list[tuple[str, Revision]]:
        """Publications that are neither passed nor parked: what is accepted and not accounted for."""
        return [
            (path, revision)
            for path, revision in self.published
            if not self.is_passed(generation, path, revision)
            and not self.is_parked(generation, path, revision)
        ]

    def parked_now(self, generation: Generation) -> frozenset[str]:
        """Pages parked at their newest publication."""
        newest: dict[str, Revision] = {}
        for path, revision in self.published:
            newest[path] = max(newest.get(path, revision), revision)
        return frozenset(
            path
            for path, revision in newest.items()
            if any((where, path, revision) in self.parked for where in (Generation(0), generation))
        )


class Shelf(Protocol):
    """One store with its ledger."""

    @property
    def pages(self) -> PageStore: ...
    @property
    def ledger(self) -> Ledger: ...
    @property
    def generations(self) -> Generations: ...

    async def rows(self, source: SourceName) -> Rows: ...


class MemoryShelf:
    """A new one for every history."""

    def __init__(self) -> None:
        index = MemoryIndex()
        self.index, self.pages, self.generations = index, index, index
        self.ledger = MemoryLedger(index)

    async def rows(self, source: SourceName) -> Rows:
        ledger = self.ledger
        published = [
            (path, row.revision)
            for path in await ledger.newest(source, None)
            for row in ledger.publications(source, path)
        ]
        states = {
            (info.generation, path): (revision, info_deleted)
            for info in await self.generations.generations()
            for path in {path for path, _ in published}
            for revision, info_deleted in [await self._state(info.generation, source, path)]
            if revision
        }
        parked = frozenset(
            (generation, path_of(page), revision)
            for generation, page, revision in self.index.parked_rows
            if page.startswith(f"{source}/")
        )
        return Rows(states, published, parked)

    async def _state(
        self, generation: Generation, source: SourceName, path: str
    ) -> tuple[Revision, bool]:
        stored = await self.index.page(generation, page_id(source, path))
        return (stored.revision, stored.is_deleted) if stored else (Revision(0), False)


class PostgresShelf:
    """Over an open database."""

    def __init__(self, database: Database) -> None:
        self.database = database
        self.pages = PostgresPages(database)
        self.ledger = PostgresLedger(database, owner="here")
        self.generations = PostgresGenerations(database)

    async def clear(self) -> None:
        """Remove every generation and what was to be in them, so that a new history begins with none."""
        async with self.database.transaction() as cursor:
            await cursor.execute("DELETE FROM publication")
            await cursor.execute("UPDATE generation SET state = 'retired'")
        for generation in await self.generations.retired():
            await self.generations.drop(generation)

    async def rows(self, source: SourceName) -> Rows:
        async with self.database.transaction(snapshot=True) as cursor:
            await cursor.execute(
                "SELECT generation, path, page_state.revision, is_deleted FROM page_state"
                " JOIN source USING (source_id) WHERE name = %s",
                (source,),
            )
            states = {
                (Generation(row[0]), str(row[1])): (Revision(row[2]), bool(row[3]))
                for row in await cursor.fetchall()
            }
            await cursor.execute(
                "SELECT path, publication.revision FROM publication"
                " JOIN source USING (source_id) WHERE name = %s",
                (source,),
            )
            published = [(str(row[0]), Revision(row[1])) for row in await cursor.fetchall()]
            await cursor.execute(
                "SELECT generation, path, parked.revision FROM parked"
                " JOIN source USING (source_id) WHERE name = %s",
                (source,),
            )
            parked = frozenset(
                (Generation(row[0]), str(row[1]), Revision(row[2]))
                for row in await cursor.fetchall()
            )
        return Rows(states, published, parked)
