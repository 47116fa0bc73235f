"""The rows of a planned page as columns, each an array of one type."""

from collections.abc import Mapping
from itertools import accumulate

from index.adapters.postgres.arrays import Bytes, Int4s, Texts
from index.core.pages import ChunkTerms
from index.core.plan import PagePlan


def page_rows(plan: PagePlan) -> Mapping[str, object]:
    """What `apply_page.sql` takes, by name."""
    moved = [(old, new) for old, new in plan.kept if old != new]
    chunks = plan.chunks
    return {
        "kept": Int4s(old for old, _ in plan.kept),
        "moved_old": Int4s(old for old, _ in moved),
        "moved_new": Int4s(new for _, new in moved),
        **_section_columns(plan),
        **_term_columns(plan),
        "chunk_ordinals": Int4s(chunk.ordinal for chunk in chunks),
        "chunk_sections": Int4s(chunk.section for chunk in chunks),
        "texts": Texts(chunk.text for chunk in chunks),
        "text_hashes": Bytes(chunk.text_hash for chunk in chunks),
        "shown": Bytes(chunk.shown for chunk in chunks),
    }


def _section_columns(plan: PagePlan) -> dict[str, object]:
    """Heading paths are of any length: they stand one after the other, each from its first place to its last."""
    sections = plan.sections
    lasts = list(accumulate(len(section.path) for section in sections))
    return {
        "section_ordinals": Int4s(section.ordinal for section in sections),
        "digests": Bytes(section.digest for section in sections),
        "headings": Texts(section.heading for section in sections),
        "heading_paths": Texts(heading for section in sections for heading in section.path),
        "path_firsts": Int4s(
            last - len(s.path) + 1 for last, s in zip(lasts, sections, strict=True)
        ),
        "path_lasts": Int4s(lasts),
        "anchors": Texts(section.anchor for section in sections),
    }


def _term_columns(plan: PagePlan) -> dict[str, object]:
    """Sections in their order count from 1, the pieces of each from 0."""
    pieces: list[tuple[int, int, ChunkTerms]] = [
        (place, number, piece)
        for place, section in enumerate(plan.sections, start=1)
        for number, piece in enumerate(section.pieces)
    ]
    counts = [count for _, _, piece in pieces for count in piece.counts]
    return {
        "terms": Texts(count.term for count in counts),
        "term_places": Int4s(place for place, _, piece in pieces for _ in piece.counts),
        "term_pieces": Int4s(number for _, number, piece in pieces for _ in piece.counts),
        "in_titles": Int4s(count.title for count in counts),
        "in_headings": Int4s(count.heading for count in counts),
        "in_paths": Int4s(count.path for count in counts),
        "in_bodies": Int4s(count.body for count in counts),
        "lengths": Int4s(piece.length for _, _, piece in pieces for _ in piece.counts),
    }
