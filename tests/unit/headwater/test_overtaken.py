"""What ends a sync's wait for its pages: a hint, or another generation."""

import asyncio
from types import SimpleNamespace
from typing import Any

from headwater.following import Following, Hint
from index.core.generations import GenerationInfo
from schemas.errors import StoreUnavailable
from schemas.ids import Generation, SourceName

DOCS = SourceName("docs")


class Known:
    """Knows these generations; None is a database that is away."""

    def __init__(self) -> None:
        self.numbers: tuple[int, ...] | None = (1,)

    async def generations(self) -> list[GenerationInfo]:
        if self.numbers is None:
            raise StoreUnavailable("away")
        return [
            GenerationInfo(Generation(number), "f", "m", 8, is_live=number == 1)
            for number in self.numbers
        ]


def _following(known: Known) -> Following:
    runtime: Any = SimpleNamespace(store=SimpleNamespace(generations=known))
    unused: Any = None
    return Following(
        runtime,
        unused,
        unused,
        hints={DOCS: Hint()},
        receiving={DOCS: {Generation(1)}},
    )


def _is_overtaken(following: Following) -> bool:
    return asyncio.run(following.is_overtaken(DOCS))


def test_a_sync_that_has_nothing_newer_before_it_waits_on() -> None:
    known = Known()

    assert not _is_overtaken(_following(known))
    known.numbers = None
    assert not _is_overtaken(_following(known))


def test_a_hint_ends_the_wait() -> None:
    following = _following(Known())
    following.hint(DOCS)

    assert _is_overtaken(following)


def test_a_generation_that_is_made_or_dropped_meanwhile_ends_the_wait() -> None:
    known = Known()
    following = _following(known)

    for numbers in [(1, 2), ()]:
        known.numbers = numbers
        assert _is_overtaken(following)
