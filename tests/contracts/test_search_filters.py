"""Filters of a search in a real Postgres: as exact as filtering an exact ranking, at any width."""

import asyncio
import random
import re
from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np
import psycopg
import pytest
from numpy.typing import NDArray
from pgvector import Vector
from psycopg import sql

from api.core.question import MAX_PATTERN_CHARS, MAX_WILDCARDS, read_search
from index.adapters.postgres import search as module
from index.adapters.postgres.database import Database
from index.adapters.postgres.search import PostgresSearch
from index.adapters.postgres.statements import search_statement
from index.core.paths import path_regex
from index.core.ports import QueryVector
from index.core.rank import Candidate, QueryTerms, RankWeights
from schemas.answers import MAX_PATTERNS, SearchRequest
from schemas.ids import Generation, SourceName
from tests.support.events import DIM, SOURCE, hash_of
from tests.support.shelves import PostgresShelf

ROWS, LIMIT = 4_000, 30
OTHER = SourceName("other")
TERMS = QueryTerms(("word17", "common"))
BULK = (
    "INSERT INTO page_state (generation, source_id, path, revision, is_deleted, url, title, format,"
    " blob, commit) SELECT 1, 1 + number %% 2, 'v' || number %% 100 || '/' || number || '.md', 1, false,"
    " '/' || number, 'T', 'markdown', '', '' FROM generate_series(1, %(rows)s) AS number",
    "INSERT INTO section_g1 (source_id, path, ordinal, digest, heading, heading_path, anchor)"
    " SELECT source_id, path, 0, '', '', '{}', '' FROM page_state WHERE path LIKE 'v%%'",
    "INSERT INTO chunk_g1 (source_id, path, ordinal, section, text, text_hash, shown)"
    " SELECT 1 + number %% 2, 'v' || number %% 100 || '/' || number || '.md', 0, 0, 'text', text_hash, ''"
    " FROM unnest(%(hashes)s::bytea[]) WITH ORDINALITY AS given (text_hash, number)",
    "INSERT INTO term_g1 (term, source_id, section_id, piece, title, heading, path, body, length)"
    " SELECT CASE extra WHEN 0 THEN 'word' || section_id %% 50 ELSE 'common' END, source_id, section_id, 0,"
    " 0, 0, 0, 1 + section_id %% 3, 3 + section_id %% 7 FROM section_g1, generate_series(0, 1) AS extra",
)


class Shelf:
    """Four thousand pages of one chunk each, in a hundred folders of two sources, and their vectors."""

    def __init__(self, postgres: Database, runner: asyncio.Runner) -> None:
        self.database, self._runner = postgres, runner
        self.vectors = np.random.default_rng(1).normal(size=(ROWS, DIM)).astype(np.float32)
        self.vectors /= np.linalg.norm(self.vectors, axis=1, keepdims=True)
        self.query = self.vectors[17]
        runner.run(self._fill(PostgresShelf(postgres)))

    async def _fill(self, shelf: PostgresShelf) -> None:
        info = await shelf.generations.create(fingerprint="f", model="m", dim=DIM)
        self.generation = info.generation
        await shelf.generations.promote(info.generation)
        for source in (SOURCE, OTHER):
            await shelf.ledger.begin(source, commit="c", config_hash="h")
        hashes = [hash_of(str(number)) for number in range(ROWS)]
        await shelf.pages.add_vectors(self.generation, hashes, self.vectors)
        async with self.database.transaction() as cursor:
            for query in BULK:
                await cursor.execute(query, {"hashes": hashes, "rows": ROWS})
        await shelf.generations.build_vector_index(self.generation)
        for source in (SOURCE, OTHER):
            await shelf.generations.refresh_statistics(self.generation, source)
        await shelf.generations.tune(self.generation)

    def found(
        self,
        paths: Sequence[str] = (),
        sources: Sequence[SourceName] | None = None,
        *,
        limit: int = LIMIT,
        terms: QueryTerms = TERMS,
        apart: Sequence[SourceName] = (),
    ) -> Sequence[Candidate]:
        search = PostgresSearch(self.database, weights=RankWeights(), apart=apart)
        found = self._runner.run(
            search.candidates(
                vector=QueryVector(self.query, self.generation),
                terms=terms,
                sources=sources,
                limit=limit,
                paths=paths,
            )
        )
        assert found is not None
        return found.chunks

    def exact(self, pattern: str, sources: Sequence[SourceName] | None = None) -> list[str]:
        """The whole ranking by cosine, then filtered."""
        order = np.argsort(-(self.vectors @ self.query), kind="stable")
        names = {0: SOURCE, 1: OTHER}
        all_ = [(names[(n + 1) % 2], f"v{(n + 1) % 100}/{n + 1}.md") for n in order.tolist()]
        return [
            path
            for source, path in all_
            if re.fullmatch(pattern, path) and (sources is None or source in sources)
        ]


@pytest.fixture
def shelf(postgres: Database, runner: asyncio.Runner) -> Shelf:
    return Shelf(postgres, runner)


def nearest(chunks: Sequence[Candidate], limit: int = LIMIT) -> list[str]:
    """By the vectors alone."""
    return [one.key.path for one in sorted(chunks, key=lambda one: -one.cosine)][:limit]


def lexical(chunks: Sequence[Candidate]) -> Mapping[str, float]:
    return {one.key.path: round(one.lexical, 9) for one in chunks if one.lexical > 0}


NARROW = [
    (("v7/",), r"v7/.*"),
    (("v7/*.md", "v8/"), r"v[78]/.*"),
    (("v?/*7.md",), r"v\d/\d*7\.md"),
    (("**/1234.md",), r"v34/1234\.md"),
    (("v1*/",), r"v1\d?/.*"),
]


@pytest.mark.parametrize(("paths", "regex"), NARROW)
def test_a_filter_is_as_exact_as_filtering_an_exact_ranking(
    paths: tuple[str, ...], regex: str, shelf: Shelf
) -> None:
    chunks = shelf.found(paths)

    assert {one.key.path for one in chunks} <= set(shelf.exact(regex))
    assert nearest(chunks) == shelf.exact(regex)[:LIMIT]


def test_a_narrow_filter_is_filled_where_the_index_stops_early(
    shelf: Shelf, runner: asyncio.Runner, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A large index gives up after 20,000 tuples; this one after a hundred."""

    async def stop_early() -> None:
        async with shelf.database.statement() as cursor:  # the one connection of the pool
            await cursor.execute("SET hnsw.max_scan_tuples = 100")

    runner.run(stop_early())
    compared = shelf.found(("v7/",), terms=QueryTerms(()))
    monkeypatch.setattr(module, "_FEW", 5)
    walked = shelf.found(("v7/",), terms=QueryTerms(()))

    assert nearest(compared) == shelf.exact("v7/.*")[:LIMIT]
    assert len(walked) < LIMIT


def test_the_lexical_leg_is_filtered_and_scores_as_before(shelf: Shelf) -> None:
    words = QueryTerms(("word17",))
    everything = lexical(shelf.found(limit=1_000, terms=words))

    inside = lexical(shelf.found(("v1*/",), limit=1_000, terms=words))

    assert inside == {p: score for p, score in everything.items() if re.match(r"v1\d?/", p)}
    assert inside


def test_a_narrow_source_is_compared_one_by_one_too(shelf: Shelf) -> None:
    chunks = shelf.found(sources=[OTHER])

    assert {one.key.source for one in chunks} == {OTHER}
    assert nearest(chunks) == shelf.exact(".*", [OTHER])[:LIMIT]


def test_a_source_apart_takes_no_place_and_its_words_count_nothing_elsewhere(shelf: Shelf) -> None:
    def known(chunks: Sequence[Candidate]) -> set[Candidate]:
        return {replace(one, lexical=round(one.lexical, 9)) for one in chunks}

    ours, theirs = known(shelf.found(sources=[SOURCE])), known(shelf.found(sources=[OTHER]))

    assert ours
    assert theirs
    assert known(shelf.found(apart=[OTHER])) == ours | theirs
    assert known(shelf.found(sources=[SOURCE, OTHER], apart=[OTHER])) == ours | theirs
    assert known(shelf.found(sources=[SOURCE], apart=[OTHER])) == ours
    assert known(shelf.found(sources=[OTHER], apart=[OTHER])) == theirs
    assert known(shelf.found(apart=[SourceName("gone")])) == known(shelf.found())
    assert known(shelf.found()) != ours | theirs


def test_sources_and_paths_hold_together(shelf: Shelf) -> None:
    chunks = shelf.found(("v1*/",), [SOURCE])

    assert {one.key.source for one in chunks} == {SOURCE}
    assert nearest(chunks) == shelf.exact(r"v1\d?/.*", [SOURCE])[:LIMIT]


@pytest.mark.parametrize(("paths", "regex"), NARROW[:1] + NARROW[-1:])
def test_a_wide_filter_is_found_by_the_index_and_the_limit_is_filled(
    paths: tuple[str, ...], regex: str, shelf: Shelf, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_FEW", 5)

    chunks = shelf.found(paths, terms=QueryTerms(()))
    wanted = shelf.exact(regex)[:LIMIT]

    assert len(chunks) == LIMIT
    assert len(set(wanted) & {one.key.path for one in chunks}) >= 0.9 * LIMIT


@pytest.mark.parametrize(
    "pattern",
    ["'; DROP TABLE page_state; --", "%", "_", "(?i)V7/", "***=v7/", "v7\\", ")|(.*", "v7/{0,}"],
)
def test_s24_what_means_something_to_sql_or_to_an_expression_stands_for_itself(
    pattern: str, shelf: Shelf
) -> None:
    assert shelf.found((pattern,)) == ()
    assert len(shelf.found(("v7/",), limit=10)) >= 10


def test_postgres_reads_a_pattern_as_the_tests_of_patterns_do(conninfo: str) -> None:
    chance = random.Random(5)
    signs = "ab/.*?[]()|\\^$+{}é _-'%\n"
    words = ["".join(chance.choices(signs, k=chance.randint(1, 8))) for _ in range(400)]
    paths = ["".join(chance.choices("ab/.é\n(", k=chance.randint(1, 6))) for _ in range(60)]
    with psycopg.connect(conninfo) as connection:
        for word in words:
            regex = path_regex([word])
            row = connection.execute(
                "SELECT array_agg(path) FROM unnest(%s::text[]) AS path WHERE path ~ %s",
                (paths, regex),
            ).fetchone()
            assert row is not None
            expected = [path for path in paths if re.fullmatch(regex, path, re.DOTALL)]
            assert (row[0] or []) == expected, word


@pytest.mark.parametrize("piece", ["*a", "?*", "*?", "**/", "a/**/", "*/", "*a?*"])
def test_s24_no_patterns_that_may_be_asked_for_take_long(piece: str, conninfo: str) -> None:
    patterns = [f"{n}{piece * MAX_WILDCARDS}"[:MAX_PATTERN_CHARS] for n in range(MAX_PATTERNS)]
    paths = tuple(_cut(pattern) for pattern in patterns)
    read_search(SearchRequest(question="a", path=paths), default_k=7)  # as many as may be

    with psycopg.connect(conninfo) as connection:
        connection.execute("SET statement_timeout = '5s'")
        row = connection.execute(
            "SELECT count(*) FROM generate_series(1, 2000) AS n"
            " WHERE repeat('a/', 40) || n || repeat('a', 100) ~ %s",
            (path_regex(paths),),
        ).fetchone()

    assert row is not None


def _cut(pattern: str) -> str:
    """The longest beginning with no more wildcards than may be."""
    marks = list(re.finditer(r"\*+|\?", pattern))
    return pattern if len(marks) <= MAX_WILDCARDS else pattern[: marks[MAX_WILDCARDS].start()]


def test_without_a_filter_no_page_is_looked_at_for_one(
    shelf: Shelf, runner: asyncio.Runner
) -> None:
    for mode in ("force_custom_plan", "force_generic_plan"):
        plan = runner.run(_explained(shelf, mode, shelf.query))

        assert "never executed" in plan[plan.index("CTE inside") :].splitlines()[1]
        assert "vector_g1_hnsw" in plan


async def _explained(shelf: Shelf, mode: str, query: NDArray[np.float32]) -> str:
    values = {
        **{"k1": 1.2, "b": 0.75, "title": 3.0, "heading": 2.0, "path_weight": 1.0, "body": 1.0},
        **{"generation": Generation(1), "vector": Vector(query), "terms": ["word17"]},
        **{"source_ids": None, "within": None},
    }
    async with shelf.database.transaction() as cursor:
        await cursor.execute(sql.SQL("SET LOCAL plan_cache_mode = {}").format(sql.Literal(mode)))
        search = search_statement(
            Generation(1), limit=LIMIT, few=5_000, most_postings=50_000, is_filtered=False
        )
        await cursor.execute(b"EXPLAIN (ANALYZE, COSTS OFF, TIMING OFF) " + search, values)
        return "\n".join(str(row[0]) for row in await cursor.fetchall())
