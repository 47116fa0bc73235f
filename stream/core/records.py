"""What to do with the records of a batch before any page is touched."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from schemas.errors import UndecodableRecord
from schemas.events import PageEvent
from schemas.ids import PageId, Revision, SourceName, source_of
from schemas.wire import Record, decode_event

SKIP_ABOVE_LAG = 1_000
"""Records behind, per worker, above which an event is passed over when a newer one of its page is published."""


@dataclass(frozen=True, slots=True)
class SortedRecords:
    """A batch taken apart: what can be applied, and what is no event, with the reason."""

    decoded: tuple[tuple[Record, PageEvent], ...]
    undecodable: tuple[tuple[Record, UndecodableRecord], ...]

    @property
    def events(self) -> tuple[PageEvent, ...]:
        """What can be applied, as it came."""
        return tuple(event for _, event in self.decoded)

    @property
    def sources(self) -> frozenset[SourceName]:
        """Whose events they are."""
        return frozenset(source_of(event.page_id) for event in self.events)

    def without_strangers(self, known: Mapping[SourceName, Revision]) -> "SortedRecords":
        """The same with events that intake cannot have published among what is no event.

        Intake takes a source's revision before it publishes anything with it, so somebody else wrote these, or the
        database has gone back since. A page would never leave a revision that its source does not reach.
        """
        own: list[tuple[Record, PageEvent]] = []
        strange = list(self.undecodable)
        for record, event in self.decoded:
            reason = _strangeness(event, known)
            if reason is None:
                own.append((record, event))
            else:
                strange.append((record, UndecodableRecord(reason)))
        return SortedRecords(tuple(own), tuple(strange))


def _strangeness(event: PageEvent, known: Mapping[SourceName, Revision]) -> str | None:
    source = source_of(event.page_id)
    if source not in known:
        return f"no source is named {source[:200]!r}"
    if event.revision > known[source]:
        return f"{source[:200]!r} is at revision {known[source]}, before {event.revision}"
    return None


def sort_records(records: Iterable[Record]) -> SortedRecords:
    """Decode every record; one that is no event stands aside and holds up nobody."""
    decoded: list[tuple[Record, PageEvent]] = []
    undecodable: list[tuple[Record, UndecodableRecord]] = []
    for record in records:
        try:
            decoded.append((record, decode_event(record)))
        except UndecodableRecord as error:
            undecodable.append((record, error))
    return SortedRecords(tuple(decoded), tuple(undecodable))


def is_flooded(lag: int) -> bool:
    """Whether so much is waiting that superseded events are not worth a look.

    Below, every event is tried: a page saved every second still appears.
    """
    return lag > SKIP_ABOVE_LAG


def without_superseded(
    events: Sequence[PageEvent], newest: Mapping[PageId, Revision]
) -> list[PageEvent]:
    """The events that no newer published event replaces."""
    return [event for event in events if event.revision >= newest.get(event.page_id, 0)]
