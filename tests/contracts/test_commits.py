"""Which commits are searchable, by a real ledger in a real database."""

import asyncio
import time
from collections.abc import Mapping, Sequence

import psycopg
import pytest

from index.adapters.postgres.commits import PostgresCommits
from index.adapters.postgres.database import Database
from index.adapters.postgres.search import PostgresSearch
from index.adapters.postgres.statements import statement
from index.core.rank import QueryTerms, RankWeights
from index.handlers import CommitWaiter
from schemas.errors import CommitNotSearchable
from schemas.ids import Revision, SourceName
from tests.support.events import DIM, SOURCE, WHEN
from tests.support.shelves import PostgresShelf

FIRST, SECOND = "2fbbbfaa38f2f81745707e69c66f02da0a470550", "2fbbbfac" + "0" * 32
TREE = "folder:" + "ab12" * 16
OTHER = SourceName("other")


@pytest.fixture
def shelf(postgres: Database, runner: asyncio.Runner) -> PostgresShelf:
    shelf = PostgresShelf(postgres)
    info = runner.run(shelf.generations.create(fingerprint="f", model="m", dim=DIM))
    runner.run(shelf.generations.promote(info.generation))
    return shelf


@pytest.fixture
def commits(postgres: Database) -> PostgresCommits:
    return PostgresCommits(postgres, PostgresSearch(postgres, weights=RankWeights()))


class Counted:
    """Commits, and how often somebody has looked for one."""

    def __init__(self, commits: PostgresCommits) -> None:
        self.published, self.as_of = commits.published, commits.as_of
        self._covering = commits.covering
        self._looked = 0

    async def covering(self, wanted: Mapping[SourceName, str]) -> Mapping[SourceName, int]:
        found = await self._covering(wanted)
        self._looked += 1
        return found

    async def all_looked(self, count: int) -> None:
        while self._looked < count:
            await asyncio.sleep(0.005)


async def synced(
    shelf: PostgresShelf,
    head: str,
    covered: Sequence[str] | None = None,
    *,
    lost: Sequence[str] | None = (),
    source: SourceName = SOURCE,
) -> Revision:
    revision = await shelf.ledger.begin(source, commit=head, config_hash="h")
    await shelf.ledger.finish(
        source,
        revision,
        commit=head,
        committed_at=WHEN,
        covered=(head,) if covered is None else covered,
        checked_at=WHEN,
        lost=lost,
    )
    return revision


@pytest.mark.parametrize(
    ("digits", "count"),
    [(FIRST, 1), (FIRST[:8], 1), ("2fbbbfa", 2), ("2fbbbfb", 0), (TREE[7:], 1), (TREE[7:20], 1)],
)
def test_a_commit_is_known_by_its_first_digits(
    digits: str, count: int, shelf: PostgresShelf, commits: PostgresCommits, runner: asyncio.Runner
) -> None:
    runner.run(synced(shelf, FIRST))
    runner.run(synced(shelf, SECOND))
    runner.run(synced(shelf, TREE))

    assert runner.run(commits.covering({SOURCE: digits, OTHER: digits})) == {SOURCE: count}


@pytest.mark.parametrize("lost", [[FIRST], None])
def test_a_commit_counts_while_what_is_published_holds_it(
    lost: Sequence[str] | None,
    shelf: PostgresShelf,
    commits: PostgresCommits,
    runner: asyncio.Runner,
) -> None:
    """Not once a force push has taken it away, and again when another one has brought it back."""
    runner.run(synced(shelf, FIRST))
    runner.run(synced(shelf, TREE, [TREE]))
    assert runner.run(commits.covering({SOURCE: FIRST})) == {SOURCE: 1}

    runner.run(synced(shelf, SECOND, lost=lost))
    assert runner.run(commits.covering({SOURCE: FIRST})) == {SOURCE: 0}
    assert runner.run(commits.covering({SOURCE: TREE})) == {SOURCE: 1 if lost else 0}

    runner.run(synced(shelf, FIRST))
    assert runner.run(commits.covering({SOURCE: FIRST})) == {SOURCE: 1}


def test_what_one_source_loses_another_still_holds(
    shelf: PostgresShelf, commits: PostgresCommits, runner: asyncio.Runner
) -> None:
    runner.run(synced(shelf, FIRST, source=OTHER))
    runner.run(synced(shelf, FIRST))
    runner.run(synced(shelf, SECOND, lost=None))

    assert runner.run(commits.covering({SOURCE: FIRST, OTHER: FIRST})) == {SOURCE: 0, OTHER: 1}


def test_a_sync_under_way_covers_nothing_yet(
    shelf: PostgresShelf, commits: PostgresCommits, runner: asyncio.Runner
) -> None:
    runner.run(shelf.ledger.begin(SOURCE, commit=FIRST, config_hash="h"))

    assert runner.run(commits.covering({SOURCE: FIRST})) == {SOURCE: 0}
    assert runner.run(commits.published()) == {SOURCE: 0}


def test_a_search_after_the_wait_reflects_the_commit(
    shelf: PostgresShelf, commits: PostgresCommits, postgres: Database, runner: asyncio.Runner
) -> None:
    search = PostgresSearch(postgres, weights=RankWeights())
    heads = [f"{n:08x}" + "0" * 32 for n in range(1, 30)]
    wait = CommitWaiter(commits, time.monotonic, every_s=0.001)

    async def asked(n: int) -> int:
        await wait({SOURCE: heads[n][:8]})
        found = await search.candidates(
            vector=None, terms=QueryTerms(("word",)), sources=[SOURCE], limit=1
        )
        assert found is not None
        return heads.index(found.as_of[SOURCE].commit) - n

    async def race() -> list[int]:
        await synced(shelf, "f" * 40)
        asking = [asyncio.create_task(asked(n)) for n in range(len(heads))]
        for head in heads:
            await synced(shelf, head)
        return [await task for task in asking]

    assert min(runner.run(race())) >= 0


def test_more_may_wait_than_there_are_connections(
    shelf: PostgresShelf, commits: PostgresCommits, postgres: Database, runner: asyncio.Runner
) -> None:
    runner.run(synced(shelf, FIRST))
    counted = Counted(commits)
    wait = CommitWaiter(counted, time.monotonic, within_s=2.0)

    async def crowd() -> tuple[int, float]:
        waiting = [asyncio.create_task(wait({SOURCE: SECOND})) for _ in range(100)]
        await asyncio.wait_for(counted.all_looked(100), 10)
        assert not any(task.done() for task in waiting)
        start_s = time.monotonic()
        await postgres.ping()
        took_s = time.monotonic() - start_s
        await asyncio.wait(waiting)
        refused = [isinstance(task.exception(), CommitNotSearchable) for task in waiting]
        return sum(refused), took_s

    refused, took_s = runner.run(crowd())

    assert refused == 100
    assert took_s < 0.5


def test_a_whole_commit_is_found_without_a_scan(
    shelf: PostgresShelf, runner: asyncio.Runner, conninfo: str
) -> None:
    runner.run(synced(shelf, FIRST))
    runner.run(synced(shelf, SECOND, [f"{n:040x}" for n in range(20_000)]))
    with psycopg.connect(conninfo) as connection:
        connection.execute("ANALYZE covers")
        values = {"sources": [SOURCE], "commits": [FIRST]}
        rows = connection.execute(
            f"EXPLAIN (ANALYZE, COSTS OFF) {statement('count_covered')}", values
        ).fetchall()
    plan = "\n".join(row[0] for row in rows)

    assert "covers_pkey" in plan
    assert "never executed" in plan
