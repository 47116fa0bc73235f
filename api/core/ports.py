"""What answering asks of the outside."""

from collections.abc import Awaitable, Callable, Sequence
from typing import Protocol

from schemas.answers import PageResponse, SearchResponse

PageAt = Callable[[str], Awaitable[PageResponse | None]]
"""The indexed page published at a URL that has no anchor, or None."""


class Search(Protocol):
    """Retrieval over the live index."""

    async def __call__(
        self, question: str, *, k: int, sources: Sequence[str] | None
    ) -> SearchResponse:
        """Find at most `k` chunks, best first, and the state they reflect, in one snapshot.

        `sources` None means all of them. Raises: UnknownSource, StoreUnavailable.
        """
        ...


class Meter(Protocol):
    """Counts what answering does; never fails and never waits."""

    def stage(self, name: str, seconds: float) -> None:
        """A stage of one query (`search`, `compose` or `total`) took this long."""
        ...

    def answered(self, *, route: str, refused: bool) -> None:
        """One answer left by `route`."""
        ...


class SilentMeter:
    """A meter for callers that count nothing."""

    def stage(self, name: str, seconds: float) -> None:
        """Forget it."""

    def answered(self, *, route: str, refused: bool) -> None:
        """Forget it."""
