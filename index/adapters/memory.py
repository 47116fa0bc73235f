"""The store in memory: the same promises, for tests; `failing` lets a test crash it at a commit."""

from collections import Counter
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from index.core.plan import (
    ChunkWrite,
    Outcome,
    PageFacts,
    PagePlan,
    SectionWrite,
    StoredChunk,
    StoredPage,
)
from index.core.ports import ByHand, GenerationInfo
from index.core.stored import DumpedPage
from schemas.errors import GenerationGone, WrongUse
from schemas.ids import (
    INTAKE,
    Generation,
    PageId,
    Revision,
    SourceName,
    TextHash,
    path_of,
    source_of,
)

At = Callable[[str], None]
"""Called with the name of each commit point, before and after it; a test may raise there."""


@dataclass(slots=True)
class _Page:
    revision: Revision
    facts: PageFacts | None = None
    sections: list[SectionWrite] = field(default_factory=list)
    chunks: list[ChunkWrite] = field(default_factory=list)


class MemoryIndex:
    """`PageStore`, `GenerationStore` and `ParkStore` in memory."""

    def __init__(self, at: At = lambda _: None) -> None:
        self._at = at
        self._pages: dict[Generation, dict[PageId, _Page]] = {}
        self._vectors: dict[Generation, dict[TextHash, NDArray[np.float32]]] = {}
        self._generations: dict[Generation, GenerationInfo] = {}
        self._newest = Generation(0)
        self.parked_rows: dict[tuple[Generation, PageId, Revision], str] = {}

    async def page(self, generation: Generation, page_id: PageId) -> StoredPage | None:
        """See `PageStore.page`."""
        self._require(generation)
        page = self._pages[generation].get(page_id)
        if page is None:
            return None
        chunks = tuple(
            StoredChunk(chunk.section, chunk.text_hash, chunk.shown) for chunk in page.chunks
        )
        return StoredPage(
            page.revision,
            page.facts is None,
            tuple(section.digest for section in page.sections),
            chunks,
        )

    async def pages(
        self, generation: Generation, page_ids: Collection[PageId]
    ) -> Mapping[PageId, StoredPage]:
        """See `PageStore.pages`."""
        stored = {page_id: await self.page(generation, page_id) for page_id in page_ids}
        return {page_id: page for page_id, page in stored.items() if page is not None}

    async def without_vector(
        self, generation: Generation, hashes: Sequence[TextHash]
    ) -> set[TextHash]:
        """See `PageStore.without_vector`."""
        self._require(generation)
        return set(hashes) - self._vectors[generation].keys()

    async def add_vectors(
        self, generation: Generation, hashes: Sequence[TextHash], vectors: NDArray[np.float32]
    ) -> None:
        """See `PageStore.add_vectors`."""
        self._require(generation)
        self._at("before vectors")
        for text_hash, vector in zip(hashes, vectors, strict=True):
            self._vectors[generation].setdefault(text_hash, vector)
        self._at("after vectors")

    async def apply(self, generation: Generation, plan: PagePlan) -> Outcome:
        """See `PageStore.apply`."""
        self._require(generation)
        pages = self._pages[generation]
        stored = pages.get(plan.page_id)
        if stored is not None and stored.revision >= plan.revision:
            return Outcome.STALE
        if (stored.revision if stored else None) != plan.based_on:
            return Outcome.AGAIN
        if any(chunk.text_hash not in self._vectors[generation] for chunk in plan.chunks):
            return Outcome.AGAIN
        self._at("before apply")
        page = _planned(stored, plan)
        if plan.moved_from is not None:
            old = pages.get(plan.moved_from)
            if old is None or old.revision < plan.revision:
                pages[plan.moved_from] = _Page(plan.revision)
        pages[plan.page_id] = page
        self._at("after apply")
        return Outcome.APPLIED

    def _require(self, generation: Generation) -> None:
        if generation not in self._generations:
            raise GenerationGone(generation)

    async def generations(self) -> Sequence[GenerationInfo]:
        """See `GenerationStore.generations`."""
        return list(self._generations.values())

    async def create(
        self, *, fingerprint: str, model: str, dim: int, is_by_hand: bool = False
    ) -> GenerationInfo:
        """See `GenerationStore.create`."""
        self._newest = generation = Generation(self._newest + 1)
        self._pages[generation], self._vectors[generation] = {}, {}
        self._generations[generation] = GenerationInfo(
            generation, fingerprint, model, dim, False, is_by_hand=is_by_hand
        )
        return self._generations[generation]

    async def promote(
        self, generation: Generation, by_hand: ByHand | None = None
    ) -> Mapping[SourceName, int]:
        """See `GenerationStore.promote`; what is said to be searchable is the ledger's to know."""
        if generation not in self._generations:
            raise GenerationGone(generation)
        if by_hand is None and any(info.is_pinned for info in self._generations.values()):
            return {}
        lacking = Counter(
            [
                source_of(page)
                for live in self._generations.values()
                if live.is_live and live.generation != generation
                for page, stored in self._pages[live.generation].items()
                if await self._lacks(generation, page, stored)
            ]
        )
        if lacking and not (by_hand and by_hand.is_forced):
            return lacking
        known = {
            key: replace(info, is_live=False, is_kept=True, is_pinned=False)
            if info.is_live
            else info
            for key, info in self._generations.items()
            if by_hand is not None or not info.is_live or key == generation
        }
        is_pinned = by_hand is not None and by_hand.is_pinned
        known[generation] = replace(
            known[generation], is_live=True, is_kept=False, is_pinned=is_pinned
        )
        self._generations = known
        return {}

    async def _lacks(self, generation: Generation, page: PageId, live: _Page) -> bool:
        at = self._pages[generation].get(page)
        if (at is None and live.facts is None) or (at and at.revision >= live.revision):
            return False
        return not await self.is_parked(generation, page, live.revision)

    async def drop(self, generation: Generation) -> bool:
        """See `GenerationStore.drop`."""
        info = self._generations.get(generation)
        if info is None:
            return False
        if info.is_live:
            raise WrongUse(f"generation {generation} is live")
        del self._generations[generation]
        self._pages.pop(generation, None)
        self._vectors.pop(generation, None)
        self.parked_rows = {
            key: reason for key, reason in self.parked_rows.items() if key[0] != generation
        }
        return True

    async def park(
        self, generation: Generation, page_id: PageId, revision: Revision, reason: str
    ) -> None:
        """See `ParkStore.park`."""
        if generation != INTAKE:
            self._require(generation)
        self.parked_rows.setdefault((generation, page_id, revision), reason)

    async def is_parked(self, generation: Generation, page_id: PageId, since: Revision) -> bool:
        """See `ParkStore.is_parked`."""
        return any(
            page == page_id and where in (INTAKE, generation) and revision >= since
            for where, page, revision in self.parked_rows
        )

    async def dump(self, generation: Generation, source: SourceName) -> Mapping[str, DumpedPage]:
        """The canonical dump of one source, by path."""
        return {
            path_of(key): DumpedPage(
                path_of(key),
                page.facts.url,
                page.facts.title,
                tuple((section.path, section.anchor) for section in page.sections),
                tuple((chunk.section, chunk.text, chunk.text_hash) for chunk in page.chunks),
            )
            for key, page in sorted(self._pages[generation].items())
            if page.facts is not None and source_of(key) == source
        }

    def revision_of(self, generation: Generation, page: PageId) -> Revision:
        """The revision a page is at, 0 when never applied."""
        stored = self._pages[generation].get(page)
        return stored.revision if stored else Revision(0)


def _planned(stored: _Page | None, plan: PagePlan) -> _Page:
    before = stored or _Page(Revision(0))
    if plan.facts is None:
        return _Page(plan.revision)
    sections = {new: replace(before.sections[old], ordinal=new) for old, new in plan.kept}
    sections |= {section.ordinal: section for section in plan.sections}
    chunks = {chunk.ordinal: chunk for chunk in before.chunks[: plan.chunk_count]}
    chunks |= {chunk.ordinal: chunk for chunk in plan.chunks}
    return _Page(
        plan.revision,
        plan.facts,
        [sections[i] for i in sorted(sections)],
        [chunks[i] for i in sorted(chunks)],
    )
