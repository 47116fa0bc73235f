"""Every event of a batch ends applied, superseded or parked, whatever happens on the way."""

import asyncio
from collections.abc import Callable, Iterator, Sequence

import pytest
import stamina

from index.adapters.embed.hashed import HashedEmbedder
from index.adapters.memory import MemoryIndex
from index.core.pages import ReadPage
from index.core.plan import Outcome, PagePlan
from index.handlers import Receiver
from index.handlers.apply import VECTOR_BATCH
from schemas.errors import BadVectors, EmbedderUnavailable, ParkingFailed
from schemas.events import PageChanged, PageEvent
from schemas.ids import Generation, PageId, Revision, TextHash
from stream.handlers import Consumer, consume_batch
from tests.support.events import DIM, SOURCE, changed, deleted, page
from tests.support.pipeline import Crash
from tests.support.reading import ReadHere

BAD = "# Bad\n\nThis one breaks.\n"


@pytest.fixture(autouse=True)
def _no_waiting() -> Iterator[None]:
    with stamina.set_testing(True, attempts=1000):
        yield


class Rig:
    """A consumer over memory that hears what became of each event."""

    def __init__(
        self,
        *,
        breaking: Callable[[str], Exception | None] = lambda _: None,
        index: MemoryIndex | None = None,
    ) -> None:
        self.index, self.read = index or MemoryIndex(), ReadHere()
        self.breaking = breaking
        self.embedder = HashedEmbedder(DIM, before=self._embed)
        self.told: list[tuple[str, int, Outcome | None]] = []
        self.generation = Generation(1)
        self.unborn = 0

    async def consume(
        self,
        events: Sequence[PageEvent],
        *,
        park: MemoryIndex | None = None,
        target_wait_s: float = 0.0,
    ) -> None:
        if not await self.index.generations():
            await self.index.create(fingerprint="f", model="m", dim=DIM)
        consumer = Consumer(
            self.index, park or self.index, self._receivers, self._hear, target_wait_s
        )
        await consume_batch(events, consumer)

    async def _receivers(self) -> Sequence[Receiver]:
        if self.unborn:
            self.unborn -= 1
            return []
        return [Receiver(self.generation, self, self.embedder)]

    async def __call__(self, event: PageChanged) -> ReadPage:
        return await self.read(event)

    def _embed(self, texts: Sequence[str]) -> None:
        for text in texts:
            if (error := self.breaking(text)) is not None:
                raise error

    def _hear(self, event: PageEvent, _: Generation, outcome: Outcome | None) -> None:
        self.told.append((event.page_id.split("/", 1)[1], event.revision, outcome))

    def parked(self) -> set[str]:
        return {page_id.split("/", 1)[1] for _, page_id, _ in self.index.parked_rows}

    def shown(self) -> set[str]:
        return set(asyncio.run(self.index.dump(self.generation, SOURCE)))


def test_r05_a_bug_parks_its_own_event_and_no_neighbour() -> None:
    rig = Rig(breaking=lambda text: IndexError("a bug") if "breaks" in text else None)

    asyncio.run(rig.consume([changed("a.md", 1), changed("bad.md", 1, BAD), changed("c.md", 1)]))

    assert rig.parked() == {"bad.md"}
    assert rig.shown() == {"a.md", "c.md"}
    assert set(rig.index.parked_rows.values()) == {"IndexError: a bug"}


def test_r27_a_page_with_bad_vectors_is_parked_after_three_tries_and_keeps_its_last_version() -> (
    None
):
    tries: list[str] = []

    def breaking(text: str) -> Exception | None:
        if "breaks" not in text:
            return None
        tries.append(text)
        return BadVectors("not a number")

    rig = Rig(breaking=breaking)
    asyncio.run(rig.consume([changed("a.md", 1)]))
    before = asyncio.run(rig.index.dump(rig.generation, SOURCE))

    asyncio.run(rig.consume([changed("a.md", 2, BAD)]))

    assert len(tries) == 1 + 3  # once when the batch is read ahead
    assert rig.told[-1] == ("a.md", 2, None)
    assert asyncio.run(rig.index.dump(rig.generation, SOURCE)) == before


def test_an_outage_is_waited_for_and_parks_nothing() -> None:
    left = [EmbedderUnavailable("away")] * 50
    rig = Rig(breaking=lambda _: left.pop() if left else None)

    asyncio.run(rig.consume([changed("a.md", 1), changed("b.md", 1)]))

    assert rig.parked() == set()
    assert rig.shown() == {"a.md", "b.md"}


@pytest.mark.parametrize("revisions", [(1, 2), (2, 1), (2, 2, 1), (1, 2, 1)])
def test_r09_two_revisions_of_a_page_in_one_batch_end_at_the_newer_in_any_order(
    revisions: tuple[int, ...],
) -> None:
    rig = Rig()
    batch = [changed("a.md", revision, f"# T\n\nText {revision}.\n") for revision in revisions]

    asyncio.run(rig.consume(batch))

    (shown,) = asyncio.run(rig.index.dump(rig.generation, SOURCE)).values()
    assert [text for _, text, _ in shown.chunks] == ["Text 2."]
    assert asyncio.run(rig.index.page(rig.generation, page("a.md"))).revision == 2  # type: ignore[union-attr]


def test_the_same_event_twice_is_applied_once() -> None:
    rig = Rig()

    asyncio.run(rig.consume([changed("a.md", 1), changed("a.md", 1)]))

    assert rig.told == [("a.md", 1, Outcome.APPLIED), ("a.md", 1, Outcome.STALE)]


def test_a_moved_page_is_never_missing_from_a_batch() -> None:
    rig = Rig()
    asyncio.run(rig.consume([changed("a.md", 1)]))

    asyncio.run(
        rig.consume([deleted("a.md", 2, moved_to="b.md"), changed("b.md", 2, moved_from="a.md")])
    )

    assert rig.told[1:] == [("b.md", 2, Outcome.APPLIED), ("a.md", 2, Outcome.STALE)]


def test_the_deletion_of_a_moved_page_waits_for_a_target_until_it_is_applied_or_parked() -> None:
    rig = Rig(breaking=lambda text: ValueError("bad") if "breaks" in text else None)
    asyncio.run(rig.consume([changed("a.md", 1)]))
    gone: list[PageEvent] = [
        deleted("a.md", 2, moved_to="b.md"),
        changed("b.md", 2, BAD, moved_from="a.md"),
    ]

    # Within the time of one test a wait that never ends would show.
    asyncio.run(asyncio.wait_for(rig.consume(gone, target_wait_s=3600.0), 60))

    assert rig.told[1:] == [("b.md", 2, None), ("a.md", 2, Outcome.APPLIED)]


def test_a_stale_deletion_waits_for_no_target() -> None:
    rig = Rig()
    asyncio.run(rig.consume([changed("a.md", 1), deleted("a.md", 3)]))

    late = rig.consume([deleted("a.md", 2, moved_to="never-came.md")], target_wait_s=3600.0)
    asyncio.run(asyncio.wait_for(late, 60))

    assert rig.told[-1] == ("a.md", 2, Outcome.STALE)


def test_what_can_be_neither_applied_nor_parked_ends_the_process() -> None:
    class Full(MemoryIndex):
        async def park(
            self, generation: Generation, page_id: PageId, revision: Revision, reason: str
        ) -> None:
            raise OSError("no room")

    rig = Rig(breaking=lambda _: IndexError("a bug"))

    with pytest.raises(ParkingFailed):
        asyncio.run(rig.consume([changed("a.md", 1)], park=Full()))


def test_events_wait_for_the_first_generation_and_are_not_done_without_one() -> None:
    rig = Rig()
    rig.unborn = 3

    asyncio.run(rig.consume([changed("a.md", 1)]))

    assert rig.told == [("a.md", 1, Outcome.APPLIED)]


def test_an_empty_batch_is_done_at_once() -> None:
    rig = Rig()
    rig.unborn = 1_000_000

    asyncio.run(rig.consume([]))

    assert rig.told == []


@pytest.mark.parametrize("done", [0, 7, 19, 33])
def test_r02_a_batch_cut_in_the_middle_is_finished_and_little_is_embedded_twice(done: int) -> None:
    left = [done]
    batch = [changed(f"{n:02}.md", 1, f"# T\n\nText {n}.\n") for n in range(40)]

    def at(point: str) -> None:
        left[0] -= point == "before apply"
        if left[0] == -1:
            left[0] = -1000
            raise Crash(point)

    rig = Rig(index=MemoryIndex(at))
    with pytest.raises(Crash):
        asyncio.run(rig.consume(batch))
    first = set(rig.shown())

    asyncio.run(rig.consume(batch))

    assert len(first) == done
    assert rig.shown() == {f"{n:02}.md" for n in range(40)}
    assert rig.parked() == set()
    assert rig.embedder.texts_embedded <= len(batch) + VECTOR_BATCH


def test_pages_of_a_large_batch_are_applied_in_order_deletions_first() -> None:
    class Slow(MemoryIndex):
        async def apply(self, generation: Generation, plan: PagePlan) -> Outcome:
            for _ in range(40 - plan.revision):
                await asyncio.sleep(0)
            return await super().apply(generation, plan)

    rig = Rig(index=Slow())
    batch: list[PageEvent] = [changed(f"{n:02}.md", 1 + n // 2) for n in range(40)]
    batch += [deleted(f"{n:02}.md", 30) for n in range(20)]

    asyncio.run(rig.consume(batch))

    paths = [path for path, _, _ in rig.told]
    assert paths == [f"{n:02}.md" for n in range(20)] + [f"{n:02}.md" for n in range(40)]
    assert rig.shown() == {f"{n:02}.md" for n in range(20, 40)}


class Forgetful(MemoryIndex):
    """Loses its vectors right before the first page is applied, as to a collector, and counts who asks for them."""

    asked, losses = 0, 1

    async def without_vector(
        self, generation: Generation, hashes: Sequence[TextHash]
    ) -> set[TextHash]:
        self.asked += 1
        return await super().without_vector(generation, hashes)

    async def apply(self, generation: Generation, plan: PagePlan) -> Outcome:
        if self.losses:
            self.losses -= 1
            self._vectors[generation].clear()
        return await super().apply(generation, plan)


def test_a_vector_that_vanishes_after_it_was_embedded_ahead_is_embedded_again() -> None:
    rig = Rig(index=Forgetful())

    asyncio.run(rig.consume([changed("a.md", 1), changed("b.md", 1, "# T\n\nMore text.\n")]))

    assert rig.shown() == {"a.md", "b.md"}
    assert rig.parked() == set()
    assert rig.embedder.texts_embedded == 4


def test_pages_embedded_together_are_not_asked_about_one_by_one() -> None:
    index = Forgetful()
    index.losses = 0
    rig = Rig(index=index)

    asyncio.run(rig.consume([changed(f"{n}.md", 1, f"# T\n\nText {n}.\n") for n in range(64)]))

    assert len(rig.shown()) == 64
    assert index.asked <= 8
