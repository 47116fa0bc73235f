"""In which order a batch of page events is applied."""

from collections.abc import Sequence

from schemas.events import PageDeleted, PageEvent


def in_order(events: Sequence[PageEvent]) -> list[PageEvent]:
    """Deletions first, since a deletion is honoured as fast as an update; those of moves last; else as they came.

    A move's deletion waits for its target, which takes the old page away itself, so that a moved page is never missing.
    """
    return sorted(events, key=_rank)


def _rank(event: PageEvent) -> int:
    if not isinstance(event, PageDeleted):
        return 1
    return 0 if event.moved_to is None else 2
