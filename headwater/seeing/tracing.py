"""What a trace is to this program: spans that name their parent as a text which also crosses processes."""

import contextlib
from collections.abc import Awaitable, Iterator, Mapping, Sequence
from contextvars import ContextVar
from typing import Protocol

import structlog

from ingest.handlers.sync import SyncReport
from schemas.events import PageDeleted, PageEvent
from schemas.ids import Generation, SourceName, source_of

HEADER = "traceparent"
"""The header of a record, as W3C Trace Context names it."""
_MAX_CARRIER_CHARS = 55
_HEX = frozenset(b"0123456789abcdef-")

Carrier = str
"""A span as a `traceparent`; "" stands for none."""
Facts = Mapping[str, str | int]

_syncing: ContextVar[Carrier] = ContextVar("syncing", default="")


class Span(Protocol):
    """A piece of work on its way. One that is never ended is never sent."""

    @property
    def carrier(self) -> Carrier:
        """What names it as a parent; "" when nothing is traced."""
        ...

    def note(self, facts: Facts) -> None:
        """Add facts: names and numbers, never a document's text."""
        ...

    def end(self, failed: str = "") -> None:
        """It is over; `failed` names the kind of failure that ended it."""
        ...


class Tracer(Protocol):
    """Makes spans; never waits and never raises."""

    def start(
        self,
        name: str,
        facts: Facts,
        *,
        parent: Carrier = "",
        links: Sequence[Carrier] = (),
        start_ns: int | None = None,
    ) -> Span:
        """Begin a span, of a trace of its own when `parent` is none or no valid one."""
        ...


class NoSpan:
    """A span of nothing."""

    carrier: Carrier = ""

    def note(self, facts: Facts) -> None:
        """See `Span.note`."""

    def end(self, failed: str = "") -> None:
        """See `Span.end`."""


_NO_SPAN = NoSpan()


class NoTracer:
    """The `Tracer` of a process that sends no traces."""

    def start(
        self,
        name: str,
        facts: Facts,
        *,
        parent: Carrier = "",
        links: Sequence[Carrier] = (),
        start_ns: int | None = None,
    ) -> Span:
        """See `Tracer.start`."""
        return _NO_SPAN


def carrier_in(headers: Sequence[tuple[str, bytes]]) -> Carrier:
    """The trace that a record's headers name, if they do; anybody may have written them, so nothing else is read."""
    for name, value in headers:
        if name == HEADER:
            is_plain = value is not None and len(value) == _MAX_CARRIER_CHARS and set(value) <= _HEX
            return value.decode("ascii") if is_plain else ""
    return ""


def facts_of(event: PageEvent) -> dict[str, str | int]:
    """What every span about an event says."""
    return {
        "headwater.source": source_of(event.page_id),
        "headwater.page": event.page_id,
        "headwater.revision": event.revision,
        "headwater.kind": kind_of(event),
    }


def kind_of(event: PageEvent) -> str:
    """Whether a page was changed or deleted."""
    return "deleted" if isinstance(event, PageDeleted) else "changed"


@contextlib.contextmanager
def spanning(span: Span) -> Iterator[Span]:
    """End a span with the block, and say how it failed if it did."""
    try:
        yield span
    except BaseException as error:
        span.end(failed=type(error).__name__)
        raise
    span.end()


def syncing() -> Carrier:
    """The sync that what is published now belongs to."""
    return _syncing.get()


async def trace_sync(
    sync: Awaitable[SyncReport], *, source: SourceName, hint: Carrier, tracer: Tracer
) -> SyncReport:
    """Await a sync under a span of its own, and have every log line of it name the source.

    A sync that found nothing leaves no trace unless something had hinted at it: a source is looked at for ever.
    """
    span = tracer.start("sync", {"headwater.source": source}, parent=hint)
    token = _syncing.set(span.carrier)
    try:
        with structlog.contextvars.bound_contextvars(source=source):
            report = await sync
    except BaseException as error:
        span.end(failed=type(error).__name__)
        raise
    finally:
        _syncing.reset(token)
    if report.actions or hint:
        pages = sum(report.actions.values())
        span.note({"headwater.revision": report.revision, "headwater.pages": pages})
        span.note({"headwater.commit": report.head.commit})
        span.end()
    return report


def generation_fact(generation: Generation) -> dict[str, str | int]:
    """The generation as a span says it."""
    return {"headwater.generation": generation}
