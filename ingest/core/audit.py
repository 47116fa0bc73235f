"""Comparing an index with a rebuild: pure, page by page."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from index.core.pages import ReadPage
from index.core.stored import DumpedPage


@dataclass(frozen=True, slots=True)
class Audit:
    """How an index differs from a rebuild: page paths, sorted. Pages in flight and parked ones are in none."""

    missing: tuple[str, ...]
    extra: tuple[str, ...]
    stale: tuple[str, ...]

    @property
    def is_equal(self) -> bool:
        """Whether nothing differs."""
        return not (self.missing or self.extra or self.stale)

    @property
    def broken(self) -> tuple[str, ...]:
        """Every page that differs."""
        return tuple(sorted({*self.missing, *self.extra, *self.stale}))


def compare(
    stored: Mapping[str, DumpedPage], rebuilt: Mapping[str, DumpedPage], *, excused: Sequence[str]
) -> Audit:
    """Compare both ways; pages in `excused` are behind or parked and not looked at."""
    left_out = frozenset(excused)
    have = stored.keys() - left_out
    want = rebuilt.keys() - left_out
    return Audit(
        missing=tuple(sorted(want - have)),
        extra=tuple(sorted(have - want)),
        stale=tuple(sorted(path for path in have & want if stored[path] != rebuilt[path])),
    )


def dump_of(path: str, url: str, page: ReadPage) -> DumpedPage:
    """The canonical dump of a page just read."""
    return DumpedPage(
        path,
        url,
        page.title,
        tuple((section.path, section.anchor) for section in page.sections),
        tuple((chunk.section, chunk.stored, chunk.text_hash) for chunk in page.chunks),
    )
