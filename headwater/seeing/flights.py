"""Which events are on their way, each with its span and the texts of its page."""

from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from headwater.seeing.tracing import Carrier, Span
from schemas.events import PageEvent
from schemas.ids import Generation, PageId, Revision

REMEMBERED = 2_048
"""Far more than are ever on their way at once."""

Key = tuple[PageId, Revision]


def key_of_event(event: PageEvent) -> Key:
    """What tells an event from others in one generation."""
    return event.page_id, event.revision


@dataclass(slots=True)
class Flight:
    """An event on its way into one generation."""

    span: Span
    texts: list[str] = field(default_factory=list)
    texts_embedded: int = 0


class Flights:
    """`begin` makes the span of one that is asked for the first time. Used by one event loop."""

    def __init__(self, begin: Callable[[PageEvent, Generation], Span]) -> None:
        self._begin = begin
        self._flights: OrderedDict[tuple[Key, Generation], Flight] = OrderedDict()
        self._by_text: dict[str, Flight] = {}

    def __len__(self) -> int:
        """How much is kept, texts included."""
        return len(self._flights) + len(self._by_text)

    def of(self, event: PageEvent, generation: Generation) -> Flight:
        """The event's way into a generation, which begins with the first that is asked of it."""
        key = (key_of_event(event), generation)
        if (flight := self._flights.get(key)) is None:
            flight = self._flights[key] = Flight(self._begin(event, generation))
            while len(self._flights) > REMEMBERED:
                self._forget(self._flights.popitem(last=False)[1])
        return flight

    def carrier_of(self, page: PageId, revision: Revision, generation: Generation) -> Carrier:
        """The span of an event on its way, as a parent."""
        flight = self._flights.get(((page, revision), generation))
        return flight.span.carrier if flight else ""

    def has_texts(self, event: PageEvent, generation: Generation, texts: Sequence[str]) -> None:
        """The page of an event is made of these texts."""
        flight = self.of(event, generation)
        flight.texts += texts
        self._by_text.update(dict.fromkeys(texts, flight))

    def with_texts(self, texts: Sequence[str]) -> list[Flight]:
        """Whose texts these are, each once, in the order of the texts."""
        found = (self._by_text.get(text) for text in texts)
        return list({id(flight): flight for flight in found if flight is not None}.values())

    def embedded(self, texts: Sequence[str]) -> None:
        """These texts have been embedded."""
        for text in texts:
            if flight := self._by_text.get(text):
                flight.texts_embedded += 1

    def arrived(self, event: PageEvent, generation: Generation) -> Flight:
        """It is over: nothing of it is kept. Returns: what was known of it."""
        flight = self.of(event, generation)
        self._flights.pop((key_of_event(event), generation), None)
        self._forget(flight)
        return flight

    def _forget(self, flight: Flight) -> None:
        for text in flight.texts:
            if self._by_text.get(text) is flight:
                del self._by_text[text]
