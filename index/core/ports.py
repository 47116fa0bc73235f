"""What the index needs from outside: stores and readers, each with its promise."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from index.core.embedding import Embed
from index.core.pages import ReadPage
from index.core.plan import Outcome, PagePlan, StoredPage
from index.core.rank import Candidates, QueryTerms
from schemas.events import PageChanged
from schemas.ids import Generation, PageId, Revision, SourceName, TextHash


class ReadEvent(Protocol):
    """Reads a page's text into sections and chunks, away from the event loop."""

    async def __call__(self, event: PageChanged) -> ReadPage:
        """Raises: UnreadablePage, ParseTimeout; ReaderUnavailable."""
        ...


class PageStore(Protocol):
    """Where generations keep their pages."""

    async def page(self, generation: Generation, page_id: PageId) -> StoredPage | None:
        """The page's state as of now, tombstones included; None when it was never applied."""
        ...

    async def without_vector(
        self, generation: Generation, hashes: Sequence[TextHash]
    ) -> set[TextHash]:
        """Those of `hashes` that have no vector yet."""
        ...

    async def add_vectors(
        self, generation: Generation, hashes: Sequence[TextHash], vectors: NDArray[np.float32]
    ) -> None:
        """Commit vectors, float32 of shape (n, dim), L2-normalised; a hash that has one keeps it. Idempotent."""
        ...

    async def apply(self, generation: Generation, plan: PagePlan) -> Outcome:
        """Apply all of `plan` in one transaction or nothing.

        STALE when the stored revision is at or past the plan's; AGAIN when the page has moved on from
        `based_on` otherwise, or a vector it needs is gone.
        """
        ...


@dataclass(frozen=True, slots=True)
class GenerationInfo:
    """One whole index: what it was built with, and whether questions are answered from it."""

    generation: Generation
    fingerprint: str
    model: str
    dim: int
    is_live: bool


class GenerationStore(Protocol):
    """Which generations there are."""

    async def generations(self) -> Sequence[GenerationInfo]:
        """Every generation that receives changes, oldest first."""
        ...

    async def create(self, *, fingerprint: str, model: str, dim: int) -> GenerationInfo:
        """Make a generation with empty tables, not live."""
        ...

    async def promote(self, generation: Generation) -> Mapping[SourceName, int]:
        """Answer questions from this generation from now on, if it has all that the live one has, as new or newer.

        Returns: how many pages it lacks, by source; nothing when it is live now. At most one is live.
        """
        ...

    async def drop(self, generation: Generation) -> None:
        """Remove a generation that is not live, tables and rows. Idempotent."""
        ...


class ParkStore(Protocol):
    """Where what could not be applied is kept in sight."""

    async def park(
        self, generation: Generation, page_id: PageId, revision: Revision, reason: str
    ) -> None:
        """Write one parked row. Idempotent."""
        ...

    async def is_parked(self, generation: Generation, page_id: PageId, since: Revision) -> bool:
        """Whether the page was parked at `since` or later, in this generation or at intake."""
        ...


class SearchStore(Protocol):
    """Reads for questions; each call sees one state of the store."""

    async def candidates(
        self,
        *,
        vector: NDArray[np.float32] | None,
        terms: QueryTerms,
        sources: Sequence[SourceName] | None,
        limit: int,
    ) -> Candidates:
        """Both rankings and all their texts, from the live generation in one snapshot.

        `vector` None leaves the vector leg out; `sources` None means every source. At most `limit` chunks a leg.
        """
        ...


Applied = Mapping[Generation, Outcome]

__all__ = [
    "Applied",
    "Embed",
    "GenerationInfo",
    "GenerationStore",
    "PageStore",
    "ParkStore",
    "ReadEvent",
    "SearchStore",
]
