"""Synthetic pages of one chunk as events on a topic and as rows in a store, with the ledger's rows to match."""

import asyncio
import random
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import sha256

import numpy as np
import psycopg
from kafka import KafkaConsumer, KafkaProducer, TopicPartition
from pgvector import Vector
from pgvector.psycopg import register_vector

from bench.chain import Chain
from bench.slow_main import clustered
from headwater.cluster.topology import PARTITIONS
from index.adapters.postgres.database import Database
from index.adapters.postgres.generations import PostgresGenerations
from schemas.events import PageChanged
from schemas.ids import Generation, Revision, SourceName, page_id
from schemas.wire import encode_event, key_of

SOURCE = SourceName("synthetic")
MODEL, DIM = "all-MiniLM-L6-v2", 384
_WORDS = tuple(f"word{number}" for number in range(3_000))
_COMMIT = "0" * 40
_LOAD = 10_000
_TERMS = 14
_ANY_REVISION = 2**62  # no event of a benchmark is above it


@dataclass(frozen=True, slots=True)
class Change:
    """A page at a revision."""

    path: str
    revision: int


def make_generation(chain: Chain) -> None:
    """A live generation and the source, as intake makes them at its first start."""

    async def make() -> None:
        database = Database(chain.database)
        await database.open()
        try:
            generations = PostgresGenerations(database)
            info = await generations.create(fingerprint="bench", model=MODEL, dim=DIM)
            await generations.promote(info.generation)
            await generations.build_vector_index(info.generation)
        finally:
            await database.close()

    asyncio.run(make())
    with psycopg.connect(chain.database, autocommit=True) as connection:
        connection.execute(
            "INSERT INTO source (name, revision) VALUES (%s, %s)", (SOURCE, _ANY_REVISION)
        )


def publish(chain: Chain, changes: Sequence[Change]) -> None:
    """Put changes on record, then send their events in order; return once the broker has all."""
    with psycopg.connect(chain.database) as connection:
        _record(connection, changes)
    producer = KafkaProducer(
        bootstrap_servers=chain.broker.servers, acks="all", enable_idempotence=True, linger_ms=5
    )
    try:
        topic = chain.broker.topics.pages
        for change in changes:
            event = _event(change)
            producer.send(topic, key=key_of(event.page_id), value=encode_event(event))
        producer.flush(timeout=300)
    finally:
        producer.close()


def lag(chain: Chain) -> int:
    """How many records the group has not acknowledged."""
    parts = [TopicPartition(chain.broker.topics.pages, number) for number in range(PARTITIONS)]
    consumer = KafkaConsumer(
        bootstrap_servers=chain.broker.servers,
        group_id=chain.broker.topics.indexers,
        enable_auto_commit=False,
    )
    try:
        ends = consumer.end_offsets(parts)
        return sum(ends[part] - (consumer.committed(part) or 0) for part in parts)
    finally:
        consumer.close()


def behind(chain: Chain, since: int = 0) -> int:
    """How many pages are not at their newest published revision, of those published at revision `since` or later.

    A benchmark that measures what the database spends asks for what it published itself: over all that a large store
    has published the question takes longer than a page.
    """
    return chain.count(
        "SELECT count(*) FROM (SELECT source_id, path, max(revision) AS revision FROM publication"
        " WHERE source_id = 1 AND revision >= %s GROUP BY source_id, path) AS newest"
        " LEFT JOIN page_state USING (source_id, path)"
        " WHERE coalesce(page_state.revision, 0) < newest.revision",
        since,
    )


def until_behind(chain: Chain, pages: int, *, since: int = 0, within_s: float = 900.0) -> float:
    """Return once at most so many pages are behind. Returns: when, on this process's clock."""
    deadline_s = time.perf_counter() + within_s
    while time.perf_counter() < deadline_s:
        left = behind(chain, since)
        if left <= pages:
            return time.perf_counter()
        chain.check_alive()
        time.sleep(
            min(2.0, 0.02 + (left - pages) / 2_000)
        )  # the question itself costs the database time
    raise SystemExit(f"{behind(chain)} pages are still behind after {within_s:g} s")


def load(chain: Chain, first: int, count: int) -> float:
    """Write pages straight into the tables of the generation and of the ledger, then index their vectors and tune.

    Returns: the seconds that it took.
    """
    start_s = time.perf_counter()
    with psycopg.connect(chain.database) as connection:
        register_vector(connection)
        connection.execute("DROP INDEX IF EXISTS vector_g1_hnsw")
        for begin in range(first, first + count, _LOAD):
            _load(connection, range(begin, min(begin + _LOAD, first + count)))
        connection.commit()
    asyncio.run(_settle(chain))
    return time.perf_counter() - start_s


async def _settle(chain: Chain) -> None:
    database = Database(chain.database)
    await database.open()
    try:
        generations = PostgresGenerations(database)
        await generations.build_vector_index(Generation(1))
        await generations.refresh_statistics(Generation(1), SOURCE)
        await generations.tune(Generation(1))
    finally:
        await database.close()
    with psycopg.connect(chain.database, autocommit=True) as connection:
        connection.execute("CHECKPOINT")


def path_at(number: int) -> str:
    """The path of a page."""
    return f"page-{number}.md"


def _event(change: Change) -> PageChanged:
    return PageChanged(
        page_id=page_id(SOURCE, change.path),
        revision=Revision(change.revision),
        url=f"https://docs.example/{change.path}",
        format="markdown",
        text=f"# {change.path}\n\n{_sentence(f'{change.path} {change.revision}')}\n",
        blob=_COMMIT,
        commit=_COMMIT,
        committed_at=datetime.now(UTC),
        detected_at=datetime.now(UTC),
    )


def _sentence(seed: str) -> str:
    words = random.Random(seed)
    return f"This page explains the {' '.join(words.choice(_WORDS) for _ in range(_TERMS))}."


def _record(connection: psycopg.Connection, changes: Iterable[Change]) -> None:
    """The ledger's rows, and the source at the newest revision."""
    now = datetime.now(UTC)
    row = connection.execute("SELECT source_id FROM source WHERE name = %s", (SOURCE,)).fetchone()
    source_id = row[0] if row else 0
    with connection.cursor().copy(
        "COPY publication (source_id, path, revision, kind, fingerprint, blob, url, commit, committed_at,"
        " detected_at) FROM STDIN"
    ) as copy:
        newest = 0
        for change in changes:
            newest = max(newest, change.revision)
            url = f"https://docs.example/{change.path}"
            shown = (f"{change.revision}", _COMMIT, url, _COMMIT, now, now)
            copy.write_row((source_id, change.path, change.revision, "changed", *shown))
    connection.execute(
        "UPDATE source SET revision = greatest(revision, %s) WHERE source_id = %s",
        (newest, source_id),
    )


def _load(connection: psycopg.Connection, numbers: range) -> None:
    paths = [path_at(number) for number in numbers]
    texts = [_sentence(f"{path} 1") for path in paths]
    hashes = [sha256(text.encode()).digest() for text in texts]
    _record(connection, [Change(path, 1) for path in paths])
    noise = np.random.default_rng(numbers.start).standard_normal((len(paths), DIM))
    vectors = clustered(noise, np.array([number % 1_000 for number in numbers]))
    _copy(
        connection,
        "COPY vector_g1 (text_hash, embedding) FROM STDIN WITH (FORMAT BINARY)",
        ("bytea", "vector"),
        zip(hashes, (Vector(vector) for vector in vectors), strict=True),
    )
    _copy(
        connection,
        "COPY chunk_g1 (source_id, path, ordinal, section, text, text_hash, shown) FROM STDIN WITH (FORMAT BINARY)",
        ("int4", "text", "int4", "int4", "text", "bytea", "bytea"),
        (
            (1, path, 0, 0, text, key, key)
            for path, text, key in zip(paths, texts, hashes, strict=True)
        ),
    )
    connection.execute(_SECTIONS, {"paths": paths, "hashes": hashes})
    connection.execute(_TERM_ROWS, {"paths": paths, "terms": _TERMS, "words": len(_WORDS)})
    connection.execute(_STATES, {"paths": paths, "commit": _COMMIT})


def _copy(
    connection: psycopg.Connection,
    statement: str,
    types: Sequence[str],
    rows: Iterable[Sequence[object]],
) -> None:
    with connection.cursor().copy(statement.encode()) as copy:
        copy.set_types(types)
        for row in rows:
            copy.write_row(row)


_SECTIONS = """
INSERT INTO section_g1 (source_id, path, ordinal, digest, heading, heading_path, anchor)
SELECT 1, path, 0, digest, path, ARRAY[path], path
  FROM unnest(%(paths)s::text[], %(hashes)s::bytea[]) AS page (path, digest)
"""
_TERM_ROWS = """
INSERT INTO term_g1 (term, source_id, section_id, piece, title, heading, path, body, length)
SELECT 'word' || (section_id * 7919 + number * 104729) %% %(words)s, 1, section_id, 0, 0, 0, 0, 1, %(terms)s
  FROM section_g1, generate_series(1, %(terms)s) AS number WHERE source_id = 1 AND section_g1.path = ANY(%(paths)s)
"""
_STATES = """
INSERT INTO page_state (generation, source_id, path, revision, is_deleted, url, title, format, blob, commit,
                        committed_at)
SELECT 1, 1, path, 1, false, 'https://docs.example/' || path, path, 'markdown', %(commit)s, %(commit)s, now()
  FROM unnest(%(paths)s::text[]) AS page (path)
"""
