"""What only a real Postgres can show: races, cut connections, and which index a query takes."""

import asyncio
import re
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack

import numpy as np
import psycopg
import pytest
from pgvector import Vector
from psycopg import sql

from index.adapters.postgres.database import Database
from index.adapters.postgres.search import PostgresSearch
from index.adapters.postgres.statements import search_statement
from index.core.plan import Outcome
from index.core.ports import QueryVector
from index.core.rank import QueryTerms, RankWeights
from index.core.stored import DumpedPage
from schemas.errors import StoreUnavailable
from schemas.ids import Generation
from tests.support.events import (
    DIM,
    SOURCE,
    changed,
    hash_of,
    page,
    planned,
    put,
    vectors_of,
)
from tests.support.shelves import PostgresShelf

TEXT = "# Title\n\nIntro.\n\n## One\n\nFirst part.\n"
OTHER = "# Title\n\nIntro.\n\n## Two\n\nSecond part.\n"
ROWS = 4000
BULK = (
    "INSERT INTO page_state (generation, source_id, path, revision, is_deleted, url, title, format,"
    " blob, commit) SELECT 1, 1, number || '.md', 1, false, '/' || number, 'T', 'markdown', '', ''"
    " FROM generate_series(1, cardinality(%(hashes)s::bytea[])) AS number",
    "INSERT INTO section_g1 (source_id, path, ordinal, digest, heading, heading_path, anchor)"
    " SELECT 1, number || '.md', 0, '', '', '{}', ''"
    " FROM generate_series(1, cardinality(%(hashes)s::bytea[])) AS number",
    "INSERT INTO chunk_g1 (source_id, path, ordinal, section, text, text_hash, shown)"
    " SELECT 1, number || '.md', 0, 0, 'word' || number %% 200, text_hash, ''"
    " FROM unnest(%(hashes)s::bytea[]) WITH ORDINALITY AS given (text_hash, number)",
    "INSERT INTO term_g1 (term, source_id, section_id, piece, title, heading, path, body, length)"
    " SELECT 'word' || (section_id + extra * 7) %% 200, 1, section_id, 0, 0, 0, 0, 1, 3"
    " FROM section_g1, generate_series(0, 4) AS extra",
)


@pytest.fixture
def shelf(postgres: Database) -> PostgresShelf:
    return PostgresShelf(postgres)


@pytest.fixture
def generation(shelf: PostgresShelf, runner: asyncio.Runner) -> Generation:
    info = runner.run(shelf.generations.create(fingerprint="f", model="m", dim=DIM))
    runner.run(shelf.generations.promote(info.generation))
    return info.generation


async def while_cut(
    database: Database, work: Callable[[], Awaitable[object]]
) -> BaseException | None:
    """Do `work` while the page table is locked, cut its connection as soon as it waits, and say what it raised."""
    async with await psycopg.AsyncConnection.connect(database.conninfo) as outside:
        await outside.execute("LOCK TABLE page_state IN EXCLUSIVE MODE")
        task = asyncio.ensure_future(work())
        async with await psycopg.AsyncConnection.connect(
            database.conninfo, autocommit=True
        ) as watcher:
            while not await _cut_who_waits(watcher):
                assert not task.done()
        await asyncio.wait({task})
        return task.exception()


async def _cut_who_waits(watcher: "psycopg.AsyncConnection[tuple[object, ...]]") -> bool:
    cursor = await watcher.execute(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
        " WHERE datname = current_database() AND wait_event_type = 'Lock'"
    )
    return await cursor.fetchone() is not None


def test_of_two_connections_that_apply_one_page_one_wins(
    shelf: PostgresShelf, generation: Generation, runner: asyncio.Runner
) -> None:
    async def race(turn: int) -> list[Outcome]:
        path = f"{turn}.md"
        plans = [
            await planned(changed(path, revision, TEXT), generation, shelf.pages)
            for revision in (1, 2)
        ]
        return list(await asyncio.gather(*(shelf.pages.apply(generation, p) for p in plans)))

    outcomes = [runner.run(race(turn)) for turn in range(10)]

    for first, second in outcomes:
        assert (first, second) in [
            (Outcome.APPLIED, Outcome.AGAIN),
            (Outcome.STALE, Outcome.APPLIED),
        ]


def test_two_pages_that_move_onto_each_other_never_deadlock(
    shelf: PostgresShelf, generation: Generation, runner: asyncio.Runner
) -> None:
    async def cross(revision: int) -> list[Outcome]:
        plans = [
            await planned(changed(new, revision, moved_from=old), generation, shelf.pages)
            for old, new in (("a.md", "b.md"), ("b.md", "a.md"))
        ]
        return list(await asyncio.gather(*(shelf.pages.apply(generation, p) for p in plans)))

    rounds = [runner.run(cross(revision)) for revision in range(1, 21)]

    for outcomes in rounds:
        assert sorted(outcomes) == [Outcome.APPLIED, Outcome.STALE]


def test_a_page_whose_vector_was_removed_meanwhile_is_planned_again(
    shelf: PostgresShelf, generation: Generation, runner: asyncio.Runner
) -> None:
    plan = runner.run(planned(changed("a.md", 1, TEXT), generation, shelf.pages))

    async def remove() -> None:
        async with shelf.database.transaction() as cursor:
            await cursor.execute("DELETE FROM vector_g1 WHERE text_hash = %s", (plan.texts[-1][0],))

    runner.run(remove())

    assert runner.run(shelf.pages.apply(generation, plan)) is Outcome.AGAIN
    assert runner.run(shelf.pages.page(generation, page("a.md"))) is None
    assert runner.run(shelf.generations.dump(generation, SOURCE)) == {}


def test_a_vector_in_use_cannot_be_removed(
    shelf: PostgresShelf, generation: Generation, runner: asyncio.Runner
) -> None:
    runner.run(put(changed("a.md", 1, TEXT), generation, shelf.pages))

    async def remove() -> None:
        async with shelf.database.transaction() as cursor:
            await cursor.execute("DELETE FROM vector_g1")

    with pytest.raises(psycopg.errors.ForeignKeyViolation):
        runner.run(remove())


@pytest.mark.parametrize("before", [None, TEXT])
def test_r20_a_connection_cut_in_the_middle_leaves_nothing_half_written(
    before: str | None, shelf: PostgresShelf, generation: Generation, runner: asyncio.Runner
) -> None:
    if before is not None:
        runner.run(put(changed("a.md", 1, before), generation, shelf.pages))
    event = changed("a.md", 2, OTHER)
    plan = runner.run(planned(event, generation, shelf.pages))
    stored = runner.run(shelf.generations.dump(generation, SOURCE))

    raised = runner.run(while_cut(shelf.database, lambda: shelf.pages.apply(generation, plan)))

    assert isinstance(raised, StoreUnavailable)
    assert runner.run(shelf.generations.dump(generation, SOURCE)) == stored
    assert runner.run(put(event, generation, shelf.pages)) is Outcome.APPLIED


def test_r23_a_commit_of_unknown_outcome_is_tried_again_without_harm(
    shelf: PostgresShelf, generation: Generation, runner: asyncio.Runner
) -> None:
    event = changed("a.md", 1, TEXT)
    plan = runner.run(planned(event, generation, shelf.pages))
    runner.run(shelf.pages.apply(generation, plan))
    stored = runner.run(_row_versions(shelf))

    again = runner.run(shelf.pages.apply(generation, plan))

    assert again is Outcome.STALE
    assert runner.run(_row_versions(shelf)) == stored


def test_r22_a_deadlock_is_a_reason_to_try_again(
    shelf: PostgresShelf, generation: Generation, runner: asyncio.Runner
) -> None:
    for path in ("a.md", "b.md"):
        runner.run(put(changed(path, 1, TEXT), generation, shelf.pages))
    touch = "UPDATE page_state SET indexed_at = now() WHERE path = %s"

    async def cross(first: str, second: str, met: asyncio.Barrier) -> None:
        async with shelf.database.transaction() as cursor:
            await cursor.execute(touch, (first,))
            await met.wait()
            await cursor.execute(touch, (second,))

    async def both() -> list[BaseException | None]:
        met = asyncio.Barrier(2)
        work = [cross("a.md", "b.md", met), cross("b.md", "a.md", met)]
        return list(await asyncio.gather(*work, return_exceptions=True))

    results = runner.run(both())

    (failure,) = (error for error in results if error is not None)
    assert isinstance(failure, StoreUnavailable)
    assert isinstance(failure.__cause__, psycopg.errors.DeadlockDetected)


def test_r21_a_database_that_takes_no_writes_is_unavailable_not_poison(
    shelf: PostgresShelf, generation: Generation, runner: asyncio.Runner
) -> None:
    plan = runner.run(planned(changed("a.md", 1, TEXT), generation, shelf.pages))

    async def apply_read_only() -> Outcome:
        database = Database(shelf.database.conninfo)
        async with shelf.database.transaction() as cursor:
            await cursor.execute("SELECT current_database()")
            row = await cursor.fetchone()
            assert row is not None
            name = sql.Identifier(row[0])
            off = sql.SQL("ALTER DATABASE {} SET default_transaction_read_only = on").format(name)
            await cursor.execute(off)
        await database.open()
        try:
            return await PostgresShelf(database).pages.apply(generation, plan)
        finally:
            await database.close()

    with pytest.raises(StoreUnavailable):
        runner.run(apply_read_only())


@pytest.mark.parametrize("bad", [[float("nan")] * DIM, [1.0] * (DIM + 1)])
def test_r27_a_vector_that_is_none_never_gets_into_the_table(
    bad: list[float], shelf: PostgresShelf, generation: Generation, runner: asyncio.Runner
) -> None:
    vectors = np.asarray([bad], dtype=np.float32)

    with pytest.raises(psycopg.errors.DataException):
        runner.run(shelf.pages.add_vectors(generation, [hash_of("text")], vectors))

    assert runner.run(shelf.pages.without_vector(generation, [hash_of("text")]))


def test_r04_a_reader_never_sees_a_page_half_old_and_half_new(
    shelf: PostgresShelf, generation: Generation, runner: asyncio.Runner
) -> None:
    """Each version carries a token of its own in its title, its headings and all its texts."""

    async def write() -> None:
        for revision in range(1, 80):
            parts = "".join(
                f"\n## tok-{revision} {part}\n\ntok-{revision} is here.\n"
                for part in range(revision % 3)
            )
            text = f"# tok-{revision} \n\ntok-{revision} \n{parts}"
            await put(changed("a.md", revision, text), generation, shelf.pages)

    async def read() -> list[set[int]]:
        writer = asyncio.create_task(write())
        seen = []
        while not writer.done():
            dump = await shelf.generations.dump(generation, SOURCE)
            seen += [tokens_in(shown) for shown in dump.values()]
        await writer
        return seen

    seen = runner.run(read())

    assert len(seen) > 20
    assert all(len(tokens) == 1 for tokens in seen)
    newest = [next(iter(tokens)) for tokens in seen]
    assert newest == sorted(newest)


def tokens_in(shown: DumpedPage) -> set[int]:
    """Which versions a page shows."""
    headings = [heading for path, _ in shown.sections for heading in path]
    texts = [shown.title, *headings, *(text for _, text, _ in shown.chunks)]
    return {int(token) for text in texts for token in re.findall(r"tok-(\d+)", text)}


def test_every_connection_of_the_pool_scans_on_until_it_has_enough(
    postgres: Database, runner: asyncio.Runner
) -> None:
    async def shown() -> list[str]:
        async with AsyncExitStack() as stack:
            cursors = [await stack.enter_async_context(postgres.transaction()) for _ in range(4)]
            values = []
            for cursor in cursors:
                await cursor.execute("SHOW hnsw.iterative_scan")
                values += [str(row[0]) for row in await cursor.fetchall()]
            return values

    assert runner.run(shown()) == ["relaxed_order"] * 4


def test_a_question_takes_the_vector_index_and_the_term_index(
    shelf: PostgresShelf, generation: Generation, runner: asyncio.Runner
) -> None:
    runner.run(fill(shelf, generation))

    plan = runner.run(explained(shelf, generation))

    assert "vector_g1_hnsw" in plan
    assert "term_g1_term_source_id" in plan
    assert "Seq Scan on term_g1" not in plan
    assert "Seq Scan on vector_g1" not in plan


def test_both_legs_find_a_page_in_a_large_table(
    shelf: PostgresShelf, generation: Generation, runner: asyncio.Runner
) -> None:
    runner.run(fill(shelf, generation))
    search = PostgresSearch(shelf.database, weights=RankWeights())

    found = runner.run(
        search.candidates(
            vector=QueryVector(runner.run(vectors_of(["word17 text"]))[0], generation),
            terms=QueryTerms(("word17",)),
            sources=None,
            limit=10,
        )
    )

    assert found is not None
    assert any(chunk.lexical > 0 for chunk in found.chunks)
    assert len(found.chunks) >= 10


async def fill(shelf: PostgresShelf, generation: Generation) -> None:
    """A few thousand pages of one chunk each, written as a bulk load would."""
    await put(changed("a.md", 1, TEXT), generation, shelf.pages)
    vectors = np.random.default_rng(1).normal(size=(ROWS, DIM)).astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    hashes = [hash_of(str(number)) for number in range(ROWS)]
    await shelf.pages.add_vectors(generation, hashes, vectors)
    async with shelf.database.transaction() as cursor:
        for query in BULK:
            await cursor.execute(query, {"hashes": hashes})
    await shelf.generations.build_vector_index(generation)
    await shelf.generations.refresh_statistics(generation, SOURCE)
    await shelf.generations.tune(generation)


async def explained(shelf: PostgresShelf, generation: Generation) -> str:
    """The plan of a search as Postgres tells it."""
    weights = {"k1": 1.2, "b": 0.75, "title": 3.0, "heading": 2.0, "path_weight": 1.0, "body": 1.0}
    vector = Vector((await vectors_of(["word17 text"]))[0])
    values = {
        **weights,
        "generation": generation,
        "vector": vector,
        "terms": ["word17"],
    }
    async with shelf.database.transaction(snapshot=True) as cursor:
        search = search_statement(
            generation, limit=30, few=5_000, most_postings=50_000, is_filtered=False
        )
        await cursor.execute(b"EXPLAIN " + search, values)
        return "\n".join(str(row[0]) for row in await cursor.fetchall())


async def _row_versions(shelf: PostgresShelf) -> list[tuple[object, ...]]:
    """Which transaction wrote each row of the page tables."""
    async with shelf.database.transaction() as cursor:
        await cursor.execute(
            "SELECT xmin::text, path FROM page_state"
            " UNION ALL SELECT xmin::text, path FROM chunk_g1"
            " UNION ALL SELECT xmin::text, path FROM section_g1 ORDER BY 2, 1"
        )
        return list(await cursor.fetchall())
