"""What to do with the records of a batch before any page is touched."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from schemas.errors import UndecodableRecord
from schemas.events import PageEvent
from schemas.ids import PageId, Revision
from schemas.wire import Record, decode_event

SKIP_ABOVE_LAG = 1_000
"""Records behind, per worker, above which an event is passed over when a newer one of its page is published."""


@dataclass(frozen=True, slots=True)
class SortedRecords:
    """A batch taken apart: what can be applied, and what is no event, with the reason.

    `origins` are the records of `events`, in the same order.
    """

    events: tuple[PageEvent, ...]
    origins: tuple[Record, ...]
    undecodable: tuple[tuple[Record, UndecodableRecord], ...]


def sort_records(records: Iterable[Record]) -> SortedRecords:
    """Decode every record; one that is no event stands aside and holds up nobody."""
    events: list[PageEvent] = []
    origins: list[Record] = []
    undecodable: list[tuple[Record, UndecodableRecord]] = []
    for record in records:
        try:
            events.append(decode_event(record))
        except UndecodableRecord as error:
            undecodable.append((record, error))
        else:
            origins.append(record)
    return SortedRecords(tuple(events), tuple(origins), tuple(undecodable))


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
