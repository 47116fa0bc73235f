"""Looking at whole generations in Postgres: their figures, their vector index and what it finds."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from psycopg import sql

from index.adapters.postgres.database import Cursor, Database
from index.adapters.postgres.dropped import unless_dropped
from index.adapters.postgres.statements import statement, statement_for
from schemas.ids import Generation

_SAMPLE, _NEAREST = 30, 10
_SAME_DISTANCE = 1e-5
"""Vectors so near to the tenth are as good as it: equal texts have equal distances."""
_BUILDER_LOCK = 0x6865_6164_0000_0000
_BUILDER_POLL_S = 0.5


@dataclass(frozen=True, slots=True)
class GenerationFigures:
    """One generation as a person looks at it: `pages` without deleted ones, `is_indexed`: its vectors are."""

    generation: Generation
    state: str
    fingerprint: str
    model: str
    is_by_hand: bool
    is_pinned: bool
    created_at: datetime
    promoted_at: datetime | None
    is_indexed: bool
    size_bytes: int
    pages: int
    chunks: int
    vectors: int


class PostgresProbe:
    """Reads that no page and no question waits for."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def figures(self) -> Sequence[GenerationFigures]:
        """Every generation, retired ones too, oldest first."""
        async with self._database.transaction(snapshot=True) as cursor:
            await cursor.execute(statement("read_generations"))
            rows = await cursor.fetchall()
            counts = [await _counts(cursor, Generation(row[0]), row[1]) for row in rows]
        return [GenerationFigures(*(*row, *count)) for row, count in zip(rows, counts, strict=True)]

    async def build_vector_index(self, generation: Generation) -> None:
        """Build the approximate index while writers go on, if it is not there whole. Idempotent.

        One process at a time does; another waits, and finds it. Raises: GenerationGone.
        """
        index = sql.Identifier(f"vector_g{generation:d}_hnsw")
        table = sql.Identifier(f"vector_g{generation:d}")
        create = sql.SQL(statement("create_vector_index_beside"))
        with unless_dropped(generation):
            async with self._database.unattended() as connection:
                lock = (_BUILDER_LOCK + generation,)
                # Asked again and again: what waits for a lock holds up the build that it waits for.
                while not await _is_true(
                    await connection.execute("SELECT pg_try_advisory_lock(%s)", lock)
                ):
                    await asyncio.sleep(_BUILDER_POLL_S)
                try:
                    if await _is_true(await connection.execute(_BROKEN, (index.as_string(None),))):
                        drop = sql.SQL("DROP INDEX CONCURRENTLY {}").format(index)
                        await connection.execute(drop)
                    await connection.execute("SET maintenance_work_mem = '512MB'")
                    await connection.execute(create.format(vector_index=index, vector=table))
                finally:
                    if not connection.closed:
                        await connection.execute("RESET maintenance_work_mem")
                        await connection.execute("SELECT pg_advisory_unlock(%s)", lock)

    async def recall(self, generation: Generation) -> float | None:
        """The share of the ten nearest vectors that the index finds, over a sample of texts; None without any.

        Equally near ones count as found. Raises: GenerationGone.
        """
        with unless_dropped(generation):
            async with self._database.transaction(snapshot=True) as cursor:
                await cursor.execute(
                    statement_for("sample_vectors", generation), {"sample": _SAMPLE}
                )
                sample = [row[0] for row in await cursor.fetchall()]
                found = [await _distances(cursor, generation, vector) for vector in sample]
                await cursor.execute("SET LOCAL enable_indexscan = off")
                exact = [await _distances(cursor, generation, vector) for vector in sample]
        wanted = sum(len(distances) for distances in exact)
        hits = sum(_near_enough(near, far) for near, far in zip(found, exact, strict=True))
        return hits / wanted if wanted else None


_BROKEN = (
    "SELECT EXISTS (SELECT FROM pg_index WHERE indexrelid = to_regclass(%s) AND NOT indisvalid)"
)


async def _counts(cursor: Cursor, generation: Generation, state: str) -> tuple[int, int]:
    if state == "retired":  # its tables may be going
        return 0, 0
    with unless_dropped(generation):
        await cursor.execute(statement_for("count_rows", generation))
    row = await cursor.fetchone()
    return (row[0], row[1]) if row else (0, 0)


async def _distances(cursor: Cursor, generation: Generation, vector: object) -> list[float]:
    values = {"vector": vector, "limit": _NEAREST}
    await cursor.execute(statement_for("read_nearest_distances", generation), values)
    return [row[0] for row in await cursor.fetchall()]


def _near_enough(found: Sequence[float], exact: Sequence[float]) -> int:
    """How many of `found` are as near as the exact ones."""
    farthest = exact[-1] + _SAME_DISTANCE if exact else 0.0
    return min(len(exact), sum(distance <= farthest for distance in found))


async def _is_true(cursor: Cursor) -> bool:
    row = await cursor.fetchone()
    return bool(row and row[0])
