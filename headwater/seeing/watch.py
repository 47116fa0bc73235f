"""Looks on from the hint to the searchable page: log lines that name their event, spans, notices."""

import contextlib
import time
from collections import OrderedDict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

import structlog

from headwater.seeing.flights import REMEMBERED, Flights, Key, key_of_event
from headwater.seeing.tracing import (
    HEADER,
    Carrier,
    NoTracer,
    Span,
    Tracer,
    carrier_in,
    facts_of,
    generation_fact,
    kind_of,
    syncing,
)
from index.core.plan import Outcome
from schemas.events import PageEvent
from schemas.ids import INTAKE, Generation, PageId, Revision, source_of
from schemas.notices import MAX_KEPT_BYTES, Notice, PageIndexed, PageParked, RecordParked
from schemas.wire import Record

_log = structlog.get_logger()

_MAX_REASON_CHARS = 1_000
_MAX_KEY_BYTES = 64 * 2**10

Notify = Callable[[Notice], None]
"""Hands a notice on; never waits and never raises."""


@dataclass(slots=True)
class _Origin:
    """Where an event came from: `parent` is the span that published it."""

    parent: Carrier = ""
    partition: int | None = None
    offset: int | None = None
    taken_ns: int = field(default_factory=time.time_ns)


def _now() -> datetime:
    return datetime.now(UTC)


class PageWatch:
    """`stream.core.ports.Watch` and `ingest.core.ports.PublishWatch`, and what the watched ports tell.

    `logs_pages` has a line written for each page that was published or became searchable, which is for a process and
    not for a terminal. Used by one event loop, and by the thread that publishes.
    """

    def __init__(
        self,
        tracer: Tracer | None = None,
        notify: Notify = lambda _: None,
        *,
        logs_pages: bool = False,
    ) -> None:
        self.tracer = tracer or NoTracer()
        self._notify = notify
        self._logs_pages = logs_pages
        self._origins: OrderedDict[Key, _Origin] = OrderedDict()
        self.flights = Flights(self._consuming)
        self._publishing: dict[Key, Span] = {}

    # Publishing

    @contextlib.contextmanager
    def publishing(self, events: Sequence[PageEvent]) -> Iterator[None]:
        """A block in which events are published: a span for each, which an event in this process belongs to."""
        spans = {}
        for event in events:
            span = self.tracer.start("page.publish", facts_of(event), parent=syncing())
            spans[key_of_event(event)] = span
            self._remember(event, _Origin(span.carrier))
        self._publishing.update(spans)
        failed = ""
        try:
            yield
        except BaseException as error:
            failed = type(error).__name__
            raise
        finally:
            for key, span in spans.items():
                span.end(failed)
                self._publishing.pop(key, None)

    def headers(self, event: PageEvent) -> list[tuple[str, bytes]]:
        """See `PublishWatch.headers`: the trace and nothing else."""
        span = self._publishing.get(key_of_event(event))
        return [(HEADER, span.carrier.encode())] if span and span.carrier else []

    def placed(self, event: PageEvent, partition: int, offset: int) -> None:
        """See `PublishWatch.placed`."""
        if span := self._publishing.get(key_of_event(event)):
            span.note({"headwater.partition": partition, "headwater.offset": offset})
        if self._logs_pages:
            _log.info("page.published", **_names(event), partition=partition, offset=offset)

    def parked_at_intake(self, revision: Revision, pages: Sequence[tuple[PageId, str]]) -> None:
        """Intake parked pages, and that is on record."""
        for page, reason in pages:
            source = source_of(page)
            _log.warning(
                "page.parked", source=source, page_id=page, revision=revision, reason=reason
            )
            self._notify(_parked(page, revision, INTAKE, reason, _Origin()))

    # Consuming

    def took(self, event: PageEvent, record: Record) -> None:
        """See `Watch.took`."""
        parent = carrier_in(record.headers)
        self._remember(event, _Origin(parent, record.partition, record.offset))

    @contextlib.contextmanager
    def handling(self, event: PageEvent, generation: Generation) -> Iterator[None]:
        """See `Watch.handling`: every log line in it says of which event it speaks."""
        origin = self._origins.get(key_of_event(event), _Origin())
        names = _names(event) | {"generation": generation}
        if origin.offset is not None:
            names |= {"partition": origin.partition, "offset": origin.offset}
        if carrier := self.flights.of(event, generation).span.carrier:
            names["trace_id"] = carrier.split("-")[1]
        with structlog.contextvars.bound_contextvars(**names):
            yield

    def told(self, event: PageEvent, generation: Generation, outcome: Outcome | None) -> None:
        """`stream.handlers.Told`: the event has arrived, one way or the other."""
        flight = self.flights.arrived(event, generation)
        flight.span.note({"headwater.outcome": outcome.value if outcome else "parked"})
        flight.span.end()
        if outcome is not Outcome.APPLIED:
            return
        embedded = flight.texts_embedded
        if self._logs_pages:
            _log.info("page.indexed", kind=kind_of(event), texts_embedded=embedded)
        self._notify(_indexed(event, generation, embedded))

    def parked(self, generation: Generation, page: PageId, revision: Revision, reason: str) -> None:
        """A page was parked, and that is on record."""
        origin = self._origins.get((page, revision), _Origin())
        self._notify(_parked(page, revision, generation, reason, origin))

    def undecodable(self, record: Record, reason: str) -> None:
        """A record that is no event was kept, and that is on record."""
        value = record.value
        self._notify(
            RecordParked(
                topic=record.topic,
                partition=record.partition,
                offset=record.offset,
                key=record.key[:_MAX_KEY_BYTES] if record.key else record.key,
                value=value[:MAX_KEPT_BYTES] if value else value,
                size_bytes=len(value or b""),
                reason=reason[:_MAX_REASON_CHARS],
                parked_at=_now(),
            )
        )

    def _consuming(self, event: PageEvent, generation: Generation) -> Span:
        origin = self._origins.get(key_of_event(event), _Origin())
        facts = facts_of(event) | generation_fact(generation)
        if origin.partition is not None and origin.offset is not None:
            facts |= {"headwater.partition": origin.partition, "headwater.offset": origin.offset}
        return self.tracer.start(
            "page.consume", facts, parent=origin.parent, start_ns=origin.taken_ns
        )

    def _remember(self, event: PageEvent, origin: _Origin) -> None:
        key = key_of_event(event)
        self._origins[key] = origin
        self._origins.move_to_end(key)
        while len(self._origins) > REMEMBERED:
            self._origins.popitem(last=False)


def _names(event: PageEvent) -> dict[str, str | int | None]:
    source = source_of(event.page_id)
    return {"source": source, "page_id": event.page_id, "revision": event.revision}


def _indexed(event: PageEvent, generation: Generation, texts_embedded: int) -> PageIndexed:
    return PageIndexed(
        page_id=event.page_id,
        source=source_of(event.page_id),
        revision=event.revision,
        kind=kind_of(event),
        generation=generation,
        commit=event.commit,
        committed_at=event.committed_at,
        detected_at=event.detected_at,
        indexed_at=_now(),
        texts_embedded=texts_embedded,
    )


def _parked(
    page: PageId, revision: Revision, generation: Generation, reason: str, origin: _Origin
) -> PageParked:
    return PageParked(
        page_id=page,
        source=source_of(page),
        revision=revision,
        generation=generation,
        reason=reason[:_MAX_REASON_CHARS],
        parked_at=_now(),
        partition=origin.partition,
        offset=origin.offset,
    )
