"""What the store shows of itself: whole pages, and the canonical dump that a rebuild must equal."""

from collections.abc import Mapping
from dataclasses import dataclass

from index.core.rank import SourceAsOf
from schemas.ids import SourceName, TextHash


@dataclass(frozen=True, slots=True)
class ShownSection:
    """A section with its own text as stored."""

    heading: str
    path: tuple[str, ...]
    anchor: str
    text: str


@dataclass(frozen=True, slots=True)
class ShownPage:
    """A live page with its sections in reading order."""

    source: SourceName
    path: str
    url: str
    title: str
    commit: str
    sections: tuple[ShownSection, ...]
    as_of: Mapping[SourceName, SourceAsOf]


@dataclass(frozen=True, slots=True)
class DumpedPage:
    """A page in the canonical dump: everything that must equal a rebuild; commits and vectors left out.

    `sections` are (heading path, anchor); `chunks` are (section ordinal, stored text, text hash), in reading order.
    """

    path: str
    url: str
    title: str
    sections: tuple[tuple[tuple[str, ...], str], ...]
    chunks: tuple[tuple[int, str, TextHash], ...]
