"""Notices leave without being waited for, and are dropped rather than kept."""

import threading
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

from headwater.seeing import notices
from headwater.seeing.notices import INDEXED, MAX_WAITING, PARKED, Letter, Outbox
from schemas.ids import Generation, PageId, Revision
from schemas.notices import PageIndexed, RecordParked

WHEN = datetime(2026, 1, 1, tzinfo=UTC)


def indexed(number: int) -> PageIndexed:
    return PageIndexed(
        page_id=PageId(f"docs/{number}.md"),
        source="docs",
        revision=Revision(1),
        kind="changed",
        generation=Generation(1),
        commit="c",
        committed_at=WHEN,
        detected_at=None,
        indexed_at=WHEN,
        texts_embedded=0,
    )


def undecodable(size_bytes: int) -> RecordParked:
    return RecordParked(
        topic="t",
        partition=0,
        offset=1,
        key=b"k",
        value=b"x" * size_bytes,
        size_bytes=size_bytes,
        reason="none",
        parked_at=WHEN,
    )


@dataclass
class Post:
    """Takes letters once it may, or refuses what is about one thing."""

    may_take: threading.Event = field(default_factory=threading.Event)
    refused: str = ""
    taken: list[Letter] = field(default_factory=list)
    is_closed: bool = False
    calls: int = 0

    def send(self, letters: Sequence[Letter]) -> Sequence[bool]:
        self.calls += 1
        self.may_take.wait(10)
        self.taken += [letter for letter in letters if letter.about != self.refused]
        return [letter.about != self.refused for letter in letters]

    def close(self) -> None:
        self.is_closed = True


@dataclass
class Rig:
    post: Post = field(default_factory=Post)
    sent: Counter[str] = field(default_factory=Counter)
    dropped: Counter[str] = field(default_factory=Counter)

    def outbox(self) -> Outbox:
        return Outbox(
            self.post,
            sent=lambda about: self.sent.update([about]),
            dropped=lambda about: self.dropped.update([about]),
        )


def test_a_post_that_takes_nothing_costs_what_does_not_fit_and_no_more() -> None:
    rig = Rig()
    outbox = rig.outbox()

    for number in range(MAX_WAITING + 100):
        outbox(indexed(number))
    dropped_meanwhile = rig.dropped[INDEXED]
    rig.post.may_take.set()
    outbox.close()

    assert dropped_meanwhile == 100
    assert rig.sent == {INDEXED: MAX_WAITING}
    assert [letter.key for letter in rig.post.taken[:2]] == [b"docs/0.md", b"docs/1.md"]
    assert rig.post.is_closed


def test_large_notices_are_bounded_by_their_size() -> None:
    rig = Rig()
    outbox = rig.outbox()

    for _ in range(10):
        outbox(undecodable(notices.MAX_WAITING_BYTES // 4))
    rig.post.may_take.set()
    outbox.close()

    assert rig.sent == {PARKED: 3}
    assert rig.dropped == {PARKED: 7}


def test_what_is_refused_is_dropped_and_the_others_arrive() -> None:
    rig = Rig(Post(refused=INDEXED))
    rig.post.may_take.set()
    outbox = rig.outbox()

    for number in range(3):
        outbox(indexed(number))
        outbox(undecodable(3))
    outbox.close()

    assert (rig.sent, rig.dropped) == ({PARKED: 3}, {INDEXED: 3})


def test_an_end_does_not_wait_for_a_post_that_hangs() -> None:
    rig = Rig()
    outbox = rig.outbox()
    outbox(indexed(1))

    closing = threading.Thread(target=outbox.close)
    closing.start()
    closing.join(notices._CLOSE_WITHIN_S + 5)

    assert not closing.is_alive()
    rig.post.may_take.set()


def test_notices_that_come_one_by_one_travel_together() -> None:
    rig = Rig()
    rig.post.may_take.set()
    outbox = rig.outbox()

    for number in range(20):
        outbox(indexed(number))
        time.sleep(0.001)
    outbox.close()

    assert rig.sent == {INDEXED: 20}
    assert rig.post.calls < 10
