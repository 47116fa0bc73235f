"""What a stream needs from outside, beside the index."""

from collections.abc import Collection, Mapping
from contextlib import AbstractContextManager, nullcontext
from typing import Protocol

from schemas.events import PageEvent
from schemas.ids import Generation, PageId, Revision, SourceName
from schemas.wire import Record


class RecordStore(Protocol):
    """Where records that are no event of ours are kept in sight, and what is known of those that are."""

    async def keep_undecodable(self, record: Record, reason: str) -> None:
        """Keep where it came from, why it is no event, and the first KiB of it. Idempotent."""
        ...

    async def revisions(self, sources: Collection[SourceName]) -> Mapping[SourceName, Revision]:
        """The newest revision of each, as of now; a source that intake has never begun to sync is left out.

        Intake takes a revision before it publishes anything with it: what was read before the record came is too old
        to judge it by.
        """
        ...

    async def newest(self, pages: Collection[PageId]) -> Mapping[PageId, Revision]:
        """The revision of each page's newest published event; a page that was never published is left out."""
        ...


class Watch(Protocol):
    """Looks on while events are consumed: it decides nothing, never waits and never raises."""

    def took(self, event: PageEvent, record: Record) -> None:
        """An event came in this record."""
        ...

    def handling(
        self, event: PageEvent, generation: Generation
    ) -> AbstractContextManager[None, bool | None]:
        """A block in which one event is brought into one generation, retries and all."""
        ...


class NobodyWatches:
    """A `Watch` that looks away."""

    def took(self, event: PageEvent, record: Record) -> None:
        """See `Watch.took`."""

    def handling(
        self, event: PageEvent, generation: Generation
    ) -> AbstractContextManager[None, bool | None]:
        """See `Watch.handling`."""
        return nullcontext()
