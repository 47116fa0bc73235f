"""The contract of `Conversations`, kept by memory and Postgres alike."""

import asyncio
from collections.abc import Callable
from datetime import timedelta

import psycopg
import pytest

from api.core.ports import Conversations
from index.adapters.memory_conversations import MemoryConversations
from index.adapters.postgres.conversations import PostgresConversations
from index.adapters.postgres.database import Database
from schemas.answers import Turn

Make = Callable[..., Conversations]


@pytest.fixture(params=["memory", "postgres"])
def make(request: pytest.FixtureRequest) -> Make:
    if request.param == "memory":
        return MemoryConversations
    database: Database = request.getfixturevalue("postgres")
    return lambda **bounds: PostgresConversations(database, **bounds)


def turn(n: int) -> Turn:
    return Turn(question=f"question {n}", answer=f"answer {n}")


def test_the_last_turns_come_back_oldest_first(make: Make, runner: asyncio.Runner) -> None:
    talks = make(turns=3, age=timedelta(hours=1))

    for n in range(5):
        runner.run(talks.add("a", turn(n)))

    assert list(runner.run(talks.past("a"))) == [turn(2), turn(3), turn(4)]


def test_conversations_know_nothing_of_one_another(make: Make, runner: asyncio.Runner) -> None:
    talks = make(turns=3, age=timedelta(hours=1))

    runner.run(talks.add("a", turn(1)))

    assert list(runner.run(talks.past("b"))) == []


def test_a_turn_that_is_too_old_is_gone(make: Make, runner: asyncio.Runner) -> None:
    talks = make(turns=3, age=timedelta(0))

    runner.run(talks.add("a", turn(1)))

    assert list(runner.run(talks.past("a"))) == []


def test_what_is_past_its_bounds_is_not_kept_in_the_database(
    postgres: Database, conninfo: str, runner: asyncio.Runner
) -> None:
    bounded = PostgresConversations(postgres, turns=2, age=timedelta(hours=1))
    for n in range(6):
        runner.run(bounded.add("a", turn(n)))
    old = PostgresConversations(postgres, turns=2, age=timedelta(0))
    runner.run(old.add("b", turn(9)))

    with psycopg.connect(conninfo) as connection:
        rows = connection.execute("SELECT question FROM turn").fetchall()

    assert rows in ([], [("question 9",)])


def test_the_id_itself_is_not_kept(
    postgres: Database, conninfo: str, runner: asyncio.Runner
) -> None:
    runner.run(
        PostgresConversations(postgres, turns=2, age=timedelta(hours=1)).add("secret", turn(1))
    )

    with psycopg.connect(conninfo) as connection:
        (kept,) = connection.execute("SELECT conversation FROM turn").fetchall()

    assert b"secret" not in kept[0]
