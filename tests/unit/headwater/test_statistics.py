"""Statistics are renewed once enough has changed, when told to, and after a failure."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import cast

import pytest

from headwater.statistics import Statistics
from index.adapters.postgres.generations import PostgresGenerations
from index.core.generations import GenerationInfo
from schemas.errors import StoreUnavailable
from schemas.ids import Generation, SourceName

DOCS, GENERATION = SourceName("docs"), Generation(1)


@dataclass(frozen=True)
class _Status:
    source: SourceName
    pages: int


@dataclass
class _Generations:
    """One source of `pages` pages; the first `failures` renewals fail."""

    pages: int
    failures: int = 0
    renewed: list[SourceName] = field(default_factory=list)

    async def generations(self) -> Sequence[GenerationInfo]:
        return [GenerationInfo(GENERATION, "f", "m", 8, True)]

    async def statuses(self, _generation: Generation) -> Sequence[_Status]:
        return [_Status(DOCS, self.pages)]

    async def refresh_statistics(self, _generation: Generation, source: SourceName) -> None:
        if self.failures:
            self.failures -= 1
            raise StoreUnavailable("away")
        self.renewed.append(source)

    async def tune(self, _generation: Generation) -> None:
        pass


async def _settle(generations: _Generations, *told: int | None) -> list[SourceName]:
    """What is renewed when told of so many changed pages, one after another; None renews."""
    statistics = Statistics(cast(PostgresGenerations, generations))
    keeping = asyncio.create_task(statistics.keep())
    for pages in told:
        statistics.renew(DOCS) if pages is None else statistics.note(DOCS, pages)
        for _ in range(10):  # more turns of the loop than a renewal here takes
            await asyncio.sleep(0)
    keeping.cancel()
    return generations.renewed


def _settled(generations: _Generations, *told: int | None) -> list[SourceName]:
    return asyncio.run(_settle(generations, *told))


@pytest.mark.parametrize(
    ("pages", "told", "expected"),
    [
        (400, (19,), 0),
        (400, (19, 1), 1),
        (10, (9,), 0),
        (10, (9, 1), 1),
        (400, (20, 20), 2),
        (400, (0,), 0),
    ],
)
def test_a_share_of_the_pages_and_at_least_ten_make_statistics_stale(
    pages: int, told: tuple[int, ...], expected: int
) -> None:
    assert _settled(_Generations(pages), *told) == [DOCS] * expected


def test_they_are_renewed_when_told_though_nothing_changed() -> None:
    assert _settled(_Generations(400), None) == [DOCS]


def test_what_failed_is_tried_again_after_the_next_change() -> None:
    assert _settled(_Generations(400, failures=1), 20, 1) == [DOCS]
