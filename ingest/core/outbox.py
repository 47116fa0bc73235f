"""What one slice of changes puts on record, and what it sends."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from index.core.ledger import Publication, PublicationKind
from ingest.core.sync import Action, Change, Live, Refused, refusal_fingerprint
from ingest.core.tree import Head
from schemas.events import PageChanged, PageDeleted, PageEvent
from schemas.formats import Dialect, format_of
from schemas.ids import Revision, SourceName, page_id


@dataclass(frozen=True, slots=True)
class Stamp:
    """What every row and event of one sync carries."""

    source: SourceName
    revision: Revision
    head: Head
    detected_at: datetime
    dialect: Dialect


def publications_of(changes: Sequence[Change], stamp: Stamp) -> tuple[Publication, ...]:
    """The ledger rows of a slice; a resend repeats a row that is there already."""
    return tuple(
        _publication(change, stamp) for change in changes if change.action is not Action.RESEND
    )


def parked_of(changes: Sequence[Change]) -> tuple[tuple[str, str], ...]:
    """The pages of a slice that are parked at intake, with their reasons."""
    return tuple(
        (change.path, change.desired.reason)
        for change in changes
        if change.action is Action.PARK and isinstance(change.desired, Refused)
    )


def events_of(
    changes: Sequence[Change],
    texts: Mapping[str, str],
    stamp: Stamp,
    newest: Mapping[str, Publication],
) -> list[PageEvent]:
    """The events of a slice. `texts` holds the whole text of every page that is there."""
    events = (_event(change, texts, stamp, newest.get(change.path)) for change in changes)
    return [event for event in events if event is not None]


def _publication(change: Change, stamp: Stamp) -> Publication:
    fingerprint, blob, url = "", "", ""
    kind = PublicationKind.DELETED
    match change.desired:
        case Live() as live:
            kind, fingerprint, blob, url = (
                PublicationKind.CHANGED,
                live.fingerprint,
                live.blob,
                live.url,
            )
        case Refused() as refused:
            fingerprint, blob = refusal_fingerprint(refused), refused.blob
            kind = PublicationKind.PARKED if refused.keeps_last else PublicationKind.DELETED
    return Publication(
        change.path,
        stamp.revision,
        kind,
        fingerprint,
        blob,
        url,
        stamp.head.commit,
        stamp.head.committed_at,
        stamp.detected_at,
        change.moved_from,
        change.moved_to,
    )


def _event(
    change: Change, texts: Mapping[str, str], stamp: Stamp, row: Publication | None
) -> PageEvent | None:
    revision, commit, committed_at = stamp.revision, stamp.head.commit, stamp.head.committed_at
    if change.action is Action.RESEND and row is not None:
        revision, commit, committed_at = row.revision, row.commit, row.committed_at
    page = page_id(stamp.source, change.path)
    if isinstance(change.desired, Live):
        return PageChanged(
            page_id=page,
            revision=revision,
            url=change.desired.url,
            format=str(format_of(change.path)),
            dialect=str(stamp.dialect),
            text=texts[change.path],
            blob=change.desired.blob,
            commit=commit,
            committed_at=committed_at,
            moved_from=page_id(stamp.source, change.moved_from) if change.moved_from else None,
            detected_at=stamp.detected_at,
            rewrite=change.is_repair,
        )
    if isinstance(change.desired, Refused) and change.desired.keeps_last:
        return None
    return PageDeleted(
        page_id=page,
        revision=revision,
        commit=commit,
        committed_at=committed_at,
        moved_to=page_id(stamp.source, change.moved_to) if change.moved_to else None,
        detected_at=stamp.detected_at,
    )
