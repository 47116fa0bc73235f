"""Batches overlap in reading and embedding, and in nothing else."""

import asyncio
from collections.abc import AsyncIterator, Sequence

from hypothesis import given
from hypothesis import strategies as st

from index.adapters.embed.hashed import HashedEmbedder
from index.adapters.memory import MemoryIndex
from index.handlers import Receiver
from schemas.events import PageEvent
from schemas.ids import Generation
from stream.core.turns import Turn, in_turns
from stream.handlers import Consumer, consume_batch
from tests.support.events import DIM, SOURCE, changed
from tests.support.reading import ReadHere

_WITHIN_S = 20.0


async def _each(batches: Sequence[int]) -> AsyncIterator[int]:
    for batch in batches:
        yield batch


@given(st.lists(st.tuples(st.integers(0, 3), st.integers(0, 3)), max_size=8))
def test_batches_are_applied_in_order_two_at_most_under_way_and_one_embedded_at_a_time(
    pauses: list[tuple[int, int]],
) -> None:
    """`pauses` is how often each batch lets others run while it is embedded, and while it is applied."""
    told: list[tuple[str, int]] = []

    async def handle(batch: int, turn: Turn) -> None:
        ahead, applying = pauses[batch]
        told.append(("ahead", batch))
        for _ in range(ahead):
            await asyncio.sleep(0)
        told.append(("embedded", batch))
        turn.let_next_go_ahead()
        await turn.come()
        for _ in range(applying):
            await asyncio.sleep(0)
        told.append(("applied", batch))
        turn.end()

    asyncio.run(asyncio.wait_for(in_turns(_each(range(len(pauses))), handle), _WITHIN_S))

    at = {one: place for place, one in enumerate(told)}
    batches = range(len(pauses))
    assert [batch for what, batch in told if what == "applied"] == [*batches]
    assert all(at["embedded", n] < at["ahead", n + 1] for n in batches[:-1])
    assert all(at["applied", n] < at["ahead", n + 2] for n in batches[:-2])


def test_the_next_batch_begins_while_one_is_applied() -> None:
    begun = asyncio.Event()

    async def handle(batch: int, turn: Turn) -> None:
        turn.let_next_go_ahead()
        if batch:
            begun.set()
        else:
            await begun.wait()
        turn.end()

    asyncio.run(asyncio.wait_for(in_turns(_each([0, 1]), handle), _WITHIN_S))


def test_what_is_under_way_ends_with_who_runs_it() -> None:
    ended: list[int] = []

    async def handle(batch: int, turn: Turn) -> None:
        turn.let_next_go_ahead()
        try:
            await asyncio.Event().wait()
        finally:
            ended.append(batch)

    async def run() -> None:
        running = asyncio.ensure_future(in_turns(_each([0, 1, 2]), handle))
        await asyncio.sleep(0.01)
        running.cancel()
        await asyncio.wait({running})

    asyncio.run(run())
    assert sorted(ended) == [0, 1]


def test_a_batch_is_embedded_ahead_of_its_turn_and_not_applied_for_several_generations_too() -> (
    None
):
    async def run() -> None:
        index, embedder = MemoryIndex(), HashedEmbedder(DIM)
        for fingerprint in "fg":
            await index.create(fingerprint=fingerprint, model="m", dim=DIM)
        told: list[tuple[str, Generation]] = []

        async def receivers() -> Sequence[Receiver]:
            return [Receiver(Generation(n), ReadHere(), embedder) for n in (1, 2)]

        def tell(event: PageEvent, generation: Generation, _: object) -> None:
            told.append((event.page_id, generation))

        consumer = Consumer(index, index, receivers, tell)

        async def handle(batch: int, turn: Turn) -> None:
            events = [changed(f"{name}.md", batch + 1, f"# {name}{batch}\n") for name in "abc"]
            await consume_batch(events, consumer, turn)
            await turn.come()
            turn.end()

        await in_turns(_each([0, 1, 2]), handle)
        assert [page for page, _ in told] == [f"{SOURCE}/{name}.md" for name in "abc"] * 6

        first = Turn()
        second = Turn(first)
        texts = embedder.texts_embedded
        waiting = asyncio.ensure_future(
            consume_batch([changed("d.md", 9, "# New\n\nWords.\n")], consumer, second)
        )
        while embedder.texts_embedded == texts:
            await asyncio.sleep(0)
        for _ in range(50):
            await asyncio.sleep(0)
        assert len(told) == 18
        first.end()
        await waiting
        assert len(told) == 20

    asyncio.run(asyncio.wait_for(run(), _WITHIN_S))
