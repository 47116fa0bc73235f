"""Waiting for commits: how long, for what, and at what price."""

import asyncio
import time
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from itertools import pairwise

import pytest

from index.core.rank import SourceAsOf
from index.handlers import CommitWaiter
from schemas.errors import BadQuestion, CommitNotSearchable, StoreUnavailable, UnknownSource
from schemas.ids import Revision, SourceName

DOCS, BLOG = SourceName("docs"), SourceName("blog")
THEN = datetime(2026, 1, 1, tzinfo=UTC)


class Commits:
    """What syncs have covered; counts how often it is asked."""

    def __init__(self) -> None:
        self.covered: dict[SourceName, set[str]] = {DOCS: set(), BLOG: set()}
        self.revision = 1
        self.looks = self.lookups = 0

    def sync(self, source: SourceName, *commits: str, lost: str = "") -> None:
        self.covered[source] = (self.covered[source] - {lost}) | set(commits)
        self.revision += 1

    async def published(self) -> Mapping[SourceName, Revision]:
        self.looks += 1
        return dict.fromkeys(self.covered, Revision(self.revision))

    async def covering(self, wanted: Mapping[SourceName, str]) -> Mapping[SourceName, int]:
        self.lookups += 1
        return {
            name: sum(commit.startswith(digits) for commit in self.covered[name])
            for name, digits in wanted.items()
            if name in self.covered
        }

    async def as_of(self, sources: Sequence[SourceName]) -> Mapping[SourceName, SourceAsOf]:
        return {name: SourceAsOf("now", THEN, THEN, 0) for name in sources}


def waiter(commits: Commits, *, within_s: float = 5.0) -> CommitWaiter:
    return CommitWaiter(commits, time.monotonic, within_s=within_s, every_s=0.01)


def test_what_is_covered_is_not_waited_for() -> None:
    commits = Commits()
    commits.sync(DOCS, "c0ffee12")

    asyncio.run(waiter(commits)({"docs": "c0ffee1"}))

    assert (commits.looks, commits.lookups) == (1, 1)


def test_a_sync_that_covers_the_commit_ends_the_wait() -> None:
    commits = Commits()

    async def waited() -> bool:
        task = asyncio.create_task(waiter(commits)({"docs": "c0ffee12", "blog": "badcafe1"}))
        while commits.looks < 3:
            await asyncio.sleep(0)
        commits.sync(DOCS, "c0ffee12")
        while commits.lookups < 2:
            await asyncio.sleep(0)
        is_early = task.done()
        commits.sync(BLOG, "badcafe1")
        await task
        return is_early

    assert asyncio.run(waited()) is False


def test_one_that_is_taken_back_while_another_is_waited_for_is_missing() -> None:
    commits = Commits()
    commits.sync(DOCS, "c0ffee12")

    async def waited() -> None:
        task = asyncio.create_task(
            waiter(commits, within_s=0.5)({"docs": "c0ffee12", "blog": "badcafe1"})
        )
        while commits.looks < 3:
            await asyncio.sleep(0)
        commits.sync(DOCS, "0ddba115", lost="c0ffee12")
        commits.sync(BLOG, "badcafe1")
        await task

    with pytest.raises(CommitNotSearchable, match="docs at c0ffee12"):
        asyncio.run(waited())


def test_one_that_does_not_come_is_told_with_what_is_there() -> None:
    commits = Commits()
    commits.sync(DOCS, "c0ffee12")

    with pytest.raises(CommitNotSearchable, match="blog at badcafe1") as raised:
        asyncio.run(waiter(commits, within_s=0.05)({"docs": "c0ffee12", "blog": "badcafe1"}))

    assert set(raised.value.as_of) == {"docs", "blog"}
    assert raised.value.wanted == {"blog": "badcafe1"}


def test_a_short_hash_of_several_commits_is_refused() -> None:
    commits = Commits()
    commits.sync(DOCS, "c0ffee12", "c0ffee13")

    with pytest.raises(BadQuestion, match="several commits"):
        asyncio.run(waiter(commits)({"docs": "c0ffee1"}))


def test_a_source_that_is_not_there_is_not_waited_for() -> None:
    with pytest.raises(UnknownSource):
        asyncio.run(waiter(Commits())({"docs": "c0ffee12", "nowhere": "c0ffee12"}))


def test_however_many_wait_they_ask_together_and_look_again_only_after_a_sync() -> None:
    commits = Commits()
    many = 200

    async def crowd() -> None:
        wait = waiter(commits, within_s=0.2)
        tasks = [asyncio.create_task(wait({"docs": f"c0ffee{n:02x}"})) for n in range(many)]
        await asyncio.wait(tasks)
        assert all(isinstance(task.exception(), CommitNotSearchable) for task in tasks)

    asyncio.run(crowd())

    assert commits.looks <= 21
    assert commits.lookups == many


def test_whoever_follows_is_asked_for_what_is_missing_and_however_many_wait_seldom() -> None:
    commits = Commits()
    commits.sync(DOCS, "c0ffee12")
    asked: list[tuple[SourceName, float]] = []

    async def ask(source: SourceName) -> None:
        asked.append((source, time.monotonic()))

    async def crowd() -> None:
        wait = CommitWaiter(
            commits, time.monotonic, within_s=1.0, every_s=0.01, ask=ask, ask_every_s=0.4
        )
        await wait({"docs": "c0ffee12"})
        with pytest.raises(UnknownSource):
            await wait({"docs": "badcafe1", "nowhere": "badcafe1"})
        wanted = {"docs": "c0ffee12", "blog": "badcafe1"}
        await asyncio.gather(*(wait(wanted) for _ in range(100)), return_exceptions=True)

    asyncio.run(crowd())

    assert {source for source, _ in asked} == {BLOG}
    times = [at_s for _, at_s in asked]
    assert 2 <= len(times) <= 3
    assert all(later - sooner >= 0.4 for sooner, later in pairwise(times))


def test_one_that_cannot_be_asked_for_is_waited_for_all_the_same() -> None:
    commits = Commits()

    async def ask(_: SourceName) -> None:
        raise StoreUnavailable("it takes no writes")

    wait = CommitWaiter(commits, time.monotonic, within_s=0.05, every_s=0.01, ask=ask)
    with pytest.raises(CommitNotSearchable):
        asyncio.run(wait({"docs": "c0ffee12"}))


def test_a_store_that_goes_away_ends_the_wait() -> None:
    class Gone(Commits):
        async def published(self) -> Mapping[SourceName, Revision]:
            if self.looks > 1:
                raise StoreUnavailable("gone")
            return await super().published()

    with pytest.raises(StoreUnavailable):
        asyncio.run(waiter(Gone())({"docs": "c0ffee12"}))
