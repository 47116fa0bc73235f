"""Generations, parked pages, statistics epochs and dumps in Postgres."""

import contextlib
from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import LiteralString

import numpy as np
import psycopg
from numpy.typing import NDArray
from psycopg import sql

from index.adapters.postgres.database import Cursor, Database
from index.adapters.postgres.dropped import unless_dropped
from index.adapters.postgres.dropping import drop_generation
from index.adapters.postgres.statements import statement, statement_for
from index.core.generations import GenerationInfo
from index.core.ledger import Delays, SourceStatus
from index.core.ports import ByHand
from index.core.stored import DumpedPage
from schemas.errors import GenerationGone, WrongUse
from schemas.ids import (
    INTAKE,
    Generation,
    PageId,
    Revision,
    SourceName,
    TextHash,
    path_of,
    source_of,
)


class PostgresGenerations:
    """`GenerationStore` and `ParkStore` over Postgres, with what `status` and `verify` read."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def generations(self) -> Sequence[GenerationInfo]:
        """See `GenerationStore.generations`."""
        async with self._database.statement() as cursor:
            await cursor.execute(
                "SELECT generation, fingerprint, model, dim, state = 'live', state = 'kept', is_by_hand, is_pinned"
                " FROM generation WHERE state <> 'retired' ORDER BY generation"
            )
            return [GenerationInfo(Generation(row[0]), *row[1:]) for row in await cursor.fetchall()]

    async def create(
        self, *, fingerprint: str, model: str, dim: int, is_by_hand: bool = False
    ) -> GenerationInfo:
        """See `GenerationStore.create`."""
        async with self._database.transaction() as cursor:
            await cursor.execute(
                "INSERT INTO generation (fingerprint, model, dim, state, is_by_hand)"
                " VALUES (%s, %s, %s, 'building', %s) RETURNING generation",
                (fingerprint, model, dim, is_by_hand),
            )
            row = await cursor.fetchone()
            if row is None:
                raise WrongUse("the database took no new generation")
            generation = Generation(row[0])
            await cursor.connection.execute(_tables(generation, dim))
        return GenerationInfo(generation, fingerprint, model, dim, False, is_by_hand=is_by_hand)

    async def adopt(self, generation: Generation) -> None:
        """Make a generation that is being built one that a person had built. Idempotent."""
        await self._mark(
            "UPDATE generation SET is_by_hand = true WHERE generation = %s", generation
        )

    async def unpin(self, generation: Generation) -> None:
        """Let the live generation go the way of the configuration again. Idempotent."""
        await self._mark(
            "UPDATE generation SET is_pinned = false WHERE generation = %s", generation
        )

    async def _mark(self, update: LiteralString, generation: Generation) -> None:
        async with self._database.transaction() as cursor:
            await cursor.execute(update, (generation,))

    async def lacking(self, generation: Generation) -> Mapping[SourceName, int]:
        """How many pages a generation lacks to be promoted, by source."""
        async with self._database.transaction() as cursor:
            return await _lacking(cursor, generation)

    async def promote(
        self, generation: Generation, by_hand: ByHand | None = None
    ) -> Mapping[SourceName, int]:
        """See `GenerationStore.promote`."""
        is_forced = by_hand is not None and by_hand.is_forced
        if not is_forced and (lacking := await self.lacking(generation)):
            return lacking  # without having held up a writer
        async with self._database.transaction() as cursor:
            values = {"generation": generation}
            await cursor.execute(statement("lock_for_switch"), values)
            locked = {row[0]: (row[1], row[2]) for row in await cursor.fetchall()}
            if locked.get(generation, ("retired",))[0] == "retired":
                raise GenerationGone(generation)
            if by_hand is None and any(is_pinned for _, is_pinned in locked.values()):
                return {}
            # Until the switch is made no page may become newer in the live generation alone.
            await cursor.execute("LOCK TABLE page_state IN SHARE MODE")
            if not is_forced and (lacking := await _lacking(cursor, generation)):
                return lacking
            state = "kept" if by_hand else "retired"
            await cursor.execute(statement("step_down"), values | {"state": state})
            is_pinned = by_hand is not None and by_hand.is_pinned
            await cursor.execute(statement("step_up"), values | {"is_pinned": is_pinned})
        return {}

    async def retired(self) -> Sequence[Generation]:
        """Generations that answer no question any more."""
        async with self._database.transaction() as cursor:
            await cursor.execute(
                "SELECT generation FROM generation WHERE state = 'retired' ORDER BY generation"
            )
            return [Generation(row[0]) for row in await cursor.fetchall()]

    async def drop(self, generation: Generation) -> bool:
        """See `GenerationStore.drop`."""
        return await drop_generation(self._database, generation)

    async def build_vector_index(self, generation: Generation) -> None:
        """Build the approximate index of a generation, if it is not there. Idempotent. Raises: GenerationGone."""
        text = sql.SQL(statement("create_vector_index")).format(**_vector_names(generation))
        with unless_dropped(generation):
            async with self._database.transaction() as cursor:
                await cursor.execute("SET LOCAL statement_timeout = 0")
                await cursor.execute("SET LOCAL maintenance_work_mem = '512MB'")
                await cursor.execute(text)

    async def refresh_statistics(self, generation: Generation, source: SourceName) -> None:
        """Begin a new epoch of a source's document frequencies and mean length."""
        forget = "DELETE FROM lexical_term WHERE generation = %(generation)s AND source_id = %(source_id)s"
        with unless_dropped(generation):
            async with self._database.transaction() as cursor:
                source_id = await self._database.source_id(cursor, source)
                values = {"generation": generation, "source_id": source_id}
                await cursor.execute(statement_for("refresh_lexical_source", generation), values)
                await cursor.execute(forget, values)
                await cursor.execute(statement_for("refresh_lexical_terms", generation), values)

    async def tune(self, generation: Generation) -> None:
        """Tell the planner what the tables hold now: plans made for empty tables are five times slower. Idempotent.

        Vacuuming also lets the lexical ranking read its index alone; the vectors are only analysed, since vacuuming an
        HNSW index takes seconds.
        """
        kept = [
            sql.Identifier(f"{table}_g{generation:d}") for table in ("section", "chunk", "term")
        ]
        kept += [sql.Identifier(table) for table in _SHARED_TABLES]
        vectors = sql.SQL("ANALYZE {}").format(sql.Identifier(f"vector_g{generation:d}"))
        with unless_dropped(generation):
            await self._database.maintain(
                [*(sql.SQL("VACUUM (ANALYZE) {}").format(table) for table in kept), vectors]
            )

    async def park(
        self, generation: Generation, page_id: PageId, revision: Revision, reason: str
    ) -> None:
        """See `ParkStore.park`."""
        async with self._database.transaction() as cursor:
            if generation != INTAKE:
                await cursor.execute(
                    "SELECT 1 FROM generation WHERE generation = %s FOR KEY SHARE", (generation,)
                )
                if await cursor.fetchone() is None:
                    raise GenerationGone(generation)
            values = {
                "generation": generation,
                "source_id": await self._database.source_id(cursor, source_of(page_id)),
                "revision": revision,
                "paths": [path_of(page_id)],
                "reasons": [reason.replace("\x00", "")[:1000]],
            }
            await cursor.execute(statement("insert_parked"), values)

    async def is_parked(self, generation: Generation, page_id: PageId, since: Revision) -> bool:
        """See `ParkStore.is_parked`."""
        values = {
            "generation": generation,
            "source": source_of(page_id),
            "path": path_of(page_id),
            "since": since,
        }
        async with self._database.transaction() as cursor:
            await cursor.execute(statement("find_parked"), values)
            return await cursor.fetchone() is not None

    async def parked(self, generation: Generation) -> Mapping[SourceName, Mapping[str, str]]:
        """The pages parked now with their reasons, by source and path; those a person has dropped are left out."""
        return await self._parked(generation, is_dropped=False)

    async def dropped_parkings(
        self, generation: Generation
    ) -> Mapping[SourceName, Mapping[str, str]]:
        """The pages whose parking a person has dropped, with its reason, by source and path."""
        return await self._parked(generation, is_dropped=True)

    async def _parked(
        self, generation: Generation, *, is_dropped: bool
    ) -> Mapping[SourceName, Mapping[str, str]]:
        pages: dict[SourceName, dict[str, str]] = {}
        async with self._database.transaction() as cursor:
            await cursor.execute(statement("read_parked"), {"generation": generation})
            for name, path, reason, _, is_so in await cursor.fetchall():
                if is_so == is_dropped:
                    pages.setdefault(SourceName(name), {})[path] = reason
        return pages

    async def behind(self, generation: Generation, source: SourceName) -> Mapping[str, bool]:
        """The pages that are behind in one generation, by path, each with whether it is said to be searchable."""
        values = {"generation": generation, "source": source}
        async with self._database.transaction() as cursor:
            await cursor.execute(statement("select_behind_in_generation"), values)
            return {path: is_overdue for path, is_overdue in await cursor.fetchall()}

    async def statuses(self, generation: Generation) -> Sequence[SourceStatus]:
        """Every source with its counts in one generation."""
        parked = await self.parked(generation)
        with unless_dropped(generation):
            async with self._database.transaction() as cursor:
                await cursor.execute(
                    statement_for("read_source_statuses", generation), {"generation": generation}
                )
                rows = await cursor.fetchall()
        return [
            SourceStatus(
                source=SourceName(row[0]),
                revision=Revision(row[1]),
                published_commit=row[2],
                committed_at=row[3],
                published_at=row[4],
                checked_at=row[5],
                pages=row[6],
                chunks=row[7],
                behind=row[8],
                overdue=row[9],
                parked=tuple(parked.get(SourceName(row[0]), {}).items()),
            )
            for row in rows
        ]

    async def collect(self, generation: Generation, *, grace: timedelta, batch: int) -> int:
        """Remove the vectors that have been unused for `grace`, `batch` of them a transaction.

        Returns: how many; the rest is left for later when a writer has just begun to use one of them.
        """
        values = {"grace": grace, "batch": batch}
        removed = 0
        with unless_dropped(generation):
            async with self._database.transaction() as cursor:
                await cursor.execute(statement_for("unmark_orphans", generation))
                await cursor.execute(statement_for("mark_orphans", generation))
        with (
            unless_dropped(generation),
            contextlib.suppress(psycopg.errors.ForeignKeyViolation),
        ):
            is_last = False
            while not is_last:
                async with self._database.transaction() as cursor:
                    await cursor.execute(statement_for("delete_orphans", generation), values)
                    count = len(await cursor.fetchall())
                removed, is_last = removed + count, count < batch
        return removed

    async def prune(self, *, age: timedelta) -> None:
        """Forget what is older than `age`: deliveries, and the publications and parkings that a newer one replaced."""
        async with self._database.transaction() as cursor:
            for name in ("prune_parked", "prune_publications", "prune_deliveries"):
                await cursor.execute(statement(name), {"age": age})

    async def delays(self, generation: Generation) -> Mapping[SourceName, Delays]:
        """How long the last week's changes took, by source."""
        async with self._database.transaction() as cursor:
            await cursor.execute(statement("read_delays"), {"generation": generation})
            return {SourceName(row[0]): Delays(*row[1:]) for row in await cursor.fetchall()}

    async def freshness(
        self, generation: Generation, source: SourceName, revision: Revision
    ) -> Sequence[tuple[str, float]]:
        """Kind and freshness in seconds of every page that became searchable at `revision`."""
        values = {"generation": generation, "source": source, "revision": revision}
        async with self._database.transaction() as cursor:
            await cursor.execute(statement("read_freshness"), values)
            return [(row[0], row[1]) for row in await cursor.fetchall()]

    async def orphan_vectors(self, generation: Generation) -> int:
        """How many vectors no chunk points at."""
        async with self._database.transaction() as cursor:
            await cursor.execute(statement_for("count_orphan_vectors", generation))
            row = await cursor.fetchone()
        return int(row[0]) if row else 0

    async def vectors(
        self, generation: Generation, hashes: Sequence[TextHash]
    ) -> Mapping[TextHash, NDArray[np.float32]]:
        """The stored vectors of texts, float32 of shape (dim,); a text without one is left out."""
        async with self._database.transaction() as cursor:
            await cursor.execute(
                statement_for("read_vectors", generation), {"hashes": list(hashes)}
            )
            return {
                TextHash(bytes(text_hash)): np.asarray(vector.to_numpy(), dtype=np.float32)
                for text_hash, vector in await cursor.fetchall()
            }

    async def dump(self, generation: Generation, source: SourceName) -> Mapping[str, DumpedPage]:
        """The canonical dump of one source, by path, from one snapshot."""
        async with self._database.transaction(snapshot=True) as cursor:
            await cursor.execute("SELECT source_id FROM source WHERE name = %s", (source,))
            row = await cursor.fetchone()
            if row is None:
                return {}
            values = {"generation": generation, "source_id": row[0]}
            await cursor.execute(statement("read_dump_pages"), values)
            pages = await cursor.fetchall()
            await cursor.execute(statement_for("read_dump_sections", generation), values)
            sections: dict[str, list[tuple[tuple[str, ...], str]]] = {}
            for path, heading_path, anchor in await cursor.fetchall():
                sections.setdefault(path, []).append((tuple(heading_path), anchor))
            await cursor.execute(statement_for("read_dump_chunks", generation), values)
            chunks: dict[str, list[tuple[int, str, TextHash]]] = {}
            for path, section, text, text_hash in await cursor.fetchall():
                chunks.setdefault(path, []).append((section, text, TextHash(bytes(text_hash))))
        return {
            path: DumpedPage(
                path, url, title, tuple(sections.pop(path, ())), tuple(chunks.pop(path, ()))
            )
            for path, url, title, _ in pages
        } | {
            path: DumpedPage(
                path, "", "", tuple(sections.get(path, ())), tuple(chunks.get(path, ()))
            )
            for path in {*sections, *chunks}
        }


_SHARED_TABLES = (
    "source",
    "publication",
    "claim",
    "depends",
    "page_state",
    "parked",
    "lexical_source",
    "lexical_term",
)


async def _lacking(cursor: Cursor, generation: Generation) -> Mapping[SourceName, int]:
    await cursor.execute(statement("count_lacking"), {"generation": generation})
    return {SourceName(name): count for name, count in await cursor.fetchall()}


def _vector_names(generation: Generation) -> dict[str, sql.Identifier]:
    return {
        "vector_index": sql.Identifier(f"vector_g{generation:d}_hnsw"),
        "vector": sql.Identifier(f"vector_g{generation:d}"),
    }


def _tables(generation: Generation, dim: int) -> sql.Composed:
    names = {
        table: sql.Identifier(f"{table}_g{generation:d}")
        for table in ("section", "chunk", "vector", "term", "orphan")
    }
    text = sql.SQL(statement("create_generation_tables"))
    return text.format(**names, dim=sql.Literal(dim))
