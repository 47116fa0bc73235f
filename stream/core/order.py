"""In which order a batch of page events is applied."""

from collections.abc import Sequence

from schemas.events import PageDeleted, PageEvent

_FIRST_PART, _LARGEST_PART = 2, 16


def in_order(events: Sequence[PageEvent]) -> list[PageEvent]:
    """Deletions first, since a deletion is honoured as fast as an update; those of moves last; else as they came.

    A move's deletion waits for its target, which takes the old page away itself, so that a moved page is never missing.
    """
    return sorted(events, key=_rank)


def in_parts(events: Sequence[PageEvent]) -> list[Sequence[PageEvent]]:
    """Cut a batch into runs of 2, 4, 8 and then 16: embedding begins early, and soon with enough texts to be fast."""
    parts: list[Sequence[PageEvent]] = []
    start, size = 0, _FIRST_PART
    while start < len(events):
        parts.append(events[start : start + size])
        start, size = start + size, min(size * 2, _LARGEST_PART)
    return parts


def _rank(event: PageEvent) -> int:
    if not isinstance(event, PageDeleted):
        return 1
    return 0 if event.moved_to is None else 2
