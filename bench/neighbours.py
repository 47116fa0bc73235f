"""Many chunks like the real ones: whole pages copied in the tables of a generation, each vector moved a little.

A copy has the terms and headings of its page, so that every term stands in as large a part of the chunks as before, and
vectors at a cosine of about 0.9 to those copied.
"""

import asyncio
from hashlib import sha256

import numpy as np
import psycopg
from pgvector import Vector
from pgvector.psycopg import register_vector

from index.adapters.postgres.database import Database
from index.adapters.postgres.generations import PostgresGenerations
from schemas.ids import Generation, SourceName

_MOVED = 0.5
"""The length of what is added to a vector, whose own is 1."""


async def grow(database: Database, chunks: int) -> int:
    """Copy pages until there are at least so many chunks, index the vectors anew and tune. Returns: how many."""
    count = await asyncio.to_thread(_copy_until, database.conninfo, chunks)
    generations = PostgresGenerations(database)
    await generations.build_vector_index(Generation(1))
    async with database.transaction() as cursor:
        await cursor.execute("SELECT name FROM source")
        names = [row[0] for row in await cursor.fetchall()]
    for name in names:
        await generations.refresh_statistics(Generation(1), SourceName(name))
    await generations.tune(Generation(1))
    return count


def _copy_until(conninfo: str, chunks: int) -> int:
    with psycopg.connect(conninfo) as connection:
        register_vector(connection)
        connection.execute("SET statement_timeout = 0")
        count, copied = _count(connection), _copies(connection)
        if count < chunks:
            connection.execute("DROP INDEX vector_g1_hnsw")
        while count < chunks:
            copied += 1
            connection.execute(_PICK, {"most": chunks - count})
            _copy_vectors(connection, copied)
            for statement in _COPY:
                connection.execute(statement, {"copy": copied, "into": f"copy-{copied}/"})
            connection.execute("DROP TABLE picked")
            connection.commit()
            count = _count(connection)
    return count


def _count(connection: "psycopg.Connection[tuple[object, ...]]") -> int:
    row = connection.execute("SELECT count(*) FROM chunk_g1").fetchone()
    return int(str(row[0])) if row else 0


def _copies(connection: "psycopg.Connection[tuple[object, ...]]") -> int:
    """The number of the last copy there is."""
    row = connection.execute(
        "SELECT coalesce(max(substring(path FROM '^copy-([0-9]+)/')::int), 0) FROM page_state"
    ).fetchone()
    return int(str(row[0])) if row else 0


def _copy_vectors(connection: "psycopg.Connection[tuple[object, ...]]", copied: int) -> None:
    rows = connection.execute(
        "SELECT v.text_hash, v.embedding FROM vector_g1 v WHERE EXISTS (SELECT FROM chunk_g1 c"
        " JOIN picked USING (source_id, path) WHERE c.text_hash = v.text_hash)"
    ).fetchall()
    vectors = np.array([_array(row[1]) for row in rows])
    noise = np.random.default_rng(copied).standard_normal(vectors.shape)
    moved = vectors + noise * (_MOVED / np.sqrt(vectors.shape[1]))
    moved /= np.linalg.norm(moved, axis=1, keepdims=True)
    with connection.cursor().copy(
        "COPY vector_g1 (text_hash, embedding) FROM STDIN WITH (FORMAT BINARY)"
    ) as copy:
        copy.set_types(("bytea", "vector"))
        for (text_hash, _), vector in zip(rows, moved.astype(np.float32), strict=True):
            key = sha256(bytes(str(copied), "ascii") + text_hash).digest()  # type: ignore[operator] # bytea
            copy.write_row((key, Vector(vector)))


def _array(value: object) -> "np.ndarray[tuple[int, ...], np.dtype[np.float32]]":
    return np.asarray(value.to_numpy() if isinstance(value, Vector) else value, dtype=np.float32)


# Whole pages, in their order, until they hold as many chunks as are wanted.
_PICK = """
CREATE TEMPORARY TABLE picked AS
SELECT source_id, path FROM (
    SELECT source_id, path, count(*) AS chunks, sum(count(*)) OVER (ORDER BY source_id, path) AS with_this
      FROM chunk_g1 WHERE path !~ '^copy-[0-9]+/' GROUP BY source_id, path) AS page
 WHERE with_this - chunks < %(most)s
"""
_COPY = (
    """
INSERT INTO page_state (generation, source_id, path, revision, is_deleted, url, title, format, blob, commit,
                        committed_at)
SELECT generation, source_id, %(into)s || path, revision, is_deleted, url || '?copy=' || %(copy)s, title, format, blob,
       commit, committed_at
  FROM page_state JOIN picked USING (source_id, path) WHERE generation = 1
""",
    """
INSERT INTO section_g1 (source_id, path, ordinal, digest, heading, heading_path, anchor)
SELECT source_id, %(into)s || path, ordinal, digest, heading, heading_path, anchor
  FROM section_g1 JOIN picked USING (source_id, path)
""",
    """
INSERT INTO chunk_g1 (source_id, path, ordinal, section, text, text_hash, shown)
SELECT source_id, %(into)s || path, ordinal, section, text, sha256(%(copy)s::text::bytea || text_hash), shown
  FROM chunk_g1 JOIN picked USING (source_id, path)
""",
    """
INSERT INTO term_g1 (term, source_id, section_id, piece, title, heading, path, body, length)
SELECT term, t.source_id, copied.section_id, piece, title, t.heading, t.path, body, length
  FROM term_g1 t JOIN section_g1 s USING (section_id)
  JOIN picked ON picked.source_id = s.source_id AND picked.path = s.path
  JOIN section_g1 copied ON copied.source_id = s.source_id AND copied.path = %(into)s || s.path
                        AND copied.ordinal = s.ordinal
""",
)
