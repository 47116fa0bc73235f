"""What applying one event to one generation would change: decided here, carried out elsewhere."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from hashlib import sha256

import msgspec

from index.core.pages import ChunkTerms, ReadPage
from schemas.events import PageChanged, PageDeleted
from schemas.ids import PageId, Revision, TextHash


class Outcome(StrEnum):
    """What became of an event in one generation."""

    APPLIED = "applied"
    STALE = "stale"
    AGAIN = "again"


@dataclass(frozen=True, slots=True)
class StoredChunk:
    """A chunk row as stored: which section it belongs to, its text's hash and a digest of what is shown."""

    section: int
    text_hash: TextHash
    shown: bytes


@dataclass(frozen=True, slots=True)
class StoredPage:
    """What one generation holds of a page; sections are digests, both in reading order."""

    revision: Revision
    is_deleted: bool
    sections: tuple[bytes, ...] = ()
    chunks: tuple[StoredChunk, ...] = ()


@dataclass(frozen=True, slots=True)
class PageFacts:
    """What a page's own row says."""

    url: str
    title: str
    format: str
    blob: str
    commit: str
    committed_at: datetime


@dataclass(frozen=True, slots=True)
class SectionWrite:
    """A section whose content is new in this page, with the term counts of its chunks in order."""

    ordinal: int
    digest: bytes
    heading: str
    path: tuple[str, ...]
    anchor: str
    pieces: tuple[ChunkTerms, ...]


@dataclass(frozen=True, slots=True)
class ChunkWrite:
    """A chunk row to insert or replace."""

    ordinal: int
    section: int
    text: str
    text_hash: TextHash
    shown: bytes


@dataclass(frozen=True, slots=True)
class PagePlan:
    """All that one transaction does for a page.

    `based_on` is the stored revision this was planned against (None: no row). `kept` maps a stored section ordinal
    to its new one, for sections whose content stays. `facts` is None for a deletion. `moved_from` is tombstoned at
    the same revision in the same transaction.
    """

    page_id: PageId
    revision: Revision
    based_on: Revision | None
    facts: PageFacts | None = None
    kept: tuple[tuple[int, int], ...] = ()
    sections: tuple[SectionWrite, ...] = ()
    chunks: tuple[ChunkWrite, ...] = ()
    chunk_count: int = 0
    texts: tuple[tuple[TextHash, str], ...] = ()
    moved_from: PageId | None = None


def plan_page(event: PageChanged, page: ReadPage, stored: StoredPage | None) -> PagePlan | None:
    """Plan bringing the stored page to `event`'s; None when the store is at or past its revision."""
    if stored is not None and stored.revision >= event.revision:
        return None
    before = stored if stored and not event.rewrite else StoredPage(Revision(0), True)
    digests = section_digests(page)
    kept = _match(before.sections, digests)
    fresh = set(range(len(digests))) - {new for _, new in kept}
    return PagePlan(
        page_id=event.page_id,
        revision=event.revision,
        based_on=stored.revision if stored else None,
        facts=PageFacts(
            event.url, page.title, event.format, event.blob, event.commit, event.committed_at
        ),
        kept=kept,
        sections=tuple(_section_writes(page, digests, fresh)),
        chunks=_chunk_writes(page, before.chunks),
        chunk_count=len(page.chunks),
        texts=texts_of(page),
        moved_from=event.moved_from,
    )


def plan_deletion(event: PageDeleted, stored: StoredPage | None) -> PagePlan | None:
    """Plan a tombstone at `event`'s revision; None when the store is at or past it."""
    if stored is not None and stored.revision >= event.revision:
        return None
    return PagePlan(event.page_id, event.revision, stored.revision if stored else None)


def texts_of(page: ReadPage) -> tuple[tuple[TextHash, str], ...]:
    """The distinct texts that need a vector, in order of first use."""
    return tuple({chunk.text_hash: chunk.embedded for chunk in page.chunks}.items())


def section_digests(page: ReadPage) -> tuple[bytes, ...]:
    """A digest of everything a section's row and its terms hold, its place in the page left out."""
    return tuple(
        sha256(
            msgspec.msgpack.encode((section.heading, section.path, section.anchor, pieces))
        ).digest()
        for section, pieces in zip(page.sections, _pieces(page), strict=True)
    )


def shown_digest(text: str) -> bytes:
    """A digest of a chunk's shown body."""
    return sha256(text.encode()).digest()[:16]


def _pieces(page: ReadPage) -> list[list[ChunkTerms]]:
    """The terms of each section's chunks, in order."""
    pieces: list[list[ChunkTerms]] = [[] for _ in page.sections]
    for chunk, terms in zip(page.chunks, page.terms, strict=True):
        pieces[chunk.section].append(terms)
    return pieces


def _match(old: Sequence[bytes], new: Sequence[bytes]) -> tuple[tuple[int, int], ...]:
    """Pair equal digests, the n-th with the n-th, so that a section that only moved keeps its rows."""
    places: dict[bytes, list[int]] = {}
    for ordinal in range(len(old) - 1, -1, -1):
        places.setdefault(old[ordinal], []).append(ordinal)
    return tuple(
        (places[digest].pop(), ordinal) for ordinal, digest in enumerate(new) if places.get(digest)
    )


def _section_writes(
    page: ReadPage, digests: Sequence[bytes], fresh: set[int]
) -> list[SectionWrite]:
    pieces = _pieces(page)
    return [
        SectionWrite(
            ordinal,
            digests[ordinal],
            page.sections[ordinal].heading,
            page.sections[ordinal].path,
            page.sections[ordinal].anchor,
            tuple(pieces[ordinal]),
        )
        for ordinal in sorted(fresh)
    ]


def _chunk_writes(page: ReadPage, stored: Sequence[StoredChunk]) -> tuple[ChunkWrite, ...]:
    writes = [
        ChunkWrite(
            ordinal, chunk.section, chunk.stored, chunk.text_hash, shown_digest(chunk.stored)
        )
        for ordinal, chunk in enumerate(page.chunks)
    ]
    return tuple(
        write
        for write in writes
        if write.ordinal >= len(stored)
        or stored[write.ordinal] != StoredChunk(write.section, write.text_hash, write.shown)
    )
