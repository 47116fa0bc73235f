"""Following sources: each is synced when something hints that it moved, and anyway every so often."""

import asyncio
import contextlib
import math
from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

import structlog
from watchdog.events import FileSystemEvent, FileSystemEventHandler
from watchdog.observers import Observer

from headwater.indexing import Progress, sync_until_complete
from headwater.metrics import Metrics
from headwater.prefill import prefill_source
from headwater.runtime import Runtime, utc_now
from headwater.seeing.tracing import Carrier, trace_sync
from headwater.statistics import Statistics
from index.core.plan import Outcome
from ingest.adapters.folder import FolderReader
from ingest.handlers.sync import Source, Syncer, SyncReport
from ingest.settings import SourceKind, SourceSettings
from schemas.errors import HeadwaterError, PermanentError, TransientError
from schemas.events import PageDeleted, PageEvent
from schemas.ids import INTAKE, Generation, SourceName, source_of

_log = structlog.get_logger()

_REMOTE_POLL_S, _PATH_POLL_S = 60.0, 2.0
_SETTLE_S = 0.02
_BACKOFF_CAP_S = 60.0
_ASKED_EVERY_S = 3.0


@dataclass(slots=True)
class Hint:
    """That a source may have moved, since when that is known, and the trace of whoever said so.

    A question that waits for a commit only asks: anybody may, so it breaks off nothing, and is heard every few seconds.
    """

    since: datetime | None = None
    trace: Carrier = ""
    _is_given: asyncio.Event = field(default_factory=asyncio.Event)
    _is_asked: asyncio.Event = field(default_factory=asyncio.Event)
    _heard_s: float = -math.inf

    def give(self) -> None:
        """Note a hint; the first of several counts."""
        self.since = self.since or utc_now()
        self._is_given.set()

    def ask(self) -> None:
        """Note that a question waits."""
        self._is_asked.set()

    def take(self) -> datetime | None:
        """Begin to serve it. Returns: since when it is known, None when there is none."""
        since, self.since = self.since, None
        self._is_given.clear()
        self._is_asked.clear()
        return since

    def is_given(self) -> bool:
        """Whether it waits to be served."""
        return self._is_given.is_set()

    async def wait(self, at_most_s: float | None = None) -> None:
        """Return once it is given, or after this time."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(at_most_s):
                await self._is_given.wait()

    async def pause(self, at_most_s: float) -> None:
        """Return once it is given, or after this time; where a question asks, as soon as one is heard again."""
        ends = {asyncio.create_task(self._is_given.wait()), asyncio.create_task(self._hear())}
        try:
            await asyncio.wait(ends, timeout=at_most_s, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for end in ends:
                end.cancel()

    async def _hear(self) -> None:
        await self._is_asked.wait()
        clock = asyncio.get_running_loop().time
        await asyncio.sleep(self._heard_s + _ASKED_EVERY_S - clock())
        self._heard_s = clock()


@dataclass(slots=True)
class Following:
    """Every followed source with its hint, and what the last sync of each came to.

    `is_ours` once this process follows them, and no other.
    """

    runtime: Runtime
    metrics: Metrics
    statistics: Statistics
    is_ours: bool = False
    hints: dict[SourceName, Hint] = field(default_factory=dict)
    troubles: dict[SourceName, HeadwaterError] = field(default_factory=dict)
    synced: dict[SourceName, bool] = field(default_factory=dict)
    receiving: dict[SourceName, set[Generation]] = field(default_factory=dict)

    def hint(self, source: SourceName) -> bool:
        """Say that a source may have moved; False for one that is not followed."""
        if source in self.hints:
            self.hints[source].give()
        return source in self.hints

    def ask(self, source: SourceName) -> None:
        """Say that a question waits for something newer of a source, if that is followed."""
        if source in self.hints:
            self.hints[source].ask()

    def told(self, event: PageEvent, _generation: Generation, outcome: Outcome | None) -> None:
        """`stream.handlers.Told`: measure what was applied."""
        if outcome is Outcome.APPLIED and event.detected_at is not None:
            kind = "deleted" if isinstance(event, PageDeleted) else "changed"
            seconds = (utc_now() - event.detected_at).total_seconds()
            source = source_of(event.page_id)
            self.metrics.processing_seconds.labels(source=source, kind=kind).observe(seconds)

    async def is_overtaken(self, source: SourceName) -> bool:
        """Whether a sync waits for pages that need more than it sends: a hint, or another generation since it began."""
        if self.hints[source].is_given():
            return True
        with contextlib.suppress(TransientError):
            return await _receiving(self) != self.receiving[source]
        return False

    async def ready(self) -> str | None:
        """A readiness check: every source was synced once and has no trouble."""
        waiting = [name for name, is_synced in self.synced.items() if not is_synced]
        if waiting:
            return f"first sync of {', '.join(waiting)} is under way"
        return "; ".join(f"{name}: {why}" for name, why in self.troubles.items()) or None


async def follow(
    source: Source, following: Following, *, filled: Collection[Generation], progress: Progress
) -> None:
    """Sync a source for ever: at once, at every hint, where a question asks, and after its polling time.

    The generations in `filled` have all of it; one that is there beside them is sent everything.
    """
    hint, syncer = following.hints[source.name], _syncer(following, progress)
    prefilled: set[Generation] = set()
    failures, since, trace = 0, None, ""
    while True:
        # What a sync left undone is known since the hint that it served, not since the next one.
        taken = hint.take()
        since = since or taken
        trace, hint.trace = trace or hint.trace, ""
        try:
            receiving = following.receiving[source.name] = await _receiving(following)
            everything = not receiving <= set(filled)
            await _prefill(source, following, receiving - {*filled, *prefilled})
            prefilled |= receiving
            report = await trace_sync(
                sync_until_complete(source, syncer, everything=everything, detected_at=since),
                source=source.name,
                hint=trace,
                tracer=following.runtime.watch.tracer,
            )
        except HeadwaterError as error:
            failures += 1
            following.metrics.syncs.labels(source=source.name, outcome="failed").inc()
            _note_trouble(source.name, error, following)
        except Exception as error:  # a bug that one source meets must not end the others
            failures += 1
            following.metrics.syncs.labels(source=source.name, outcome="failed").inc()
            _log.exception("source.failed", source=source.name)
            named = PermanentError(f"{type(error).__name__}: {error}")
            _note_trouble(source.name, named, following)
        else:
            if not report.is_complete:
                continue  # something came up meanwhile: what is left is compared anew, and sent after what is newer
            failures, filled, since, trace = 0, receiving, None, ""
            following.troubles.pop(source.name, None)
            following.metrics.source_trouble.labels(source=source.name).set(0)
            await _after_sync(report, following)
        # One that fails is left alone for a while, whoever asks.
        wait = hint.wait if failures else hint.pause
        await wait(_pause_s(source, failures))


def _syncer(following: Following, progress: Progress) -> Syncer:
    return Syncer(
        following.runtime.store.ledger,
        following.runtime.publish,
        utc_now,
        is_hinted=lambda name: following.hints[name].is_given(),
        is_overtaken=following.is_overtaken,
        progress=progress,
        parked=following.runtime.watch.parked_at_intake,
    )


async def _prefill(
    source: Source, following: Following, generations: Collection[Generation]
) -> None:
    """Each at most once: a hint ends it, and workers do what it leaves."""
    hint = following.hints[source.name]
    for generation in sorted(generations):
        await prefill_source(source, following.runtime, generation, until=hint.wait)


async def _after_sync(report: SyncReport, following: Following) -> None:
    name = report.source
    outcome = "published" if report.actions else "unchanged"
    following.metrics.syncs.labels(source=name, outcome=outcome).inc()
    if report.actions or not following.synced[name]:
        pages = sum(report.actions.values())
        _log.info(
            "source.synced",
            source=name,
            commit=report.head.commit,
            revision=report.revision,
            pages=pages,
        )
    following.statistics.note(name, sum(report.actions.values()))
    if not following.synced[name]:
        if report.actions:
            await following.statistics.refresh(name)
        else:  # those of the last process do to begin with
            following.statistics.renew(name)
    following.synced[name] = True
    await _measure(report, following)


async def _measure(report: SyncReport, following: Following) -> None:
    name = report.source
    # A figure that is missing must not hold up the next sync.
    with contextlib.suppress(HeadwaterError):
        if report.actions:
            generations, live = following.runtime.store.generations, await _live(following)
            for kind, seconds in await generations.freshness(live, name, report.revision):
                following.metrics.freshness_seconds.labels(source=name, kind=kind).observe(seconds)
    await measure_behind(name, following)


async def measure_behind(name: SourceName, following: Following) -> None:
    """Measure how far the index is behind what was published of a source, and what is parked of it."""
    with contextlib.suppress(HeadwaterError):
        behind = await following.runtime.store.ledger.behind(name)
        following.metrics.behind_pages.labels(source=name).set(len(behind))
        parked = await following.runtime.store.generations.parked(await _live(following))
        following.metrics.parked.labels(source=name).set(len(parked.get(name, {})))


async def _live(following: Following) -> Generation:
    known = await following.runtime.store.generations.generations()
    return next((info.generation for info in known if info.is_live), INTAKE)


async def _receiving(following: Following) -> set[Generation]:
    return {info.generation for info in await following.runtime.store.generations.generations()}


def _note_trouble(name: SourceName, error: HeadwaterError, following: Following) -> None:
    if str(following.troubles.get(name)) != str(error):
        _log.warning("source.trouble", source=name, reason=str(error))
    following.troubles[name] = error
    following.metrics.source_trouble.labels(source=name).set(1)
    if isinstance(error, PermanentError):
        following.synced[name] = (
            True  # what cannot be synced must not hold back the others' readiness
        )


def _pause_s(source: Source, failures: int) -> float:
    settings = source.layout.settings
    poll_s = settings.poll_s or (_PATH_POLL_S if _is_near(settings) else _REMOTE_POLL_S)
    return poll_s if not failures else min(_BACKOFF_CAP_S, 0.5 * 2.0 ** min(failures, 10))


def _is_near(settings: SourceSettings) -> bool:
    try:
        return settings.kind is SourceKind.FOLDER or Path(settings.location).expanduser().exists()
    except (OSError, RuntimeError, ValueError):  # no path at all, such as one of 300 letters
        return False


class FolderWatch:
    """Hints a folder source when a file in it is saved."""

    def __init__(self, reader: FolderReader, folder: Path, hint: Callable[[], object]) -> None:
        self._observer = Observer()
        self._observer.schedule(
            _Saved(reader, hint, asyncio.get_running_loop()), str(folder), recursive=True
        )

    def __enter__(self) -> None:
        self._observer.start()

    def __exit__(self, *_: object) -> None:
        self._observer.stop()
        self._observer.join(timeout=5)


class _Saved(FileSystemEventHandler):
    """Passes saves on to the event loop, a burst of them as one."""

    def __init__(
        self, reader: FolderReader, hint: Callable[[], object], loop: asyncio.AbstractEventLoop
    ) -> None:
        self._reader = reader
        self._hint = hint
        self._loop = loop
        self._pending: asyncio.TimerHandle | None = None

    def on_any_event(self, event: FileSystemEvent) -> None:
        """Called by watchdog, in its thread."""
        if event.event_type in ("opened", "closed_no_write"):
            return
        paths = [Path(str(path)) for path in (event.src_path, event.dest_path) if path]
        self._reader.touched(paths)
        with contextlib.suppress(RuntimeError):  # the loop has closed: nobody follows any more
            self._loop.call_soon_threadsafe(self._settle)

    def _settle(self) -> None:
        if self._pending is not None:
            self._pending.cancel()
        self._pending = self._loop.call_later(_SETTLE_S, self._hint)
