"""What a stream needs from outside, beside the index."""

from collections.abc import Collection, Mapping
from typing import Protocol

from schemas.ids import PageId, Revision
from schemas.wire import Record


class RecordStore(Protocol):
    """Where records that are no event are kept in sight, and what is known of those that are."""

    async def keep_undecodable(self, record: Record, reason: str) -> None:
        """Keep where it came from, why it is no event, and the first KiB of it. Idempotent."""
        ...

    async def newest(self, pages: Collection[PageId]) -> Mapping[PageId, Revision]:
        """The revision of each page's newest published event; a page that was never published is left out."""
        ...
