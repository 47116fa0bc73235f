"""What becomes of a batch of records before any page is touched."""

import asyncio
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field

import msgspec
import pytest
import stamina

from index.adapters.memory import MemoryIndex
from index.handlers import Receiver
from schemas.errors import ParkingFailed, StoreUnavailable
from schemas.events import PageEvent
from schemas.ids import PageId, Revision, SourceName
from schemas.wire import Record, encode_event, key_of
from stream.core.records import SKIP_ABOVE_LAG
from stream.handlers import Consumer, RecordConsumer, consume_records, records
from stream.handlers.retries import heard_retries
from tests.support.events import SOURCE, changed, page


@dataclass
class _Known:
    """A `RecordStore` in memory; the first `outages` calls fail, and `refuses` those that keep something."""

    published: Mapping[PageId, Revision] = field(default_factory=dict)
    reached: int = 3
    outages: int = 0
    refuses: bool = False
    kept: list[Record] = field(default_factory=list)
    asked: int = 0

    async def keep_undecodable(self, record: Record, _reason: str) -> None:
        self._answer()
        if self.refuses:
            raise ValueError("there is no such table")
        self.kept.append(record)

    async def revisions(self, sources: Collection[SourceName]) -> Mapping[SourceName, Revision]:
        self._answer()
        return {source: Revision(self.reached) for source in sources if source == SOURCE}

    async def newest(self, _pages: Collection[PageId]) -> Mapping[PageId, Revision]:
        self._answer()
        self.asked += 1
        return self.published

    def _answer(self) -> None:
        if self.outages:
            self.outages -= 1
            raise StoreUnavailable("away")


@pytest.fixture
def consumed(monkeypatch: pytest.MonkeyPatch) -> list[PageEvent]:
    """What is handed on to be applied."""
    taken: list[PageEvent] = []

    async def consume(events: Sequence[PageEvent], _to: Consumer) -> None:
        taken.extend(events)

    monkeypatch.setattr(records, "consume_batch", consume)
    return taken


def record(event: PageEvent, offset: int = 0) -> Record:
    return Record("pages", 0, offset, key_of(event.page_id), encode_event(event))


async def _nobody() -> Sequence[Receiver]:
    return ()


def consume(batch: Sequence[Record], known: _Known, *, lag: int = 0) -> None:
    index = MemoryIndex()
    nobody = Consumer(index, index, _nobody, lambda *_: None)  # events are taken before it is asked
    asyncio.run(consume_records(batch, lag, RecordConsumer(nobody, known)))


def test_what_is_no_event_is_kept_and_its_neighbours_go_on(consumed: list[PageEvent]) -> None:
    known = _Known(outages=1)
    first, poison, last = changed("a.md", 1), Record("pages", 0, 1, b"a", b"?"), changed("b.md", 1)

    consume([record(first), poison, record(last, 2)], known)

    assert known.kept == [poison]
    assert consumed == [first, last]


def test_what_cannot_be_kept_ends_the_process(consumed: list[PageEvent]) -> None:
    with pytest.raises(ParkingFailed):
        consume([Record("pages", 0, 1, b"a", b"?")], _Known(refuses=True))

    assert consumed == []


@pytest.mark.parametrize(
    ("lag", "expected"), [(0, [1, 2, 3]), (SKIP_ABOVE_LAG, [1, 2, 3]), (SKIP_ABOVE_LAG + 1, [3])]
)
def test_r37_only_in_a_flood_is_what_a_newer_event_replaces_passed_over(
    lag: int, expected: list[int], consumed: list[PageEvent]
) -> None:
    known = _Known({page("a.md"): Revision(3)}, outages=1)

    consume([record(changed("a.md", revision)) for revision in (1, 2, 3)], known, lag=lag)

    assert [event.revision for event in consumed] == expected
    assert known.asked == (lag > SKIP_ABOVE_LAG)


def test_r37_a_page_that_the_ledger_does_not_know_is_never_passed_over(
    consumed: list[PageEvent],
) -> None:
    consume([record(changed("new.md", 1))], _Known(), lag=SKIP_ABOVE_LAG + 1)

    assert len(consumed) == 1


def test_s33_an_event_of_a_source_that_intake_never_heard_of_is_kept_in_sight_and_not_applied(
    consumed: list[PageEvent],
) -> None:
    known = _Known(outages=1)
    own = changed("a.md", 1)
    strange = msgspec.structs.replace(own, page_id=PageId("elsewhere/a.md"))

    consume([record(strange), record(own, 1)], known)

    assert consumed == [own]
    assert [kept.key for kept in known.kept] == [b"elsewhere/a.md"]


def test_s33_an_event_above_the_revision_of_its_source_is_kept_in_sight_and_freezes_no_page(
    consumed: list[PageEvent],
) -> None:
    known = _Known(reached=7)
    newest, forged = changed("a.md", 7), changed("a.md", 8)

    consume([record(forged), record(newest, 1)], known)

    assert consumed == [newest]
    assert [kept.offset for kept in known.kept] == [0]


def test_a_revision_that_was_taken_while_the_event_was_on_its_way_is_known(
    consumed: list[PageEvent],
) -> None:
    known = _Known(reached=1)
    consume([record(changed("a.md", 1))], known)
    known.reached = 2

    consume([record(changed("a.md", 2), 1)], known)

    assert [event.revision for event in consumed] == [1, 2]
    assert known.kept == []


def test_whenever_an_attempt_is_made_again_it_is_heard() -> None:
    heard: list[str] = []
    left = [StoreUnavailable("away")] * 3

    async def play() -> None:
        with stamina.set_testing(True, attempts=10):
            async for attempt in heard_retries(lambda: heard.append("again")):
                with attempt:
                    if left:
                        raise left.pop()

    asyncio.run(play())

    assert heard == ["again"] * 3
