"""The store and the ledger in memory: the same promises, for tests; `failing` lets a test crash it at a commit."""

from collections import Counter
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime

import numpy as np
from numpy.typing import NDArray

from index.core.ledger import Announcement, BehindPage, Claim, Publication, SourceState
from index.core.plan import (
    ChunkWrite,
    Outcome,
    PageFacts,
    PagePlan,
    SectionWrite,
    StoredChunk,
    StoredPage,
)
from index.core.ports import GenerationInfo
from index.core.stored import DumpedPage
from schemas.errors import Fenced, WrongUse
from schemas.ids import (
    INTAKE,
    Generation,
    PageId,
    Revision,
    SourceName,
    TextHash,
    page_id,
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

    async def without_vector(
        self, generation: Generation, hashes: Sequence[TextHash]
    ) -> set[TextHash]:
        """See `PageStore.without_vector`."""
        return set(hashes) - self._vectors[generation].keys()

    async def add_vectors(
        self, generation: Generation, hashes: Sequence[TextHash], vectors: NDArray[np.float32]
    ) -> None:
        """See `PageStore.add_vectors`."""
        self._at("before vectors")
        for text_hash, vector in zip(hashes, vectors, strict=True):
            self._vectors[generation].setdefault(text_hash, vector)
        self._at("after vectors")

    async def apply(self, generation: Generation, plan: PagePlan) -> Outcome:
        """See `PageStore.apply`."""
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

    async def generations(self) -> Sequence[GenerationInfo]:
        """See `GenerationStore.generations`."""
        return list(self._generations.values())

    async def create(self, *, fingerprint: str, model: str, dim: int) -> GenerationInfo:
        """See `GenerationStore.create`."""
        self._newest = generation = Generation(self._newest + 1)
        self._pages[generation], self._vectors[generation] = {}, {}
        self._generations[generation] = GenerationInfo(generation, fingerprint, model, dim, False)
        return self._generations[generation]

    async def promote(self, generation: Generation) -> Mapping[SourceName, int]:
        """See `GenerationStore.promote`."""
        lacking = Counter(
            [
                source_of(page)
                for live in self._generations.values()
                if live.is_live and live.generation != generation
                for page, stored in self._pages[live.generation].items()
                if await self._lacks(generation, page, stored)
            ]
        )
        if lacking:
            return lacking
        live = replace(self._generations[generation], is_live=True)
        building = {key: info for key, info in self._generations.items() if not info.is_live}
        self._generations = dict(sorted((building | {generation: live}).items()))
        return {}

    async def _lacks(self, generation: Generation, page: PageId, live: _Page) -> bool:
        at = self._pages[generation].get(page)
        if (at is None and live.facts is None) or (at and at.revision >= live.revision):
            return False
        return not await self.is_parked(generation, page, live.revision)

    async def drop(self, generation: Generation) -> None:
        """See `GenerationStore.drop`."""
        info = self._generations.get(generation)
        if info is not None and info.is_live:
            raise WrongUse(f"generation {generation} is live")
        self._generations.pop(generation, None)
        self._pages.pop(generation, None)
        self._vectors.pop(generation, None)
        self.parked_rows = {
            key: reason for key, reason in self.parked_rows.items() if key[0] != generation
        }

    async def park(
        self, generation: Generation, page_id: PageId, revision: Revision, reason: str
    ) -> None:
        """See `ParkStore.park`."""
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


class MemoryLedger:
    """`ingest.core.ports.Ledger` in memory."""

    def __init__(self, index: MemoryIndex, at: At = lambda _: None) -> None:
        self._index = index
        self._at = at
        self._state: dict[SourceName, SourceState] = {}
        self._attempts: dict[tuple[SourceName, Revision], tuple[str, str]] = {}
        self._rows: dict[tuple[SourceName, str], list[Publication]] = {}
        self._claims: dict[tuple[SourceName, str], tuple[Revision, Claim | None]] = {}
        self.covered: dict[tuple[SourceName, str], Revision] = {}

    async def source(self, source: SourceName) -> SourceState:
        """See `Ledger.source`."""
        known = self._state.get(source)
        at = datetime.now(UTC)
        if known is None:
            return SourceState(source, Revision(0), Revision(0), None, "", at)
        return replace(known, read_at=at)

    async def begin(self, source: SourceName, *, commit: str, config_hash: str) -> Revision:
        """See `Ledger.begin`."""
        state = await self.source(source)
        revision = Revision(state.revision + 1)
        self._state[source] = replace(state, revision=revision)
        self._attempts[source, revision] = (commit, config_hash)
        return revision

    async def announce(
        self, source: SourceName, revision: Revision, announcement: Announcement
    ) -> None:
        """See `Ledger.announce`."""
        self._hold(source, revision)
        self._at("before announce")
        for row in announcement.publications:
            self._rows.setdefault((source, row.path), []).append(row)
        for claim in announcement.claims:
            self._claims[source, claim.path] = (revision, claim)
        for path in announcement.gone:
            self._claims[source, path] = (revision, None)
        for path, reason in announcement.parked:
            await self._index.park(INTAKE, page_id(source, path), revision, reason)
        self._at("after announce")

    async def finish(
        self,
        source: SourceName,
        revision: Revision,
        *,
        commit: str,
        committed_at: datetime,
        covered: Sequence[str],
        checked_at: datetime,
    ) -> None:
        """See `Ledger.finish`."""
        self._hold(source, revision)
        self._at("before finish")
        config_hash = self._attempts[source, revision][1]
        self._state[source] = SourceState(
            source, revision, revision, commit, config_hash, checked_at, checked_at
        )
        for seen in covered:
            self.covered.setdefault((source, seen), revision)
        self._at("after finish")

    async def checked(self, source: SourceName, at: datetime) -> None:
        """See `Ledger.checked`."""
        if known := self._state.get(source):
            self._state[source] = replace(known, checked_at=max(at, known.checked_at or at))

    async def newest(
        self, source: SourceName, paths: Collection[str] | None
    ) -> Mapping[str, Publication]:
        """See `Ledger.newest`."""
        return {
            path: max(rows, key=lambda row: row.revision)
            for (name, path), rows in self._rows.items()
            if name == source and (paths is None or path in paths)
        }

    def publications(self, source: SourceName, path: str) -> Sequence[Publication]:
        """Every row of a page, in the order written."""
        return tuple(self._rows.get((source, path), ()))

    async def unfinished(self, source: SourceName) -> frozenset[str]:
        """See `Ledger.unfinished`."""
        since = (await self.source(source)).published_revision
        rows = {
            path for path, row in (await self.newest(source, None)).items() if row.revision > since
        }
        claims = {
            path
            for (name, path), (rev, _) in self._claims.items()
            if name == source and rev > since
        }
        return frozenset(rows | claims)

    async def claims(
        self,
        source: SourceName,
        *,
        paths: Collection[str] | None = None,
        urls: Collection[str] = (),
    ) -> Mapping[str, Claim]:
        """See `Ledger.claims`."""
        everything = paths is None and not urls
        return {
            path: replace(claim, depends=frozenset())
            for (name, path), (_, claim) in self._claims.items()
            if name == source
            and claim is not None
            and (everything or path in (paths or ()) or claim.url in urls)
        }

    async def dependents(self, source: SourceName, targets: Collection[str]) -> frozenset[str]:
        """See `Ledger.dependents`."""
        return frozenset(
            path
            for (name, path), (_, claim) in self._claims.items()
            if name == source and claim is not None and claim.depends & frozenset(targets)
        )

    async def behind(
        self, source: SourceName, *, up_to: Revision | None = None, everything: bool = False
    ) -> Sequence[BehindPage]:
        """See `Ledger.behind`."""
        since = Revision(0) if everything else (await self.source(source)).published_revision
        found: list[BehindPage] = []
        for (name, path), rows in sorted(self._rows.items()):
            revisions = [
                row.revision
                for row in rows
                if row.revision > since and row.revision <= (up_to or row.revision)
            ]
            if (
                name == source
                and revisions
                and await self._is_behind(page_id(source, path), max(revisions))
            ):
                found.append(BehindPage(page_id(source, path), max(revisions)))
        return found

    async def _is_behind(self, page: PageId, revision: Revision) -> bool:
        parked = self._index.parked_rows
        return any(
            self._index.revision_of(info.generation, page) < revision
            and not any(
                key == page and generation in (INTAKE, info.generation) and at >= revision
                for generation, key, at in parked
            )
            for info in await self._index.generations()
        )

    def _hold(self, source: SourceName, revision: Revision) -> None:
        state = self._state.get(source)
        if state is None or state.revision != revision:
            raise Fenced
