"""A trace is taken from where it may be and never believed more than that."""

import asyncio
import sys
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field

import pytest
from hypothesis import given
from hypothesis import strategies as st

from headwater.adapters.otel import OtelTracer
from headwater.metering import Cost
from headwater.metrics import make_metrics
from headwater.seeing.opening import open_watch
from headwater.seeing.settings import TelemetrySettings
from headwater.seeing.tracing import Carrier, Facts, Span, carrier_in
from headwater.seeing.watch import PageWatch
from headwater.seeing.watched import WatchedPages, watched_receiver
from headwater.settings import Settings
from index.adapters.embed.hashed import HashedEmbedder
from index.adapters.memory import MemoryIndex
from index.core.plan import Outcome
from index.handlers import Receiver
from schemas.errors import WrongUse
from schemas.events import PageEvent
from schemas.ids import Generation, PageId, Revision, SourceName
from schemas.notices import Notice, PageIndexed
from schemas.wire import Record, encode_event, key_of
from stream.handlers import Consumer, consume_batch
from stream.handlers.records import RecordConsumer, consume_records
from tests.support.events import DIM, changed, deleted
from tests.support.reading import ReadHere

TRACE = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"


@pytest.mark.parametrize(
    ("headers", "carrier"),
    [
        ([], ""),
        ([("traceparent", TRACE.encode())], TRACE),
        ([("tenant", b"another"), ("traceparent", TRACE.encode())], TRACE),
        ([("traceparent", b"no trace"), ("traceparent", TRACE.encode())], ""),
        ([("Traceparent", TRACE.encode())], ""),
        ([("traceparent", TRACE.encode() + b"-more")], ""),
        ([("traceparent", TRACE.upper().encode())], ""),
    ],
)
def test_s33_a_header_names_a_trace_or_nothing(
    headers: Sequence[tuple[str, bytes]], carrier: str
) -> None:
    assert carrier_in(headers) == carrier


@given(st.lists(st.tuples(st.sampled_from(["traceparent", "x"]), st.binary(max_size=60))))
def test_s33_no_header_does_anything_worse_than_being_ignored(
    headers: list[tuple[str, bytes]],
) -> None:
    assert carrier_in(headers).isascii()


@given(st.text(max_size=60))
def test_s33_what_is_no_trace_begins_one(carrier: str) -> None:
    span = TRACER.start("page.consume", {}, parent=carrier)

    assert len(span.carrier) == len(TRACE)


def test_a_span_goes_on_in_the_trace_it_is_given() -> None:
    span = TRACER.start("page.consume", {}, parent=TRACE, links=["no trace", TRACE])

    assert span.carrier.split("-")[1] == TRACE.split("-")[1]
    assert span.carrier != TRACE


# Nothing listens there; no span of these tests is ended, so none is sent.
TRACER = OtelTracer(
    TelemetrySettings(otlp_endpoint="http://127.0.0.1:1"), part="", lost=lambda _: None
)


def test_without_its_library_a_collector_is_refused_with_the_extra_that_brings_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(sys.modules, "headwater.adapters.otel", None)
    settings = Settings(telemetry=TelemetrySettings(otlp_endpoint="http://127.0.0.1:1"))

    async def play() -> None:
        async with open_watch(settings, {}, part="", metrics=make_metrics()):
            pass

    with pytest.raises(WrongUse, match=r"headwater\[telemetry\]"):
        asyncio.run(play())


@dataclass
class Kept:
    """A span that a test looks at."""

    name: str
    parent: Carrier
    links: tuple[Carrier, ...]
    facts: dict[str, str | int]
    carrier: Carrier = ""
    ends: list[str] = field(default_factory=list)

    def note(self, facts: Facts) -> None:
        self.facts |= facts

    def end(self, failed: str = "") -> None:
        self.ends.append(failed)


@dataclass
class Keeping:
    """A tracer that keeps what it is told."""

    spans: list[Kept] = field(default_factory=list)

    def start(
        self,
        name: str,
        facts: Facts,
        *,
        parent: Carrier = "",
        links: Sequence[Carrier] = (),
        start_ns: int | None = None,
    ) -> Span:
        span = Kept(name, parent, tuple(links), dict(facts), f"0-{len(self.spans)}-0")
        self.spans.append(span)
        return span

    def named(self, name: str) -> list[Kept]:
        return [span for span in self.spans if span.name == name]


@dataclass
class Rig:
    """A consumer that is watched."""

    tracer: Keeping = field(default_factory=Keeping)
    notices: list[Notice] = field(default_factory=list)
    index: MemoryIndex = field(default_factory=MemoryIndex)

    def __post_init__(self) -> None:
        self.watch = PageWatch(self.tracer, self.notices.append)

    async def consumer(self) -> Consumer:
        info = await self.index.create(fingerprint="f", model="m", dim=DIM)
        receiver = Receiver(info.generation, ReadHere(), HashedEmbedder(DIM))

        async def receivers() -> Sequence[Receiver]:
            return [watched_receiver(receiver, self.watch)]

        pages = WatchedPages(self.index, Cost(), self.watch)
        return Consumer(pages, self.index, receivers, self.watch.told, watch=self.watch)

    def consume(self, events: Sequence[PageEvent]) -> None:
        async def play() -> None:
            to = await self.consumer()
            records = [
                Record("t", 3, offset, key_of(event.page_id), encode_event(event))
                for offset, event in enumerate(events)
            ]
            await consume_records(records, 0, RecordConsumer(to, NoRecords(), to.watch))

        asyncio.run(play())


class NoRecords:
    """Knows every source, at whatever revision, and no page."""

    async def keep_undecodable(self, record: Record, reason: str) -> None: ...

    async def revisions(self, sources: Collection[SourceName]) -> Mapping[SourceName, Revision]:
        return dict.fromkeys(sources, Revision(2**62))

    async def newest(self, pages: Collection[PageId]) -> Mapping[PageId, Revision]:
        return {}


def test_texts_embedded_together_belong_to_each_of_their_pages() -> None:
    rig = Rig()

    rig.consume([changed("a.md", 1, "# A\n\nWords of a.\n"), changed("b.md", 1, "# B\n\nOf b.\n")])

    consumed = {span.facts["headwater.page"]: span for span in rig.tracer.named("page.consume")}
    [embedded] = rig.tracer.named("texts.embed")
    assert {embedded.parent, *embedded.links} == {span.carrier for span in consumed.values()}
    assert {span.parent for span in rig.tracer.named("page.read")} == {
        span.carrier for span in consumed.values()
    }
    assert {notice.page_id: notice.texts_embedded for notice in _indexed(rig)} == {
        "docs/a.md": 1,
        "docs/b.md": 1,
    }


def test_every_span_ends_once_and_nothing_is_kept_of_what_is_done() -> None:
    rig = Rig()

    rig.consume([changed("a.md", 2), changed("a.md", 1), changed("b.md", 1), deleted("b.md", 2)])

    assert [span.ends for span in rig.tracer.spans] == [[""]] * len(rig.tracer.spans)
    assert len(rig.watch.flights) == 0
    outcomes = [span.facts["headwater.outcome"] for span in rig.tracer.named("page.consume")]
    assert sorted(outcomes) == ["applied", "applied", "stale", "stale"]
    assert all(
        (span.facts["headwater.partition"], span.facts["headwater.revision"] > 0) == (3, True)  # type: ignore[operator]
        for span in rig.tracer.named("page.consume")
    )
    assert len(_indexed(rig)) == 2


def test_a_log_in_the_process_carries_the_trace_too() -> None:
    rig = Rig()
    event = changed("a.md", 1)

    async def play() -> None:
        to = await rig.consumer()
        with rig.watch.publishing([event]):
            await consume_batch([event], to)

    asyncio.run(play())

    [published] = rig.tracer.named("page.publish")
    [consumed] = rig.tracer.named("page.consume")
    assert consumed.parent == published.carrier


def test_a_page_that_is_not_applied_is_not_told_of() -> None:
    rig = Rig()

    rig.watch.told(changed("a.md", 1), Generation(1), Outcome.STALE)
    rig.watch.told(changed("a.md", 1), Generation(1), None)

    assert rig.notices == []


def _indexed(rig: Rig) -> list[PageIndexed]:
    return [notice for notice in rig.notices if isinstance(notice, PageIndexed)]
