"""Bringing the ledger and the index in step with a source: one sync, from its head to complete."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial

import structlog

from index.core.ledger import Announcement, Claim, Publication, SourceState
from ingest.core.layout import Layout
from ingest.core.look import Look, desired_of
from ingest.core.outbox import Stamp, events_of, parked_of, publications_of
from ingest.core.page_file import Examine
from ingest.core.ports import Ledger, Publish
from ingest.core.sync import SLICE_PAGES, Action, Change, Live, in_slices, plan_sync
from ingest.core.tree import Head, SourceReader
from ingest.handlers.look import look_at
from schemas.errors import BadSource, Fenced, StoreUnavailable, TransientError
from schemas.formats import Dialect
from schemas.ids import PageId, Revision, SourceName, page_id

_log = structlog.get_logger()

_RENEWED_EVERY_S = 15.0
_KEPT_CHARS = 16 * 2**20
"""So much text is kept between being compared and being sent; what comes after is read again."""


@dataclass(frozen=True, slots=True)
class Source:
    """A source to sync: its name, its layout, what reads it and what examines its pages."""

    name: SourceName
    layout: Layout
    reader: SourceReader
    examine: Examine

    def look_at(
        self, paths: Sequence[str], *, commit: str, dialect: Dialect
    ) -> AsyncIterator[tuple[str, Look | None]]:
        """See `ingest.handlers.look.look_at`."""
        return look_at(
            paths,
            layout=self.layout,
            reader=self.reader,
            commit=commit,
            dialect=dialect,
            examine=self.examine,
        )


@dataclass(frozen=True, slots=True)
class SyncReport:
    """What one sync did. `is_complete` is False when a newer hint ended it between two slices."""

    source: SourceName
    head: Head
    revision: Revision
    actions: Mapping[Action, int]
    is_complete: bool = True


async def _never(_source: SourceName) -> bool:
    return False


@dataclass(frozen=True, slots=True)
class Syncer:
    """What every sync works with. `is_hinted` tells that something newer than this sync's head is known; `is_overtaken`
    that waiting for its pages any longer would only keep the next sync from what there is to do now.

    `parked` hears which pages were parked at intake, with the reasons, once that is on record. `slice_pages` is how
    many pages are announced and sent together.
    """

    ledger: Ledger
    publish: Publish
    now: Callable[[], datetime]
    is_hinted: Callable[[SourceName], bool] = lambda _: False
    is_overtaken: Callable[[SourceName], Awaitable[bool]] = _never
    progress: Callable[[SourceName, int, int], None] = lambda *_: None
    parked: Callable[[Revision, Sequence[tuple[PageId, str]]], None] = lambda *_: None
    slice_pages: int = SLICE_PAGES


@dataclass(slots=True)
class _Round:
    """One sync on its way."""

    source: Source
    state: SourceState
    head: Head
    dialect: Dialect
    is_whole: bool
    looks: dict[str, Look | None] = field(default_factory=dict)
    kept_chars: int = 0
    broken: frozenset[str] = frozenset()

    def look_at(self, paths: Sequence[str]) -> AsyncIterator[tuple[str, Look | None]]:
        return self.source.look_at(paths, commit=self.head.commit, dialect=self.dialect)


async def sync_source(
    source: Source,
    syncer: Syncer,
    *,
    everything: bool = False,
    broken: Collection[str] = (),
    detected_at: datetime | None = None,
) -> SyncReport:
    """Publish whatever differs between the source's head and the ledger, and return once it is searchable or parked.

    `everything` compares every page, whatever the last sync said, and sends again what any generation lacks.
    Pages that are `broken` in the index, or were asked for, are published anew. What differs counts as detected at
    `detected_at`, or now. Raises: Fenced when a newer sync of the source takes over; Leased while another process
    syncs it; BadSource; SourceUnreachable.
    """
    detected_at = detected_at or syncer.now()
    state = await syncer.ledger.source(source.name)
    asked = await syncer.ledger.asked(source.name)
    broken = {*broken, *asked}
    head = await source.reader.head()
    dialect = await find_dialect(source, head.commit)
    config_hash = source.layout.config_hash(dialect)
    is_settled = state.revision == state.published_revision or not await syncer.ledger.unfinished(
        source.name
    )
    is_same_config = state.config_hash == config_hash
    if (
        not everything
        and not broken
        and is_settled
        and is_same_config
        and state.published_commit == head.commit
    ):
        await syncer.ledger.checked(source.name, state.read_at)
        return SyncReport(source.name, head, state.published_revision, {})
    round_ = _Round(source, state, head, dialect, everything or not is_same_config)
    touched = await _touched(round_, syncer.ledger)
    revision = await _begin(round_, config_hash, syncer.ledger)
    round_.broken = frozenset(broken)
    stamp = Stamp(source.name, revision, head, detected_at, dialect)
    async with _leasing(stamp, syncer.ledger):
        candidates = touched | await syncer.ledger.unfinished(source.name) | set(broken)
        changes, newest = await _compare(round_, candidates, syncer.ledger, everything=everything)
        is_complete = await _send(round_, changes, newest, stamp, syncer)
        if is_complete:
            await _finish(round_, stamp, syncer.ledger, everything=everything, answered=asked)
    return SyncReport(source.name, head, revision, _count(changes), is_complete)


async def preview_source(source: Source, ledger: Ledger) -> tuple[Head, list[Change]]:
    """What a sync would publish now; writes nothing but the source's mirror. Raises: BadSource, SourceUnreachable."""
    head = await source.reader.head()
    dialect = await find_dialect(source, head.commit)
    state = await ledger.source(source.name)
    is_same_config = state.config_hash == source.layout.config_hash(dialect)
    round_ = _Round(source, state, head, dialect, not is_same_config)
    candidates = await _touched(round_, ledger) | await ledger.unfinished(source.name)
    changes, _ = await _compare(round_, candidates, ledger, everything=False)
    return head, changes


async def _begin(round_: _Round, config_hash: str, ledger: Ledger) -> Revision:
    """Take a revision. What other syncs announced is read only after it, when they can announce no more."""
    name = round_.source.name
    revision = await ledger.begin(name, commit=round_.head.commit, config_hash=config_hash)
    if (await ledger.source(name)).published_revision != round_.state.published_revision:
        raise Fenced  # another sync has finished since the trees were compared
    return revision


@asynccontextmanager
async def _leasing(stamp: Stamp, ledger: Ledger) -> AsyncIterator[None]:
    """Say now and then that this sync goes on: comparing may take longer than a lease, and so may waiting."""

    async def renew() -> None:
        while True:
            await asyncio.sleep(_RENEWED_EVERY_S)
            with contextlib.suppress(TransientError, Fenced):
                await ledger.announce(stamp.source, stamp.revision, Announcement())

    task = asyncio.create_task(renew())
    try:
        yield
    finally:
        task.cancel()
        await asyncio.wait({task})


async def find_dialect(source: Source, commit: str) -> Dialect:
    """The Markdown dialect of a source at a commit: configured, or told by its generator's own files."""
    markers = source.layout.marker_paths()
    if source.layout.settings.dialect is not Dialect.AUTO:
        return source.layout.dialect(())
    return source.layout.dialect((await source.reader.read(commit, list(markers))).keys())


async def _touched(round_: _Round, ledger: Ledger) -> set[str]:
    """The page paths that may differ from the last finished sync: by the difference of two trees, or all there are."""
    source, layout = round_.source, round_.source.layout
    change = None
    if not round_.is_whole and round_.state.published_commit is not None:
        change = await source.reader.change(round_.state.published_commit, round_.head.commit)
    if change is not None:
        pages = {page for path in change.paths if (page := layout.page_path(path)) is not None}
        return pages | await ledger.dependents(source.name, change.paths)
    round_.is_whole = True
    return await _matched(round_) | set(await ledger.newest(source.name, None))


async def _matched(round_: _Round) -> set[str]:
    """Every page path of the head. Raises: BadSource when there is none, since that is hardly what anybody means."""
    source, layout = round_.source, round_.source.layout
    tree = await source.reader.tree(round_.head.commit, under=layout.root)
    pages = {page for path in tree if (page := layout.page_path(path)) is not None}
    if not pages:
        where = f"below {layout.root!r} " if layout.root else ""
        patterns = ", ".join(layout.settings.include)
        raise BadSource(
            source.name, f"no file {where}at {round_.head.commit[:12]} matches {patterns}"
        )
    return pages


async def _compare(
    round_: _Round, candidates: set[str], ledger: Ledger, *, everything: bool
) -> tuple[list[Change], Mapping[str, Publication]]:
    """Read the candidates and every page that has a URL which one of them has or had, and plan."""
    name = round_.source.name
    before = await ledger.claims(name, paths=candidates)
    await _look(round_, candidates)
    if all(look is None for look in round_.looks.values()) and round_.looks:
        await _matched(round_)
    urls = {claim.url for claim in (*before.values(), *_claims(round_).values())}
    await _look(round_, set(await ledger.claims(name, paths=(), urls=urls)) - candidates)
    desired = desired_of(round_.looks, _claims(round_), dialect=round_.dialect)
    newest = await ledger.newest(name, None if round_.is_whole else list(desired))
    behind = await ledger.behind(name, everything=everything)
    behind_paths = {page.page_id.split("/", 1)[1] for page in behind}
    changes = plan_sync(desired, newest, behind_paths, broken=round_.broken)
    return changes, newest


def _claims(round_: _Round) -> dict[str, Claim]:
    return {
        path: look.claim
        for path, look in round_.looks.items()
        if look is not None and look.claim is not None
    }


async def _look(round_: _Round, paths: set[str]) -> None:
    async for path, look in round_.look_at(sorted(paths)):
        round_.kept_chars += len(look.text or "") if look else 0
        is_over = round_.kept_chars > _KEPT_CHARS
        round_.looks[path] = look.without_text() if look and is_over else look


async def _send(
    round_: _Round,
    changes: Sequence[Change],
    newest: Mapping[str, Publication],
    stamp: Stamp,
    syncer: Syncer,
) -> bool:
    """Announce and publish slice by slice; False when something newer ended it.

    What the files say of themselves goes on record first, all of it at once: if this sync dies between two slices,
    the next one looks at every page again that this one looked at, those that wait for a URL to fall free included.
    """
    name = stamp.source
    await syncer.ledger.announce(name, stamp.revision, _claims_announced(round_.looks))
    sent = 0
    for batch in in_slices(changes, size=syncer.slice_pages):
        if sent and syncer.is_hinted(name):
            return False
        texts = await _texts(round_, batch)
        announcement = Announcement(publications_of(batch, stamp), parked=parked_of(batch))
        await syncer.ledger.announce(name, stamp.revision, announcement)
        syncer.parked(
            stamp.revision, [(page_id(name, path), why) for path, why in announcement.parked]
        )
        await syncer.publish(events_of(batch, texts, stamp, newest))
        sent += len(batch)
        syncer.progress(name, sent, len(changes))
    pages = [page_id(name, change.path) for change in changes]
    return await syncer.publish.settled(pages, partial(syncer.is_overtaken, name))


def _claims_announced(looks: Mapping[str, Look | None]) -> Announcement:
    return Announcement(
        claims=tuple(
            look.claim for look in looks.values() if look is not None and look.claim is not None
        ),
        gone=tuple(path for path, look in looks.items() if look is None or look.claim is None),
    )


async def _texts(round_: _Round, batch: Sequence[Change]) -> dict[str, str]:
    live = [change.path for change in batch if isinstance(change.desired, Live)]
    texts = {
        path: look.text
        for path in live
        if (look := round_.looks[path]) is not None and look.text is not None
    }
    async for path, look in round_.look_at([path for path in live if path not in texts]):
        if look is not None and look.text is not None:
            texts[path] = look.text
    if len(texts) < len(live):
        raise Fenced  # a followed folder has changed meanwhile: the next sync sees it whole
    return texts


async def _finish(
    round_: _Round,
    stamp: Stamp,
    ledger: Ledger,
    *,
    everything: bool,
    answered: Mapping[str, int],
) -> None:
    name, revision = stamp.source, stamp.revision
    behind = await ledger.behind(name, up_to=revision, everything=everything)
    if behind:
        if (await ledger.source(name)).revision != revision:
            raise Fenced  # what is behind is the newer sync's to bring
        raise StoreUnavailable(f"{len(behind)} pages of {name} are neither applied nor parked")
    reader, base, head = round_.source.reader, round_.state.published_commit, round_.head.commit
    lost = await reader.lost(base, head)
    covered = await reader.covered(None if lost is None else base, head)
    await ledger.finish(
        name,
        revision,
        commit=head,
        committed_at=round_.head.committed_at,
        covered=covered,
        lost=lost,
        checked_at=round_.state.read_at,
        answered=answered,
    )


def _count(changes: Sequence[Change]) -> dict[Action, int]:
    counts: dict[Action, int] = {}
    for change in changes:
        if change.moved_to is None:
            counts[change.action] = counts.get(change.action, 0) + 1
    return counts
