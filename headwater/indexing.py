"""Bringing the index in step with sources: one-off, as `headwater index` does, and inside `headwater up`."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Collection
from contextlib import asynccontextmanager
from datetime import datetime
from pathlib import Path

import msgspec
import structlog

from headwater.generations import Target
from headwater.metering import Cost
from headwater.prefill import prefill_source
from headwater.runtime import Runtime, Store, utc_now
from headwater.statistics import Statistics
from index.core.ledger import SourceStatus
from index.core.plan import Outcome
from ingest.adapters.examining_child import ExaminingChild
from ingest.adapters.folder import FolderReader
from ingest.adapters.git import GitReader
from ingest.core.layout import Layout
from ingest.core.sync import Action
from ingest.core.tree import SourceReader
from ingest.handlers.sync import Source, Syncer, SyncReport, sync_source
from ingest.settings import SourceKind, SourceSettings
from schemas.errors import Fenced, Leased, StoreUnavailable
from schemas.events import PageEvent
from schemas.ids import Generation, SourceName

_log = structlog.get_logger()

Progress = Callable[[SourceName, int, int], None]
"""Hears how many of a sync's pages have been sent, and of how many."""

_FENCED_TRIES = 20
_FENCED_WAIT_S = 0.1
_LEASED_WAIT_S = 1.0


class PageCounts(msgspec.Struct, frozen=True, kw_only=True):
    """What became of a source's pages."""

    added: int
    changed: int
    moved: int
    deleted: int
    unchanged: int
    parked: int


class ChunkCounts(msgspec.Struct, frozen=True, kw_only=True):
    """A source's chunks: all there are, and how many were written now."""

    total: int
    new: int


class Seconds(msgspec.Struct, frozen=True, kw_only=True):
    """Where the time went."""

    total: float
    embed: float
    write: float


class IndexReport(msgspec.Struct, frozen=True, kw_only=True):
    """What `headwater index` prints of one source.

    `texts_embedded` is None where another process did the work.
    """

    source: str
    commit: str
    revision: int
    pages: PageCounts
    chunks: ChunkCounts
    texts_embedded: int | None
    seconds: Seconds


def ignore(_event: PageEvent, _generation: Generation, _outcome: Outcome | None) -> None:
    """`stream.handlers.Told`, for who reads the outcome from the store."""


@asynccontextmanager
async def open_source(
    settings: SourceSettings, home: Path, examine: ExaminingChild
) -> AsyncIterator[Source]:
    """A source ready to sync. Raises: BadConfiguration, BadSource."""
    reader = _reader(settings, home)
    await examine.child.prepare()  # it starts while the source is read
    try:
        yield Source(SourceName(settings.name), Layout.of(settings), reader, examine)
    finally:
        await reader.close()


def _reader(settings: SourceSettings, home: Path) -> SourceReader:
    match settings.kind:
        case SourceKind.GIT:
            mirror = home / "mirrors" / f"{settings.name}.git"
            return GitReader(
                settings.location, ref=settings.ref or None, mirror=mirror, name=settings.name
            )
        case SourceKind.FOLDER:
            return FolderReader(Path(settings.location), settings.name)


async def index_source(
    source: Source, runtime: Runtime, target: Target, *, progress: Progress
) -> IndexReport:
    """Sync one source and wait until it is searchable or parked."""
    start_s, before = time.perf_counter(), runtime.cost.copy()
    syncer = Syncer(runtime.store.ledger, runtime.publish, utc_now, progress=progress)
    everything = target.is_new or source.name in target.overdue
    if everything:
        await prefill_source(source, runtime, target.generation)
    report = await sync_until_complete(source, syncer, everything=everything)
    if report.actions or target.is_new:
        await Statistics(runtime.store.generations).refresh(source.name)
    cost = runtime.cost.since(before)
    status = await status_of(runtime.store, source.name, target.generation)
    if status is None:
        raise StoreUnavailable(f"{source.name} was indexed and is not in the store")
    return _report(report, status, cost, time.perf_counter() - start_s)


async def sync_until_complete(
    source: Source,
    syncer: Syncer,
    *,
    everything: bool = False,
    broken: Collection[str] = (),
    detected_at: datetime | None = None,
) -> SyncReport:
    """Sync, and begin anew when another sync was in the way. `detected_at` is when it was hinted at, if it was.

    The report is incomplete only where a syncer is hinted: whoever hears the hints begins again.
    """
    fenced = 0
    while True:
        try:
            return await sync_source(
                source, syncer, everything=everything, broken=broken, detected_at=detected_at
            )
        except Leased as error:
            _log.info("source.leased", source=source.name, owner=error.owner)
            await asyncio.sleep(_LEASED_WAIT_S)
        except Fenced:
            fenced += 1
            if fenced > _FENCED_TRIES:
                raise
            await asyncio.sleep(_FENCED_WAIT_S)


async def status_of(
    store: Store, source: SourceName, generation: Generation | None = None
) -> SourceStatus | None:
    """How far a source is in a generation, the live one if none is named; None for a source never heard of."""
    if generation is None:
        known = await store.generations.generations()
        generation = next((info.generation for info in known if info.is_live), None)
    if generation is None:
        return None
    statuses = await store.generations.statuses(generation)
    return next((status for status in statuses if status.source == source), None)


def _report(report: SyncReport, status: SourceStatus, cost: Cost, total_s: float) -> IndexReport:
    counts = {action: report.actions.get(action, 0) for action in Action}
    written = counts[Action.ADD] + counts[Action.CHANGE] + counts[Action.MOVE]
    return IndexReport(
        source=report.source,
        commit=report.head.commit,
        revision=report.revision,
        pages=PageCounts(
            added=counts[Action.ADD],
            changed=counts[Action.CHANGE],
            moved=counts[Action.MOVE],
            deleted=counts[Action.DELETE],
            unchanged=max(0, status.pages - written),
            parked=len(status.parked),
        ),
        chunks=ChunkCounts(total=status.chunks, new=cost.chunks_written),
        texts_embedded=cost.texts_embedded,
        seconds=Seconds(
            total=round(total_s, 3), embed=round(cost.embed_s, 3), write=round(cost.write_s, 3)
        ),
    )
