"""Pages of generations in Postgres: one transaction a page."""

from collections.abc import Iterator, Sequence

import numpy as np
import psycopg
from numpy.typing import NDArray
from pgvector import Vector

from index.adapters.postgres.database import Cursor, Database
from index.adapters.postgres.dropped import unless_dropped
from index.adapters.postgres.statements import statement, statement_for
from index.core.plan import Outcome, PageFacts, PagePlan, SectionWrite, StoredChunk, StoredPage
from schemas.ids import Generation, PageId, Revision, TextHash, path_of, source_of

_TERM_TYPES = ("text", "int4", "int8", "int2", "int2", "int2", "int2", "int2", "int4")
_NO_FACTS = {"url": "", "title": "", "format": "", "blob": "", "commit": "", "committed_at": None}


class _Lost(Exception):
    """Another writer was first: roll back, a tombstoned old page of a move included."""

    def __init__(self, outcome: Outcome) -> None:
        self.outcome = outcome


class PostgresPages:
    """`index.core.ports.PageStore` over Postgres."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def page(self, generation: Generation, page_id: PageId) -> StoredPage | None:
        """See `PageStore.page`; its three reads see one state."""
        with unless_dropped(generation):
            return await self._page(generation, page_id)

    async def _page(self, generation: Generation, page_id: PageId) -> StoredPage | None:
        async with self._database.transaction(snapshot=True) as cursor:
            await cursor.execute(
                "SELECT source_id FROM source WHERE name = %s", (source_of(page_id),)
            )
            row = await cursor.fetchone()
            if row is None:
                return None
            key = {"generation": generation, "source_id": row[0], "path": path_of(page_id)}
            await cursor.execute(statement("read_page_state"), key)
            state = await cursor.fetchone()
            if state is None or state[1]:
                return StoredPage(Revision(state[0]), True) if state else None
            await cursor.execute(statement_for("read_page_sections", generation), key)
            sections = tuple(bytes(digest) for (digest,) in await cursor.fetchall())
            await cursor.execute(statement_for("read_page_chunks", generation), key)
            chunks = tuple(
                StoredChunk(section, TextHash(bytes(text_hash)), bytes(shown))
                for section, text_hash, shown in await cursor.fetchall()
            )
        return StoredPage(Revision(state[0]), False, sections, chunks)

    async def without_vector(
        self, generation: Generation, hashes: Sequence[TextHash]
    ) -> set[TextHash]:
        """See `PageStore.without_vector`."""
        if not hashes:
            return set()
        with unless_dropped(generation):
            async with self._database.transaction() as cursor:
                await cursor.execute(
                    statement_for("select_known_hashes", generation), {"hashes": list(hashes)}
                )
                known = {TextHash(bytes(text_hash)) for (text_hash,) in await cursor.fetchall()}
        return set(hashes) - known

    async def add_vectors(
        self, generation: Generation, hashes: Sequence[TextHash], vectors: NDArray[np.float32]
    ) -> None:
        """See `PageStore.add_vectors`."""
        order = sorted(range(len(hashes)), key=hashes.__getitem__)
        rows = {
            "hashes": [hashes[i] for i in order],
            "vectors": [Vector(vectors[i]) for i in order],
        }
        with unless_dropped(generation):
            async with self._database.transaction() as cursor:
                await cursor.execute(statement_for("insert_vectors", generation), rows)

    async def apply(self, generation: Generation, plan: PagePlan) -> Outcome:
        """See `PageStore.apply`."""
        try:
            with unless_dropped(generation):
                async with self._database.transaction() as cursor:
                    return await _apply(cursor, self._database, generation, plan)
        except _Lost as lost:
            return lost.outcome
        except psycopg.errors.ForeignKeyViolation:
            return Outcome.AGAIN


async def _apply(
    cursor: Cursor, database: Database, generation: Generation, plan: PagePlan
) -> Outcome:
    source = source_of(plan.page_id)
    source_id = await database.source_id(cursor, source)
    path = path_of(plan.page_id)
    key: dict[str, object] = {"generation": generation, "source_id": source_id, "path": path}
    old = path_of(plan.moved_from) if plan.moved_from else None
    has_old = old is not None and old < path and await _tombstone(cursor, key | {"path": old}, plan)
    await cursor.execute(statement("claim_page"), _claim_values(key, plan))
    if await cursor.fetchone() is None:
        await cursor.execute(statement("read_page_state"), key)
        state = await cursor.fetchone()
        raise _Lost(Outcome.STALE if state and state[0] >= plan.revision else Outcome.AGAIN)
    if old is not None and old > path:
        has_old = await _tombstone(cursor, key | {"path": old}, plan)
    if old is not None and has_old:
        await _write_rows(cursor, generation, key | {"path": old}, None)
    await _write_rows(cursor, generation, key, plan)
    return Outcome.APPLIED


async def _tombstone(cursor: Cursor, key: dict[str, object], plan: PagePlan) -> bool:
    await cursor.execute(statement("claim_tombstone"), key | {"revision": plan.revision})
    return await cursor.fetchone() is not None


def _claim_values(key: dict[str, object], plan: PagePlan) -> dict[str, object]:
    facts = plan.facts
    return {
        **key,
        "revision": plan.revision,
        "based_on": plan.based_on,
        "is_deleted": facts is None,
        **(_fact_values(facts) if facts else _NO_FACTS),
    }


def _fact_values(facts: PageFacts) -> dict[str, object]:
    return {name: getattr(facts, name) for name in _NO_FACTS}


async def _write_rows(
    cursor: Cursor, generation: Generation, key: dict[str, object], plan: PagePlan | None
) -> None:
    """Bring a page's rows to the plan's; None leaves none."""
    kept = plan.kept if plan else ()
    await cursor.execute(
        statement_for("delete_sections", generation), key | {"kept": [old for old, _ in kept]}
    )
    if any(old != new for old, new in kept):
        moves = {"old": [old for old, _ in kept], "new": [new for _, new in kept]}
        await cursor.execute(statement_for("move_sections", generation), key | moves)
    if plan and plan.sections:
        await _insert_sections(cursor, generation, key, plan.sections)
    if plan and plan.chunks:
        rows = {
            "ordinals": [chunk.ordinal for chunk in plan.chunks],
            "sections": [chunk.section for chunk in plan.chunks],
            "texts": [chunk.text for chunk in plan.chunks],
            "hashes": [chunk.text_hash for chunk in plan.chunks],
            "shown": [chunk.shown for chunk in plan.chunks],
        }
        await cursor.execute(statement_for("upsert_chunks", generation), key | rows)
    await cursor.execute(
        statement_for("delete_chunks", generation), key | {"first": plan.chunk_count if plan else 0}
    )


async def _insert_sections(
    cursor: Cursor, generation: Generation, key: dict[str, object], sections: Sequence[SectionWrite]
) -> None:
    values = [
        {
            **key,
            "ordinal": section.ordinal,
            "digest": section.digest,
            "heading": section.heading,
            "heading_path": list(section.path),
            "anchor": section.anchor,
        }
        for section in sections
    ]
    await cursor.executemany(statement_for("insert_section", generation), values, returning=True)
    ids: list[int] = []
    while True:
        ids += [row[0] for row in await cursor.fetchall()]
        if not cursor.nextset():
            break
    async with cursor.copy(statement_for("copy_terms", generation)) as copy:
        copy.set_types(_TERM_TYPES)
        for row in _term_rows(sections, ids, key["source_id"]):
            await copy.write_row(row)


def _term_rows(
    sections: Sequence[SectionWrite], ids: Sequence[int], source_id: object
) -> Iterator[tuple[object, ...]]:
    for section, section_id in zip(sections, ids, strict=True):
        for place, piece in enumerate(section.pieces):
            for count in piece.counts:
                fields = (count.title, count.heading, count.path, count.body)
                yield (count.term, source_id, section_id, place, *fields, piece.length)
