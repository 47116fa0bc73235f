"""What Postgres forgets and what it must not: old rows, vectors, delays that were none, and who holds a source."""

import asyncio
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import cast

import psycopg
import pytest

from headwater.keeping import keeping_database
from headwater.runtime import Store
from index.adapters.postgres.database import Database
from index.adapters.postgres.deliveries import PostgresDeliveries
from index.adapters.postgres.ledger import PostgresLedger
from index.core.ledger import Announcement, PublicationKind
from index.core.ports import ByHand
from ingest.adapters.memory import MemoryReader
from ingest.settings import SourceSettings
from schemas.errors import Leased
from schemas.ids import INTAKE, Generation, Revision
from tests.support.events import DIM, SOURCE, changed, hash_of, published, put, vectors_of
from tests.support.pipeline import Pipeline, StuckLog
from tests.support.shelves import PostgresShelf

ROOT = Path(__file__).resolve().parents[2]
AGE = timedelta(days=30)
OLD = datetime(2024, 1, 1, tzinfo=UTC)


@pytest.fixture
def shelf(postgres: Database) -> PostgresShelf:
    return PostgresShelf(postgres)


def announced(shelf: PostgresShelf, runner: asyncio.Runner, kind: PublicationKind) -> Revision:
    revision = runner.run(shelf.ledger.begin(SOURCE, commit="c", config_hash="h"))
    parked = (("a.md", "why"),) if kind is PublicationKind.PARKED else ()
    said = Announcement((published("a.md", revision, kind),), parked=parked)
    runner.run(shelf.ledger.announce(SOURCE, revision, said))
    return revision


def made(shelf: PostgresShelf, runner: asyncio.Runner) -> Generation:
    return runner.run(shelf.generations.create(fingerprint="f", model="m", dim=DIM)).generation


def aged(conninfo: str) -> None:
    """Let everything have happened two months ago."""
    with psycopg.connect(conninfo) as connection:
        connection.execute("UPDATE parked SET parked_at = parked_at - interval '60 days'")
        connection.execute(
            "UPDATE publication SET published_at = published_at - interval '60 days'"
        )
        connection.execute("UPDATE delivery SET received_at = received_at - interval '60 days'")


def test_only_what_is_old_and_passed_is_forgotten(
    shelf: PostgresShelf, postgres: Database, conninfo: str, runner: asyncio.Runner
) -> None:
    deliveries = PostgresDeliveries(postgres)

    async def delivered(name: str) -> bool:
        return await deliveries.store(
            source=SOURCE, delivery_id=name, event="push", ref=None, after=None
        )

    runner.run(delivered("old"))
    announced(shelf, runner, PublicationKind.PARKED)
    newest = announced(shelf, runner, PublicationKind.PARKED)
    aged(conninfo)
    runner.run(delivered("new"))

    runner.run(shelf.generations.prune(age=AGE))

    rows = runner.run(shelf.rows(SOURCE))
    assert rows.parked == {(INTAKE, "a.md", newest)}
    assert list(rows.published) == [("a.md", newest)]
    assert [runner.run(delivered(name)) for name in ("old", "new")] == [True, False]


def test_a_page_that_reached_a_generation_by_its_building_is_no_delay(
    shelf: PostgresShelf, runner: asyncio.Runner
) -> None:
    first = made(shelf, runner)
    runner.run(shelf.generations.promote(first))
    second = made(shelf, runner)
    revision = announced(shelf, runner, PublicationKind.CHANGED)
    for generation in (first, second):
        runner.run(put(changed("a.md", revision), generation, shelf.pages))
    before = runner.run(shelf.generations.delays(first))

    runner.run(shelf.generations.promote(second, ByHand()))
    while_kept = runner.run(shelf.generations.delays(second))
    runner.run(shelf.generations.drop(first))

    assert before[SOURCE].processing_p50 is not None
    assert while_kept == before
    assert runner.run(shelf.generations.delays(second)) == {}


def test_keeping_the_database_ends_whenever_the_work_does(
    postgres: Database, runner: asyncio.Runner, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("headwater.keeping._CHECK_S", 0)

    async def work() -> None:
        async with keeping_database(cast("Store", SimpleNamespace(database=postgres))):
            await postgres.ping()

    for _ in range(100):
        runner.run(asyncio.wait_for(work(), timeout=20))


@pytest.mark.parametrize("batch", [1, 2, 100])
def test_every_vector_that_has_long_been_unused_goes_and_no_other(
    shelf: PostgresShelf, runner: asyncio.Runner, batch: int
) -> None:
    generation = made(shelf, runner)
    runner.run(put(changed("a.md", 1), generation, shelf.pages))
    texts = [f"text {number}" for number in range(5)]
    hashes = [hash_of(text) for text in texts]
    runner.run(shelf.pages.add_vectors(generation, hashes, runner.run(vectors_of(texts))))

    def collected(grace: timedelta) -> int:
        return runner.run(shelf.generations.collect(generation, grace=grace, batch=batch))

    assert [collected(AGE), collected(timedelta(0)), collected(timedelta(0))] == [0, 5, 0]
    assert runner.run(shelf.generations.orphan_vectors(generation)) == 0


def test_a_source_is_synced_by_one_owner_until_it_has_finished_or_been_silent(
    shelf: PostgresShelf, runner: asyncio.Runner
) -> None:
    here, there = shelf.ledger, PostgresLedger(shelf.database, owner="there")

    async def story() -> list[object]:
        seen: list[object] = [await _begin(here), await _begin(there), await _begin(here)]
        await here.finish(
            SOURCE, Revision(2), commit="c", committed_at=OLD, covered=(), checked_at=OLD
        )
        seen += [await _begin(there), await _begin(here)]
        async with shelf.database.transaction() as cursor:
            await cursor.execute("UPDATE source SET lease_until = now() - interval '1 second'")
        return [*seen, await _begin(here)]

    assert runner.run(story()) == [1, "here", 2, 3, "there", 4]


def test_a_sync_that_takes_long_goes_on_holding_its_source(
    shelf: PostgresShelf, runner: asyncio.Runner, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ingest.handlers.sync._RENEWED_EVERY_S", 0.01)
    there = PostgresLedger(shelf.database, owner="there")
    reader, settings = MemoryReader(), SourceSettings(name=SOURCE, location="/d")
    reader.commit({"a.md": b"# A"})
    pipeline = Pipeline(shelf, SOURCE, reader, settings, _unwatched)
    log = StuckLog(pipeline.consume, 0)

    async def story() -> object:
        await pipeline.add_generation()
        syncing = asyncio.create_task(pipeline.sync_through(log))
        await log.is_stuck.wait()
        async with shelf.database.transaction() as cursor:
            await cursor.execute("UPDATE source SET lease_until = clock_timestamp()")
        async with asyncio.timeout(20):
            while not await _is_leased(shelf):
                await asyncio.sleep(0.01)
        overtaken = await _begin(there)
        log.may_go_on.set()
        await syncing
        return overtaken, await _begin(there)

    assert runner.run(story()) == ("here", 2)


async def _unwatched(_: str) -> None:
    return None


async def _is_leased(shelf: PostgresShelf) -> bool:
    async with shelf.database.transaction() as cursor:
        await cursor.execute("SELECT lease_until > clock_timestamp() FROM source")
        row = await cursor.fetchone()
    return row is not None and bool(row[0])


async def _begin(ledger: PostgresLedger) -> int | str:
    """The revision taken, or who holds the lease."""
    try:
        return await ledger.begin(SOURCE, commit="c", config_hash="h")
    except Leased as error:
        return error.owner


def test_r31_the_recall_of_a_vector_index_is_measured_and_the_index_built_anew_in_use(
    postgres: Database, shelf: PostgresShelf, runner: asyncio.Runner
) -> None:
    """As the runbook of search has it, by hand."""
    generations = shelf.generations
    info = runner.run(generations.create(fingerprint="f", model="m", dim=DIM))
    texts = [f"text {number}" for number in range(300)]
    vectors = runner.run(vectors_of(texts))
    runner.run(shelf.pages.add_vectors(info.generation, [*map(hash_of, texts)], vectors))
    runner.run(generations.build_vector_index(info.generation))
    script = (ROOT / "deploy" / "recall.sql").read_text("utf-8").replace(":generation", "1")
    lines = [line for line in script.splitlines() if not line.startswith("--")]
    statements = [text for text in "\n".join(lines).split(";") if text.strip()]

    with psycopg.connect(postgres.conninfo, autocommit=True) as connection:
        told = [
            cursor.fetchone()
            for text in statements
            if (cursor := connection.execute(text.encode())).description is not None
        ]
        connection.execute("REINDEX INDEX CONCURRENTLY vector_g1_hnsw")

    [(version,), (recall,)] = [row for row in told if row is not None]
    assert tuple(map(int, version.split("."))) >= (0, 8, 4)
    assert recall >= 0.95
