"""The ledger's values: what was published of a source, at which revision, and how far the index is."""

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from schemas.ids import PageId, Revision, SourceName


class PublicationKind(StrEnum):
    """What a publication says of its page."""

    CHANGED = "changed"
    DELETED = "deleted"
    PARKED = "parked"


@dataclass(frozen=True, slots=True)
class Publication:
    """One row of the ledger: page `path` as of `revision`.

    `fingerprint` is a digest of everything that shapes the page (text with its includes, URL, format, dialect; the
    reason, when parked). `moved_from` and `moved_to` are paths of the same source.
    """

    path: str
    revision: Revision
    kind: PublicationKind
    fingerprint: str
    blob: str
    url: str
    commit: str
    committed_at: datetime
    detected_at: datetime
    moved_from: str | None = None
    moved_to: str | None = None


@dataclass(frozen=True, slots=True)
class Claim:
    """What the file at `path` says of itself: the URL it asks for, and which other files it is made of.

    `is_slug` marks a URL that the file's own front matter asks for, which goes before any pattern.
    """

    path: str
    blob: str
    url: str
    is_slug: bool
    depends: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Announcement:
    """What one slice of a sync writes to the ledger before its events are sent.

    `claims` replace what was known of their paths; `gone` are paths that hold no file any more.
    """

    publications: tuple[Publication, ...] = ()
    claims: tuple[Claim, ...] = ()
    gone: tuple[str, ...] = ()
    parked: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class SourceState:
    """How far a source has been published; all of it up to `published_revision` is searchable or parked.

    `config_hash` is that of the last finished sync, "" before the first. `read_at` is the store's own time, before
    this was read; at `checked_at` the source had nothing that is not published.
    """

    source: SourceName
    revision: Revision
    published_revision: Revision
    published_commit: str | None
    config_hash: str
    read_at: datetime = field(compare=False)
    checked_at: datetime | None = field(compare=False, default=None)


@dataclass(frozen=True, slots=True)
class BehindPage:
    """A page whose newest publication a generation has neither applied nor parked."""

    page_id: PageId
    revision: Revision


@dataclass(frozen=True, slots=True)
class Delays:
    """How long a source's changes took until searchable, in seconds: median and 95th percentile of each clock.

    Processing counts from detection, freshness from the last sight of the old state; None where that is not known.
    """

    processing_p50: float | None
    processing_p95: float | None
    freshness_p50: float | None
    freshness_p95: float | None


@dataclass(frozen=True, slots=True)
class SourceStatus:
    """A source as `headwater status` shows it, in one generation.

    `revision` and `published_commit` are those up to which all was searchable or parked when a sync last finished.
    `behind` counts pages whose newest publication is neither applied nor parked here; of those, `overdue` counts
    the ones that the published revision says are: pages that a generation added since never received.
    """

    source: SourceName
    revision: Revision
    published_commit: str | None
    committed_at: datetime | None
    published_at: datetime | None
    checked_at: datetime | None
    pages: int
    chunks: int
    behind: int
    overdue: int
    parked: tuple[tuple[str, str], ...]
