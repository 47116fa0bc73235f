"""What the index needs from outside: stores and readers, each with its promise."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from index.core.embedding import Embed
from index.core.generations import GenerationInfo
from index.core.pages import ReadPage
from index.core.plan import Outcome, PagePlan, StoredPage
from index.core.rank import Around, Candidate, Candidates, ChunkKey, QueryTerms, SourceAsOf
from schemas.events import PageChanged
from schemas.ids import Generation, PageId, Revision, SourceName, TextHash


class ReadEvent(Protocol):
    """Reads a page's text into sections and chunks, away from the event loop."""

    async def __call__(self, event: PageChanged) -> ReadPage:
        """Raises: UnreadablePage, ParseTimeout; ReaderUnavailable."""
        ...


class PageStore(Protocol):
    """Where generations keep their pages. Each method raises GenerationGone once its generation has been dropped."""

    async def page(self, generation: Generation, page_id: PageId) -> StoredPage | None:
        """The page's state as of now, tombstones included; None when it was never applied."""
        ...

    async def pages(
        self, generation: Generation, page_ids: Collection[PageId]
    ) -> Mapping[PageId, StoredPage]:
        """The same of several pages, in one state of the store; what was never applied is left out."""
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
class ByHand:
    """That a person promotes a generation: `is_pinned` where it is not what is configured, `is_forced` though it lacks
    something.
    """

    is_pinned: bool = False
    is_forced: bool = False


class GenerationStore(Protocol):
    """Which generations there are."""

    async def generations(self) -> Sequence[GenerationInfo]:
        """Every generation that receives changes, oldest first."""
        ...

    async def create(
        self, *, fingerprint: str, model: str, dim: int, is_by_hand: bool = False
    ) -> GenerationInfo:
        """Make a generation with empty tables, not live."""
        ...

    async def promote(
        self, generation: Generation, by_hand: ByHand | None = None
    ) -> Mapping[SourceName, int]:
        """Answer questions from this generation from now on, if it has all that the live one has, as new or newer.

        That is all that is said to be searchable or parked, too. One transaction makes the switch. By hand the former
        live one is kept and goes on receiving changes; else it is retired, and a pinned one stays live.
        Returns: how many pages it lacks, by source; nothing when it is live now. At most one is live.
        Raises: GenerationGone.
        """
        ...

    async def drop(self, generation: Generation) -> bool:
        """Remove a generation that is not live, tables and rows; False when there is none. Idempotent.

        Raises: WrongUse for the live one.
        """
        ...


class ParkStore(Protocol):
    """Where what could not be applied is kept in sight."""

    async def park(
        self, generation: Generation, page_id: PageId, revision: Revision, reason: str
    ) -> None:
        """Write one parked row. Idempotent. Raises: GenerationGone."""
        ...

    async def is_parked(self, generation: Generation, page_id: PageId, since: Revision) -> bool:
        """Whether the page was parked at `since` or later, in this generation or at intake."""
        ...


@dataclass(frozen=True, slots=True)
class QueryVector:
    """A question's vector, float32 of shape (dim,), made by the model of one generation (None: of none)."""

    values: NDArray[np.float32]
    generation: Generation | None


class SearchStore(Protocol):
    """Reads for questions; each call sees one state of the store."""

    async def candidates(
        self,
        *,
        vector: QueryVector | None,
        terms: QueryTerms,
        sources: Sequence[SourceName] | None,
        limit: int,
        paths: Sequence[str] = (),
    ) -> Candidates | None:
        """Both rankings and their texts, from the live generation in one snapshot.

        `vector` None leaves the vector leg out; `sources` None means every source, no `paths` every page, else those
        that match one of the patterns, see `index.core.paths`. At most `limit` chunks a leg, and no fewer if there are
        as many. Pinned sources are ranked apart from all others.
        None when the live generation is not, or not any more, the one that the vector is for: embed anew.
        """
        ...

    async def around(
        self, generation: Generation, chunks: Sequence[Candidate]
    ) -> Mapping[ChunkKey, Around]:
        """What stands in their sections before and after `chunks`, at most MAX_AROUND texts each way.

        A chunk whose page has changed since it was found has nothing, so that no answer mixes two states of a page.
        """
        ...


class CommitStore(Protocol):
    """Which commits are searchable; no call holds on to anything.

    A commit is searchable while what is published holds it: it is that commit, or goes on from it. A folder has no
    history, so it holds one state at a time.
    """

    async def published(self) -> Mapping[SourceName, Revision]:
        """The revision up to which each source is searchable. It grows with every sync that finishes."""
        ...

    async def covering(self, wanted: Mapping[SourceName, str]) -> Mapping[SourceName, int]:
        """How many commits begin so that are searchable: 0, 1, or 2 for several.

        Told by what syncs wrote down, so that it has an answer for a commit that the source itself does not know any
        more. A source that is not there is left out.
        """
        ...

    async def as_of(self, sources: Sequence[SourceName]) -> Mapping[SourceName, SourceAsOf]:
        """What an answer from some sources would reflect now."""
        ...


Applied = Mapping[Generation, Outcome]

__all__ = [
    "Applied",
    "ByHand",
    "CommitStore",
    "Embed",
    "GenerationInfo",
    "GenerationStore",
    "PageStore",
    "ParkStore",
    "QueryVector",
    "ReadEvent",
    "SearchStore",
]
