"""What goes over the wire to Postgres: how often, in which types, and over which connections."""

import asyncio
from pathlib import Path

import psycopg
import pytest

from index.adapters.postgres.arrays import Bytes, Int4s, Texts
from index.adapters.postgres.database import Database
from index.core.plan import Outcome
from schemas.errors import GenerationGone
from schemas.ids import Generation
from tests.support.events import DIM, changed, planned, put
from tests.support.shelves import PostgresShelf

TEXT = "# Title\n\nIntro.\n\n## One\n\nFirst part.\n"
OTHER = "# Title\n\nIntro.\n\n## Two\n\nSecond part.\n"


@pytest.fixture
def shelf(postgres: Database) -> PostgresShelf:
    return PostgresShelf(postgres)


def test_a_page_is_written_in_one_round_trip(
    shelf: PostgresShelf, runner: asyncio.Runner, tmp_path: Path
) -> None:
    """What a page costs at scale is the round trips that it takes."""
    made = runner.run(shelf.generations.create(fingerprint="f", model="m", dim=DIM))
    runner.run(put(changed("a.md", 1, TEXT), made.generation, shelf.pages))
    plan = runner.run(planned(changed("a.md", 2, OTHER), made.generation, shelf.pages))

    async def traced() -> Outcome:
        async with shelf.database.statement() as cursor:  # the pool's only connection
            connection = cursor.connection.pgconn
        with (tmp_path / "trace").open("w") as trace:
            connection.trace(trace.fileno())
            outcome = await shelf.pages.apply(made.generation, plan)
            connection.untrace()
        return outcome

    outcome = runner.run(traced())

    assert outcome is Outcome.APPLIED
    assert (tmp_path / "trace").read_text().count("ReadyForQuery") == 1


def test_a_connection_that_the_server_has_ended_is_not_used_again(
    postgres: Database, runner: asyncio.Runner
) -> None:
    async def end_all() -> None:
        async with await psycopg.AsyncConnection.connect(postgres.conninfo, autocommit=True) as own:
            await own.execute(
                "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity"
                " WHERE datname = current_database() AND pid <> pg_backend_pid()"
            )

    runner.run(postgres.ping())
    runner.run(end_all())

    runner.run(postgres.ping())


@pytest.mark.parametrize("count", [0, 1, 3])
def test_arrays_arrive_as_they_were_sent(
    count: int, postgres: Database, runner: asyncio.Runner
) -> None:
    sent = (
        Int4s([-1, 0, 2**31 - 1][:count]),
        Texts(["", 'a "b", {c}', "d\N{SNOWMAN}"][:count]),
        Bytes([b"", b"\x00\xff", b"e"][:count]),
    )

    async def echo() -> tuple[object, ...] | None:
        async with postgres.statement() as cursor:
            await cursor.execute(
                "SELECT a, b, c, pg_typeof(a)::text, pg_typeof(b)::text, pg_typeof(c)::text"
                " FROM (SELECT %s AS a, %s AS b, %s AS c) AS sent",
                sent,
            )
            return await cursor.fetchone()

    types = ("integer[]", "text[]", "bytea[]")
    assert runner.run(echo()) == (*map(list, sent), *types)


def test_a_generation_is_dropped_while_it_is_written_to(
    shelf: PostgresShelf, runner: asyncio.Runner
) -> None:
    """Neither waits for the other in a circle, which would end in an error after a second."""

    async def write(generation: Generation, path: str, begun: asyncio.Event) -> None:
        for revision in range(1, 1_000):
            await put(changed(path, revision, TEXT), generation, shelf.pages)
            begun.set()

    async def race(name: str) -> None:
        made = await shelf.generations.create(fingerprint=name, model="m", dim=DIM)
        begun = [asyncio.Event() for _ in range(3)]
        writers = [
            asyncio.ensure_future(write(made.generation, f"{number}.md", one))
            for number, one in enumerate(begun)
        ]
        async with asyncio.timeout(30):
            await asyncio.gather(*(one.wait() for one in begun))
        await shelf.generations.drop(made.generation)
        ends = await asyncio.gather(*writers, return_exceptions=True)
        assert [type(end) for end in ends] == [GenerationGone] * 3

    for turn in range(5):
        runner.run(race(f"f{turn}"))
