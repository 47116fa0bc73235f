"""The contract of a log: what is published is consumed once accepted, in order, and never more than it can hold."""

import asyncio
from collections.abc import Sequence

import pytest

from headwater.adapters.local_log import MAX_OUTSTANDING, LocalLog
from schemas.events import PageEvent
from tests.support.events import changed, page


class Taken:
    """What was consumed, batch by batch; `gate` holds it up, `failing` ends it."""

    def __init__(self) -> None:
        self.batches: list[Sequence[PageEvent]] = []
        self.gate = asyncio.Event()
        self.failing: Exception | None = None
        self.gate.set()

    async def __call__(self, events: Sequence[PageEvent]) -> None:
        await self.gate.wait()
        if self.failing is not None:
            raise self.failing
        self.batches.append(events)

    @property
    def events(self) -> list[PageEvent]:
        return [event for batch in self.batches for event in batch]


async def idle() -> None:
    """Let every other task run until it waits."""
    for _ in range(20):
        await asyncio.sleep(0)


def test_events_are_consumed_in_the_order_they_were_published(runner: asyncio.Runner) -> None:
    async def play() -> Taken:
        log, taken = LocalLog(), Taken()
        running = asyncio.create_task(log.run(taken))
        for revision in range(1, 4):
            await log([changed("a.md", revision), changed("b.md", revision)])
        await log.settled([page("a.md"), page("b.md")])
        running.cancel()
        return taken

    taken = runner.run(play())

    assert [(event.page_id, event.revision) for event in taken.events] == [
        (page(path), revision) for revision in range(1, 4) for path in ("a.md", "b.md")
    ]


def test_a_page_is_settled_only_when_its_last_event_is_consumed(runner: asyncio.Runner) -> None:
    async def play() -> tuple[bool, bool]:
        log, taken = LocalLog(), Taken()
        taken.gate.clear()
        running = asyncio.create_task(log.run(taken))
        await log([changed("a.md", 1)])
        settled = asyncio.create_task(log.settled([page("a.md")]))
        await log([changed("a.md", 2)])
        await idle()
        early = settled.done()
        taken.gate.set()
        await settled
        running.cancel()
        return early, len(taken.events) == 2

    assert runner.run(play()) == (False, True)


def test_a_page_never_sent_is_settled(runner: asyncio.Runner) -> None:
    runner.run(asyncio.wait_for(LocalLog().settled([page("a.md")]), timeout=5))


def test_publishing_waits_while_too_many_pages_are_outstanding(runner: asyncio.Runner) -> None:
    async def play() -> tuple[bool, bool]:
        log, taken = LocalLog(), Taken()
        taken.gate.clear()
        running = asyncio.create_task(log.run(taken))
        await log([changed(f"{n}.md", 1) for n in range(MAX_OUTSTANDING)])
        waiting = asyncio.create_task(log([changed("one-more.md", 1)]))
        await idle()
        early = waiting.done()
        taken.gate.set()
        await waiting
        running.cancel()
        return early, waiting.done()

    assert runner.run(play()) == (False, True)


def test_a_batch_is_bounded(runner: asyncio.Runner) -> None:
    async def play() -> Taken:
        log, taken = LocalLog(), Taken()
        pages = [changed(f"{n}.md", 1) for n in range(150)]
        await log(pages)
        running = asyncio.create_task(log.run(taken))
        await log.settled([event.page_id for event in pages])
        running.cancel()
        return taken

    taken = runner.run(play())

    assert max(len(batch) for batch in taken.batches) <= 64
    assert len(taken.events) == 150


def test_when_consuming_ends_everybody_who_waits_is_told_why(runner: asyncio.Runner) -> None:
    reason = ValueError("the consumer's own")

    async def play() -> list[object]:
        log, taken = LocalLog(), Taken()
        taken.failing = reason
        await log([changed("a.md", 1)])
        waiting = asyncio.create_task(log.settled([page("a.md")]))
        running = asyncio.create_task(log.run(taken))
        results = await asyncio.gather(running, waiting, return_exceptions=True)
        return [*results, *await asyncio.gather(log([changed("b.md", 1)]), return_exceptions=True)]

    consumed, settled, published = runner.run(play())

    assert consumed is reason
    for told in (settled, published):
        assert isinstance(told, RuntimeError)
        assert told.__cause__ is reason


@pytest.mark.parametrize("is_failed", [True, False])
def test_a_batch_is_outstanding_until_it_is_consumed(
    is_failed: bool, runner: asyncio.Runner
) -> None:
    """A crash while consuming must not look like success to who waits for the page."""

    async def play() -> bool:
        log, taken = LocalLog(), Taken()
        taken.failing = ValueError("broken") if is_failed else None
        running = asyncio.create_task(log.run(taken))
        await log([changed("a.md", 1)])
        try:
            await log.settled([page("a.md")])
        except RuntimeError:
            await asyncio.wait({running})
            return running.exception() is taken.failing
        running.cancel()
        return taken.events != []

    assert runner.run(play())
