"""Publishing, and how far its readers are, against a real broker."""

import asyncio
import contextlib
import os
import signal
import socket
import threading
import time
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import msgspec
import pytest
from kafka import KafkaConsumer
from kafka.producer.sender import Sender

from headwater.adapters.kafka_group import KafkaGroup
from headwater.adapters.kafka_topics import apply_topics
from headwater.cluster.broker import LocalBroker
from ingest.adapters.kafka import KafkaPublish
from ingest.core.window import PIECE, WINDOW
from schemas.broker import Broker, KafkaSettings
from schemas.errors import BrokerUnavailable, NotConsumed
from schemas.events import MAX_PAGE_BYTES, PageEvent
from schemas.ids import PageId, Revision, SourceName, page_id
from schemas.wire import Record, decode_event
from stream.core.progress import Standing, lag_of
from tests.support.broker import a_broker, reached
from tests.support.events import changed, deleted, page
from tests.support.program import poll


def of_another(path: str) -> PageEvent:
    """An event of a source beside that of `changed`."""
    return msgspec.structs.replace(changed(path, 1), page_id=page_id(SourceName("other"), path))


@dataclass
class Index:
    """What is known to be applied or parked."""

    done: set[PageId] = field(default_factory=set)

    async def pending(self, pages: Mapping[PageId, Revision]) -> Collection[PageId]:
        return [page for page in pages if page not in self.done]


@pytest.fixture
def topics(broker: LocalBroker) -> Broker:
    """An installation whose topics are made."""
    made = reached(broker)
    apply_topics(made, check=False)
    return made


def test_what_is_published_is_there_for_good_under_its_pages_key(
    topics: Broker, runner: asyncio.Runner
) -> None:
    largest = changed("large.md", 1, "x" * MAX_PAGE_BYTES)
    events: list[PageEvent] = [changed("a.md", 1), deleted("b.md", 2, moved_to="a.md"), largest]
    publish = KafkaPublish(topics, Index({event.page_id for event in events}).pending)

    runner.run(publish(events))
    publish.close()

    consumer = KafkaConsumer(
        topics.topics.pages,
        bootstrap_servers=topics.servers,
        auto_offset_reset="earliest",
        consumer_timeout_ms=5_000,
        fetch_max_bytes=2**24,
        max_partition_fetch_bytes=2**24,
    )
    found = [
        decode_event(Record(r.topic, r.partition, r.offset, r.key, r.value))
        for r, _ in zip(consumer, events, strict=False)
    ]
    consumer.close()
    assert sorted(found, key=lambda event: event.page_id) == sorted(
        events, key=lambda event: event.page_id
    )


def test_publishing_waits_while_too_many_pages_are_outstanding(
    topics: Broker, runner: asyncio.Runner
) -> None:
    index = Index()
    publish = KafkaPublish(topics, index.pending)

    async def play() -> tuple[bool, bool]:
        await publish([changed(f"{n}.md", 1) for n in range(WINDOW.pages)])
        waiting = asyncio.create_task(publish([changed("one-more.md", 1)]))
        await asyncio.wait({waiting}, timeout=0.2)
        early = waiting.done()
        index.done.add(page("7.md"))
        await waiting
        return early, waiting.done()

    assert runner.run(play()) == (False, True)
    publish.close()


def test_of_a_long_slice_no_more_is_sent_than_may_be_outstanding(
    topics: Broker, runner: asyncio.Runner
) -> None:
    index = Index()
    publish = KafkaPublish(topics, index.pending)
    slice_ = [changed(f"{n}.md", 1) for n in range(2 * WINDOW.pages)]

    async def play() -> list[int]:
        sending, sent = asyncio.create_task(publish(slice_)), list[int]()
        for done in range(0, WINDOW.pages, PIECE.pages):
            index.done |= {event.page_id for event in slice_[:done]}
            await asyncio.wait({sending}, timeout=1)
            sent.append(publish.outstanding + done)
        index.done |= {event.page_id for event in slice_}
        await sending
        return sent

    assert runner.run(play()) == [WINDOW.pages, WINDOW.pages + PIECE.pages]
    publish.close()


def test_publishing_waits_while_too_much_text_is_outstanding(
    topics: Broker, runner: asyncio.Runner
) -> None:
    index = Index()
    publish = KafkaPublish(topics, index.pending)
    large = [changed(f"{n}.md", 1, "x" * PIECE.chars) for n in range(3)]

    async def play() -> tuple[int, bool]:
        sending = asyncio.create_task(publish(large))
        await asyncio.wait({sending}, timeout=1)
        early = publish.outstanding
        index.done.add(page("0.md"))
        await sending
        return early, sending.done()

    assert runner.run(play()) == (2, True)
    publish.close()


def test_a_source_waits_for_no_page_of_another(topics: Broker, runner: asyncio.Runner) -> None:
    publish = KafkaPublish(topics, Index().pending)
    other = msgspec.structs.replace(changed("a.md", 1), page_id=PageId("another/a.md"))

    async def play() -> None:
        await publish([changed(f"{n}.md", 1) for n in range(WINDOW.pages)])
        await asyncio.wait_for(publish([other]), 30)

    runner.run(play())
    assert publish.outstanding == WINDOW.pages + 1
    publish.close()


def test_a_page_is_settled_once_the_index_says_so(topics: Broker, runner: asyncio.Runner) -> None:
    index = Index()
    publish = KafkaPublish(topics, index.pending)

    async def play() -> bool:
        await publish([changed("a.md", 1), changed("b.md", 1)])
        waiting = asyncio.create_task(publish.settled([page("a.md")]))
        await asyncio.wait({waiting}, timeout=0.2)
        early = waiting.done()
        index.done.add(page("a.md"))
        await waiting
        await publish.settled([page("never-sent.md")])
        return early

    assert runner.run(play()) is False
    publish.close()


def test_sources_that_send_side_by_side_do_not_settle_each_others_pages(
    topics: Broker, runner: asyncio.Runner
) -> None:
    """One asks the index while another sends: what is sent meanwhile was not asked about."""
    index = Index()
    is_asked, may_answer = asyncio.Event(), asyncio.Event()

    async def slow(pages: Mapping[PageId, Revision]) -> Collection[PageId]:
        known = dict(pages)
        is_asked.set()
        await may_answer.wait()
        return await index.pending(known)

    publish = KafkaPublish(topics, slow)

    async def play() -> tuple[bool, int]:
        await publish([changed("a.md", 1)])
        waiting = asyncio.create_task(publish.settled([page("a.md")]))
        await is_asked.wait()
        await publish([changed("a.md", 2), changed("b.md", 1)])
        index.done.add(page("a.md"))
        may_answer.set()
        await asyncio.wait({waiting}, timeout=5)
        return waiting.done(), publish.outstanding

    assert runner.run(play()) == (True, 1)
    publish.close()


def test_what_nobody_consumes_is_told_and_may_be_sent_again(
    topics: Broker, runner: asyncio.Runner
) -> None:
    publish = KafkaPublish(topics, Index().pending)
    runner.run(publish([changed("a.md", 1)]))

    with pytest.raises(NotConsumed, match="is a worker running"):
        runner.run(publish.settled([page("a.md")]))

    assert publish.outstanding == 0
    runner.run(publish([changed("a.md", 2)]))
    publish.close()


def test_a_wait_in_which_nothing_moves_is_given_up_for_something_newer(
    topics: Broker, runner: asyncio.Runner
) -> None:
    publish = KafkaPublish(topics, Index().pending)
    runner.run(publish([changed("a.md", 1)]))
    given_up = asyncio.Event()
    given_up.set()

    assert runner.run(publish.settled([page("a.md")], given_up.wait)) is False
    assert publish.outstanding == 1
    publish.close()


def test_what_is_lost_is_told_however_busy_another_source_is(
    topics: Broker, runner: asyncio.Runner
) -> None:
    index = Index()
    publish = KafkaPublish(topics, index.pending)

    async def be_busy() -> None:
        for number in range(1000):
            event = of_another(f"{number}.md")
            await publish([event])
            await asyncio.sleep(0.1)
            index.done.add(event.page_id)

    async def play() -> None:
        await publish([changed("a.md", 1)])
        busy = asyncio.create_task(be_busy())
        try:
            async with asyncio.timeout(10):
                await publish.settled([page("a.md")])
        finally:
            busy.cancel()

    with pytest.raises(NotConsumed, match="1 published"):
        runner.run(play())
    publish.close()


def test_what_one_source_has_lost_is_not_given_up_for_another(
    topics: Broker, runner: asyncio.Runner
) -> None:
    index = Index()
    publish = KafkaPublish(topics, index.pending)

    other = of_another("b.md")

    async def play() -> bool:
        await publish([changed("a.md", 1), other])
        with pytest.raises(NotConsumed):
            await publish.settled([page("a.md")])
        waiting = asyncio.create_task(publish.settled([other.page_id]))
        await asyncio.wait({waiting}, timeout=0.2)
        is_awaited = not waiting.done()
        index.done.add(other.page_id)
        await waiting
        return is_awaited

    assert runner.run(play())
    publish.close()


def test_publishing_without_topics_names_the_command(
    broker: LocalBroker, runner: asyncio.Runner
) -> None:
    publish = KafkaPublish(reached(broker), Index().pending)

    assert "headwater topics apply" in (runner.run(publish.ready()) or "")
    publish.close()


@pytest.fixture
def silent() -> Iterator[Broker]:
    """A broker whose host takes connections and never answers."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        yield Broker(settings=KafkaSettings(servers=f"127.0.0.1:{listening.getsockname()[1]}"))


def test_who_asks_a_silent_broker_shares_one_question(
    silent: Broker, runner: asyncio.Runner
) -> None:
    """Each look would occupy one more thread of those that everything else needs."""
    publish = KafkaPublish(silent, Index().pending)
    before = threading.active_count()

    async def ask() -> tuple[set[str | None], int]:
        asked = [asyncio.create_task(publish.ready()) for _ in range(20)]
        await asyncio.wait(asked, timeout=0.5)
        threads = threading.active_count() - before
        return {task.result() for task in (await asyncio.wait(asked))[0]}, threads

    told, threads = runner.run(ask())

    assert len(told) == 1
    assert "broker" in str(told.pop())
    assert threads <= 2  # the question's, and its client's
    poll(lambda: threading.active_count() <= before + 1, "an end of the client")
    publish.close()


def test_publishing_is_let_go_of_at_once_whatever_is_being_sent(
    broker: LocalBroker, runner: asyncio.Runner
) -> None:
    """What is sent to no topic waits for it, as for a broker that does not answer."""
    publish = KafkaPublish(reached(broker), Index().pending)

    async def play() -> float:
        sending = asyncio.create_task(publish([changed("a.md", 1)]))
        await asyncio.wait({sending}, timeout=1.0)
        assert not sending.done()
        start_s = time.monotonic()
        await asyncio.to_thread(publish.close)
        closed_s = time.monotonic() - start_s
        with pytest.raises(BrokerUnavailable):
            await sending
        return closed_s

    assert runner.run(play()) < 5.0


def test_what_could_not_be_sent_is_not_sent_later(tmp_path: Path, runner: asyncio.Runner) -> None:
    """The producer that failed is gone with what it held: nothing of it sends on when the broker is back."""
    with a_broker(tmp_path) as own:
        installation = reached(own)
        apply_topics(installation, check=False)
        publish = KafkaPublish(installation, Index().pending)
        runner.run(publish([changed("a.md", 1)]))
        os.kill(own.pid, signal.SIGSTOP)

        async def play() -> None:
            sending = asyncio.create_task(publish([changed("b.md", 1)]))
            await asyncio.wait({sending}, timeout=1.0)
            await asyncio.to_thread(publish.close)
            with pytest.raises(BrokerUnavailable):
                await sending

        start_s = time.monotonic()
        try:
            runner.run(play())
        finally:
            os.kill(own.pid, signal.SIGCONT)
        assert time.monotonic() - start_s < 15.0
        poll(lambda: not any(isinstance(one, Sender) for one in threading.enumerate()), "no sender")


def test_how_far_the_group_is_is_told_by_partition(topics: Broker, runner: asyncio.Runner) -> None:
    publish, group = KafkaPublish(topics, Index().pending), KafkaGroup(topics)
    runner.run(publish([changed(f"{n}.md", 1) for n in range(30)]))

    async def told() -> Mapping[int, Standing]:
        """A broker that has kept no group yet first has to make room for them."""
        async with asyncio.timeout(60):
            while True:
                with contextlib.suppress(BrokerUnavailable):
                    return await group.standings()
                await asyncio.sleep(0.1)

    standings = runner.run(told())

    assert set(standings) == set(range(topics.settings.partitions))
    assert lag_of(standings, {}, {}) == 30
    assert {told.committed for told in standings.values()} == {None}
    publish.close()
    group.close()
