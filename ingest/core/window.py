"""How much of a source may be on its way to the index at once.

Whatever is on its way lies ahead of another source's deletion in the same partitions, so this is what a deletion waits
for. It is measured in pages, each of which takes a transaction, and in text, all of which is embedded.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from schemas.events import PageChanged, PageEvent


@dataclass(frozen=True, slots=True)
class Load:
    """Pages, and the characters of their texts."""

    pages: int
    chars: int

    def __add__(self, other: "Load") -> "Load":
        return Load(self.pages + other.pages, self.chars + other.chars)

    def fits(self, into: "Load") -> bool:
        """Whether it is no more than that in either measure."""
        return self.pages <= into.pages and self.chars <= into.chars


NOTHING = Load(0, 0)
WINDOW = Load(32, 256 * 1024)
"""What may be on its way: two pieces, so that a worker has the next one at hand when it is done with one."""
PIECE = Load(WINDOW.pages // 2, WINDOW.chars // 2)
"""What is sent together: some calls' worth of texts for an embedder."""


def load_of(events: Iterable[PageEvent]) -> Load:
    """What some events bring; a deletion has no text."""
    return sum((_load(event) for event in events), NOTHING)


def in_pieces(events: Sequence[PageEvent], *, size: Load = PIECE) -> Iterator[Sequence[PageEvent]]:
    """Cut events into runs that fit into `size`, in their order. A page of more text is a run of its own."""
    start, held = 0, NOTHING
    for at, event in enumerate(events):
        more = held + _load(event)
        if at > start and not more.fits(size):
            yield events[start:at]
            start, more = at, _load(event)
        held = more
    if start < len(events):
        yield events[start:]


def has_room(sent: Load, more: Load, *, window: Load = WINDOW) -> bool:
    """Whether `more` may follow what is on its way. When nothing is, anything may."""
    return not sent.pages or (sent + more).fits(window)


def _load(event: PageEvent) -> Load:
    return Load(1, len(event.text) if isinstance(event, PageChanged) else 0)
