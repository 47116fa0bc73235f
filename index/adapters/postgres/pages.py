"""Pages of generations in Postgres: one transaction a page, and one statement if it can be."""

from collections.abc import Collection, Mapping, Sequence

import numpy as np
import psycopg
from numpy.typing import NDArray
from pgvector import Vector
from psycopg.types.numeric import Int4, Int8

from index.adapters.postgres.arrays import Bytes, Texts
from index.adapters.postgres.database import Cursor, Database
from index.adapters.postgres.dropped import unless_dropped
from index.adapters.postgres.page_rows import page_rows
from index.adapters.postgres.statements import statement, statement_for
from index.core.plan import Outcome, PageFacts, PagePlan, StoredChunk, StoredPage
from schemas.ids import (
    Generation,
    PageId,
    Revision,
    SourceName,
    TextHash,
    page_id,
    path_of,
    source_of,
)

_NO_FACTS = {"url": "", "title": "", "format": "", "blob": "", "commit": "", "committed_at": None}


class _Lost(Exception):
    """Another writer was first: roll back, a tombstoned old page of a move included."""

    def __init__(self, outcome: Outcome) -> None:
        self.outcome = outcome


class PostgresPages:
    """`index.core.ports.PageStore` over Postgres."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def page(self, generation: Generation, page: PageId) -> StoredPage | None:
        """See `PageStore.page`."""
        return (await self.pages(generation, [page])).get(page)

    async def pages(
        self, generation: Generation, page_ids: Collection[PageId]
    ) -> Mapping[PageId, StoredPage]:
        """See `PageStore.pages`."""
        if not page_ids:
            return {}
        asked = {
            "generation": Int4(generation),
            "sources": Texts(map(source_of, page_ids)),
            "paths": Texts(map(path_of, page_ids)),
        }
        with unless_dropped(generation):
            async with self._database.statement() as cursor:
                await cursor.execute(statement_for("read_pages", generation), asked)
                rows = await cursor.fetchall()
        return {page_id(SourceName(row[0]), row[1]): _stored_page(*row[2:]) for row in rows}

    async def without_vector(
        self, generation: Generation, hashes: Sequence[TextHash]
    ) -> set[TextHash]:
        """See `PageStore.without_vector`."""
        if not hashes:
            return set()
        with unless_dropped(generation):
            async with self._database.statement() as cursor:
                await cursor.execute(
                    statement_for("select_known_hashes", generation), {"hashes": Bytes(hashes)}
                )
                known = {TextHash(bytes(text_hash)) for (text_hash,) in await cursor.fetchall()}
        return set(hashes) - known

    async def add_vectors(
        self, generation: Generation, hashes: Sequence[TextHash], vectors: NDArray[np.float32]
    ) -> None:
        """See `PageStore.add_vectors`."""
        order = sorted(range(len(hashes)), key=hashes.__getitem__)
        rows = {
            "hashes": Bytes(hashes[i] for i in order),
            "vectors": [Vector(vectors[i]) for i in order],
        }
        with unless_dropped(generation):
            async with self._database.statement() as cursor:
                await cursor.execute(statement_for("insert_vectors", generation), rows)

    async def apply(self, generation: Generation, plan: PagePlan) -> Outcome:
        """See `PageStore.apply`. A move takes several statements, all else one."""
        try:
            with unless_dropped(generation):
                if plan.moved_from is None:
                    async with self._database.statement() as cursor:
                        return await self._apply(cursor, generation, plan)
                async with self._database.transaction() as cursor:
                    return await self._move(cursor, generation, plan, path_of(plan.moved_from))
        except _Lost as lost:
            return lost.outcome
        except psycopg.errors.ForeignKeyViolation:
            return Outcome.AGAIN

    async def _apply(self, cursor: Cursor, generation: Generation, plan: PagePlan) -> Outcome:
        if await _write(cursor, generation, plan):
            return Outcome.APPLIED
        source_id = await self._database.source_id(cursor, source_of(plan.page_id))
        key = {"generation": generation, "source_id": source_id, "path": path_of(plan.page_id)}
        await cursor.execute(statement("read_page_state"), key)
        state = await cursor.fetchone()
        if state is not None:
            return Outcome.STALE if state[0] >= plan.revision else Outcome.AGAIN
        # The first page of its source.
        return Outcome.APPLIED if await _write(cursor, generation, plan) else Outcome.AGAIN

    async def _move(
        self, cursor: Cursor, generation: Generation, plan: PagePlan, old: str
    ) -> Outcome:
        """Claim both pages in the order of their paths, so that no two moves wait for each other."""
        source_id = await self._database.source_id(cursor, source_of(plan.page_id))
        key = {"generation": generation, "source_id": source_id, "path": old}
        is_first = old < path_of(plan.page_id)
        has_old = is_first and await _tombstone(cursor, key, plan)
        outcome = await self._apply(cursor, generation, plan)
        if outcome is not Outcome.APPLIED:
            raise _Lost(outcome)
        if has_old or (not is_first and await _tombstone(cursor, key, plan)):
            await cursor.execute(statement_for("delete_sections", generation), key)
            await cursor.execute(statement_for("delete_chunks", generation), key)
        return outcome


def _stored_page(
    revision: int,
    is_deleted: bool,
    digests: list[bytes],
    sections: list[int] | None,
    hashes: list[bytes] | None,
    shown: list[bytes] | None,
) -> StoredPage:
    """A page from its row; without chunks their lists are null."""
    chunks = zip(sections or (), hashes or (), shown or (), strict=True)
    return StoredPage(
        Revision(revision),
        is_deleted,
        tuple(digests),
        tuple(StoredChunk(section, TextHash(key), digest) for section, key, digest in chunks),
    )


async def _write(cursor: Cursor, generation: Generation, plan: PagePlan) -> bool:
    """Whether the page was claimed, and all of its rows are as planned."""
    values = {
        "generation": Int4(generation),
        "source": source_of(plan.page_id),
        "path": path_of(plan.page_id),
        "revision": Int8(plan.revision),
        "based_on": None if plan.based_on is None else Int8(plan.based_on),
        "is_deleted": plan.facts is None,
        "chunk_count": Int4(plan.chunk_count),
    }
    values |= _fact_values(plan.facts) if plan.facts else _NO_FACTS
    values |= page_rows(plan)
    await cursor.execute(statement_for("apply_page", generation), values)
    return await cursor.fetchone() is not None


async def _tombstone(cursor: Cursor, key: dict[str, object], plan: PagePlan) -> bool:
    await cursor.execute(statement("claim_tombstone"), key | {"revision": plan.revision})
    return await cursor.fetchone() is not None


def _fact_values(facts: PageFacts) -> dict[str, object]:
    return {name: getattr(facts, name) for name in _NO_FACTS}
