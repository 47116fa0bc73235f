"""Postgres under writers, deleters, a vacuum and a collector at once: vectors are found, and none is missing."""

import asyncio
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta

import numpy as np
import psycopg
import pytest
from numpy.typing import NDArray
from pgvector import Vector
from pgvector.psycopg import register_vector

from index.adapters.postgres.database import Database
from schemas.errors import StoreUnavailable
from schemas.events import PageChanged
from schemas.ids import Generation
from tests.support.events import SOURCE, changed, put
from tests.support.shelves import PostgresShelf

_SOAK_S = 8.0
_DIM, _FIRST, _BATCH = 32, 3_000, 50
_MIN_RECALL = 0.95
_RACES = 150
_NEAREST = b"SELECT text_hash FROM vector_g1 ORDER BY embedding <=> %s LIMIT 10"


@pytest.fixture
def shelf(postgres: Database) -> PostgresShelf:
    return PostgresShelf(postgres)


def test_r31_neighbours_are_found_while_vectors_come_and_go_and_are_vacuumed(
    shelf: PostgresShelf, conninfo: str, runner: asyncio.Runner
) -> None:
    made = runner.run(shelf.generations.create(fingerprint="f", model="m", dim=_DIM))
    random = np.random.default_rng(31)
    with _connected(shelf.database.conninfo) as connection:
        _insert(connection, _vectors(random, _FIRST), 0)
    runner.run(shelf.generations.build_vector_index(made.generation))

    def come_and_go(connection: "psycopg.Connection[tuple[bytes]]", turn: int) -> None:
        _insert(connection, _vectors(random_of_writer, _BATCH), _FIRST + turn * _BATCH)
        connection.execute(
            "DELETE FROM vector_g1 WHERE text_hash IN"
            " (SELECT text_hash FROM vector_g1 ORDER BY random() LIMIT %s)",
            (_BATCH,),
        )

    random_of_writer = np.random.default_rng(32)

    def vacuum(connection: "psycopg.Connection[tuple[bytes]]", _turn: int) -> None:
        connection.execute("VACUUM vector_g1")

    recalls: list[float] = []
    deadline = time.monotonic() + _SOAK_S
    with (
        _beside(shelf.database.conninfo, come_and_go) as turns,
        _beside(shelf.database.conninfo, vacuum) as vacuums,
        _connected(shelf.database.conninfo) as connection,
    ):
        while time.monotonic() < deadline:
            recalls.append(_recall(connection, _vectors(random, 1)[0]))

    assert np.mean(recalls) >= _MIN_RECALL
    assert min(len(recalls), turns[0], vacuums[0] * 10) > 20


def test_a_collector_that_races_writers_never_takes_a_vector_that_is_used(
    shelf: PostgresShelf, conninfo: str, runner: asyncio.Runner
) -> None:
    """The same few texts come and go, so each is unused the moment before somebody uses it again."""
    generation = runner.run(shelf.generations.create(fingerprint="f", model="m", dim=8)).generation
    is_over = asyncio.Event()

    async def collect() -> int:
        removed = 0
        while not is_over.is_set():
            removed += await shelf.generations.collect(generation, grace=timedelta(0), batch=3)
        return removed

    async def write(path: str) -> None:
        for revision in range(1, _RACES):
            text = f"# One of four\n\nText {revision % 4}.\n"
            await _persist(changed(path, revision, text), generation, shelf)

    async def race() -> int:
        async with asyncio.TaskGroup() as group:
            collecting = group.create_task(collect())
            writers = [group.create_task(write(f"{number}.md")) for number in range(3)]
            await asyncio.wait(writers)
            is_over.set()
        return collecting.result()

    removed = runner.run(race())

    dump = runner.run(shelf.generations.dump(generation, SOURCE))
    assert removed > 10
    assert [text for shown in dump.values() for _, text, _ in shown.chunks] == [
        f"Text {(_RACES - 1) % 4}."
    ] * 3
    assert _without_vector(conninfo, generation) == 0


async def _persist(event: PageChanged, generation: Generation, shelf: PostgresShelf) -> None:
    """As a worker does: what is unavailable is tried again."""
    while True:
        try:
            await put(event, generation, shelf.pages)
        except StoreUnavailable:
            continue
        return


def _without_vector(conninfo: str, generation: Generation) -> int:
    with psycopg.connect(conninfo) as connection:
        query = "SELECT count(*) FROM chunk_g1 LEFT JOIN vector_g1 USING (text_hash) WHERE embedding IS NULL"
        row = connection.execute(query).fetchone()
    assert generation == 1
    assert row is not None
    return int(row[0])


def _vectors(random: np.random.Generator, count: int) -> NDArray[np.float32]:
    drawn = random.standard_normal((count, _DIM)).astype(np.float32)
    unit: NDArray[np.float32] = drawn / np.linalg.norm(drawn, axis=1, keepdims=True)
    return unit


def _insert(
    connection: "psycopg.Connection[tuple[bytes]]", vectors: NDArray[np.float32], first: int
) -> None:
    rows = [
        (number.to_bytes(8, "big"), Vector(vector))
        for number, vector in enumerate(vectors, start=first)
    ]
    with connection.cursor() as cursor:
        cursor.executemany("INSERT INTO vector_g1 (text_hash, embedding) VALUES (%s, %s)", rows)


def _recall(connection: "psycopg.Connection[tuple[bytes]]", vector: NDArray[np.float32]) -> float:
    """How many of the ten nearest are found by the index, in one state of the table."""
    with connection.transaction():
        connection.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY")
        connection.execute("SET LOCAL enable_seqscan = off")
        found = set(connection.execute(_NEAREST, (Vector(vector),)).fetchall())
        connection.execute("SET LOCAL enable_indexscan = off")
        connection.execute("SET LOCAL enable_seqscan = on")
        exact = set(connection.execute(_NEAREST, (Vector(vector),)).fetchall())
    return len(found & exact) / len(exact)


@contextmanager
def _connected(conninfo: str) -> Iterator["psycopg.Connection[tuple[bytes]]"]:
    with psycopg.connect(conninfo, autocommit=True) as connection:
        register_vector(connection)
        yield connection


@contextmanager
def _beside(
    conninfo: str, work: Callable[["psycopg.Connection[tuple[bytes]]", int], object]
) -> Iterator[list[int]]:
    """Work again and again beside the block. Yields: how often it was done. Raises: what it raised."""
    is_over, turns = threading.Event(), [0]
    failures: list[Exception] = []

    def go_on() -> None:
        try:
            with _connected(conninfo) as connection:
                while not is_over.is_set():
                    work(connection, turns[0])
                    turns[0] += 1
        except Exception as failure:
            failures.append(failure)

    thread = threading.Thread(target=go_on)
    thread.start()
    try:
        yield turns
    finally:
        is_over.set()
        thread.join()
    assert failures == []
