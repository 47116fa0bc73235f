"""What to do with the records of a batch before any page is touched."""

from collections.abc import Collection, Iterable, Mapping, Sequence
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

    def without_strangers(self, known: Collection[SourceName]) -> "SortedRecords":
        """The same with events of sources not `known` among what is no event.

        Intake knows a source before it publishes anything of it: somebody else wrote these.
        """
        own = [entry for entry in self.decoded if source_of(entry[1].page_id) in known]
        strange = [
            (record, UndecodableRecord(f"no source is named {source_of(event.page_id)[:200]!r}"))
            for record, event in self.decoded
            if source_of(event.page_id) not in known
        ]
        return SortedRecords(tuple(own), (*self.undecodable, *strange))


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
