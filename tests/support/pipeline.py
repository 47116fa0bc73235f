"""One machine's pipeline under a test's hand: it crashes, is suspended and restarted, and every commit is watched."""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

from headwater.adapters.local_log import LocalLog
from index.adapters.embed.hashed import HashedEmbedder
from index.core.ledger import Announcement, BehindPage, Claim, Publication, SourceState
from index.core.plan import Outcome, PagePlan, StoredPage
from index.core.ports import PageStore
from index.handlers import Receiver
from ingest.adapters.memory import MemoryReader
from ingest.core.layout import Layout
from ingest.core.ports import GiveUp, Ledger, Publish, never
from ingest.handlers.sync import Source, Syncer, SyncReport, sync_source
from ingest.settings import SourceSettings
from schemas.events import PageChanged, PageEvent
from schemas.ids import Generation, PageId, Revision, SourceName, TextHash
from stream.handlers import Consumer, consume_batch
from tests.support.reading import ReadHere, examine_here
from tests.support.shelves import Shelf

DIM = 8
NOW = datetime.fromisoformat("2026-01-01T00:00:00+00:00")
POINTS = ("announce", "vectors", "apply", "finish")

At = Callable[[str], Awaitable[None]]
Consume = Callable[[Sequence[PageEvent]], Awaitable[None]]


class Crash(BaseException):
    """The process ends here: no handler may catch it."""


class WatchedPages:
    """A `PageStore` that says when it is about to commit, and when it has; nobody watches while it does."""

    def __init__(self, store: PageStore, at: At, turn: asyncio.Lock) -> None:
        self._store, self._at, self._turn = store, at, turn

    async def page(self, generation: Generation, page_id: PageId) -> StoredPage | None:
        return await self._store.page(generation, page_id)

    async def pages(
        self, generation: Generation, page_ids: Collection[PageId]
    ) -> Mapping[PageId, StoredPage]:
        return await self._store.pages(generation, page_ids)

    async def without_vector(
        self, generation: Generation, hashes: Sequence[TextHash]
    ) -> set[TextHash]:
        return await self._store.without_vector(generation, hashes)

    async def add_vectors(
        self, generation: Generation, hashes: Sequence[TextHash], vectors: NDArray[np.float32]
    ) -> None:
        await self._at("before vectors")
        await self._store.add_vectors(generation, hashes, vectors)
        await self._at("after vectors")

    async def apply(self, generation: Generation, plan: PagePlan) -> Outcome:
        await self._at("before apply")
        async with self._turn:
            outcome = await self._store.apply(generation, plan)
        await self._at("after apply")
        return outcome


class WatchedLedger:
    """A `Ledger` that says when it is about to commit, and when it has."""

    def __init__(self, ledger: Ledger, at: At) -> None:
        self._ledger, self._at = ledger, at

    async def source(self, source: SourceName) -> SourceState:
        return await self._ledger.source(source)

    async def begin(self, source: SourceName, *, commit: str, config_hash: str) -> Revision:
        return await self._ledger.begin(source, commit=commit, config_hash=config_hash)

    async def announce(
        self, source: SourceName, revision: Revision, announcement: Announcement
    ) -> None:
        await self._at("before announce")
        await self._ledger.announce(source, revision, announcement)
        await self._at("after announce")

    async def finish(
        self,
        source: SourceName,
        revision: Revision,
        *,
        commit: str,
        committed_at: datetime,
        covered: Sequence[str],
        checked_at: datetime,
        lost: Sequence[str] | None = (),
        answered: Mapping[str, int] = MappingProxyType({}),
    ) -> None:
        await self._at("before finish")
        await self._ledger.finish(
            source,
            revision,
            commit=commit,
            committed_at=committed_at,
            covered=covered,
            checked_at=checked_at,
            lost=lost,
            answered=answered,
        )
        await self._at("after finish")

    async def asked(self, source: SourceName) -> Mapping[str, int]:
        return await self._ledger.asked(source)

    async def checked(self, source: SourceName, at: datetime) -> None:
        await self._ledger.checked(source, at)

    async def newest(
        self, source: SourceName, paths: Collection[str] | None
    ) -> Mapping[str, Publication]:
        return await self._ledger.newest(source, paths)

    async def unfinished(self, source: SourceName) -> frozenset[str]:
        return await self._ledger.unfinished(source)

    async def claims(
        self,
        source: SourceName,
        *,
        paths: Collection[str] | None = None,
        urls: Collection[str] = (),
    ) -> Mapping[str, Claim]:
        return await self._ledger.claims(source, paths=paths, urls=urls)

    async def dependents(self, source: SourceName, targets: Collection[str]) -> frozenset[str]:
        return await self._ledger.dependents(source, targets)

    async def behind(
        self, source: SourceName, *, up_to: Revision | None = None, everything: bool = False
    ) -> Sequence[BehindPage]:
        return await self._ledger.behind(source, up_to=up_to, everything=everything)


@dataclass(slots=True)
class Pipeline:
    """Syncs one source into a shelf. `sent` holds every event ever published.

    `watch` hears of every commit point, `tell` of every sending before it happens. `watch` must not raise: what
    consumes events would take that for a bug and park the page.
    """

    shelf: Shelf
    source: SourceName
    reader: MemoryReader
    settings: SourceSettings
    watch: At
    read: ReadHere = field(default_factory=ReadHere)
    tell: Callable[[Sequence[PageEvent]], None] = lambda _: None
    sent: list[PageEvent] = field(default_factory=list)
    slice_pages: int = 1
    _hint_in: int | None = None
    _crash_in: dict[str, int] = field(default_factory=dict)
    _turn: asyncio.Lock = field(default_factory=asyncio.Lock)

    def crash_at(self, point: str, after: int) -> None:
        """Crash when `point`, such as `before apply`, comes up for the (`after` + 1)th time."""
        self._crash_in = {point: after}

    def hint_after(self, slices: int) -> None:
        """Let the next sync hear of a newer commit after so many slices."""
        self._hint_in = slices

    async def sync(self, *, everything: bool = False) -> SyncReport:
        """One sync over the log of one process, from its start to its end."""
        log = LocalLog()
        running = asyncio.create_task(log.run(self.consume))
        try:
            return await self.sync_through(log, everything=everything)
        except RuntimeError as error:
            if isinstance(error.__cause__, Crash):
                raise error.__cause__ from error
            raise
        finally:
            self._crash_in, self._hint_in = {}, None
            running.cancel()
            with contextlib.suppress(asyncio.CancelledError, Crash):
                await running

    async def sync_through(self, publish: Publish, *, everything: bool = False) -> SyncReport:
        """One sync that publishes to `publish`."""
        source = Source(self.source, Layout.of(self.settings), self.reader, examine_here)
        syncer = Syncer(
            WatchedLedger(self.shelf.ledger, self._at),
            Recorded(publish, self),
            lambda: NOW,
            is_hinted=self._is_hinted,
            slice_pages=self.slice_pages,
        )
        return await sync_source(source, syncer, everything=everything)

    async def consume(self, events: Sequence[PageEvent]) -> None:
        """Bring events into every generation."""
        pages = WatchedPages(self.shelf.pages, self._at, self._turn)
        consumer = Consumer(
            pages, self.shelf.generations, self._receivers, lambda *_: None, target_wait_s=0.0
        )
        await consume_batch(events, consumer)

    async def add_generation(self) -> Generation:
        """Make a generation that receives changes from now on."""
        info = await self.shelf.generations.create(fingerprint="f", model="hashed", dim=DIM)
        return info.generation

    async def _receivers(self) -> Sequence[Receiver]:
        embed = HashedEmbedder(DIM)
        return [
            Receiver(info.generation, self.read, embed)
            for info in await self.shelf.generations.generations()
        ]

    def _is_hinted(self, _: SourceName) -> bool:
        if self._hint_in is not None:
            self._hint_in -= 1
        return self._hint_in == 0

    async def _at(self, point: str) -> None:
        async with self._turn:
            await self.watch(point)
            left = self._crash_in.get(point)
            if left is not None:
                self._crash_in[point] = left - 1
                if left == 0:
                    raise Crash(point)


class Recorded:
    """A `Publish` that notes what passes, and that the ledger knew of it before."""

    def __init__(self, publish: Publish, pipeline: Pipeline) -> None:
        self._publish, self._pipeline = publish, pipeline

    async def __call__(self, events: Sequence[PageEvent]) -> None:
        rows = await self._pipeline.shelf.rows(self._pipeline.source)
        known = set(rows.published)
        for event in events:
            path = event.page_id.split("/", 1)[1]
            assert (path, event.revision) in known, f"{path} was sent before it was on record"
        self._pipeline.sent += events
        self._pipeline.tell(events)
        await self._publish(events)

    async def settled(self, pages: Collection[PageId], given_up: GiveUp = never) -> bool:
        return await self._publish.settled(pages, given_up)


class UnrulyLog:
    """A `Publish` that holds everything back, then delivers it as `deliver` makes of it."""

    def __init__(
        self, consume: Consume, deliver: Callable[[list[PageEvent]], list[list[PageEvent]]]
    ) -> None:
        self._consume, self._deliver = consume, deliver
        self._waiting: list[PageEvent] = []

    async def __call__(self, events: Sequence[PageEvent]) -> None:
        self._waiting += events

    async def settled(self, pages: Collection[PageId], given_up: GiveUp = never) -> bool:
        waiting, self._waiting = self._waiting, []
        for batch in self._deliver(waiting):
            await self._consume(batch)
        return True


class StuckLog:
    """A `Publish` that stops at its n-th sending, before anything is delivered, until it is let go."""

    def __init__(self, consume: Consume, stop_at: int) -> None:
        self._consume, self._left = consume, stop_at
        self.is_stuck, self.may_go_on = asyncio.Event(), asyncio.Event()
        self.withheld: Sequence[PageEvent] = ()

    async def __call__(self, events: Sequence[PageEvent]) -> None:
        if self._left == 0:
            self.withheld = events
            self.is_stuck.set()
            await self.may_go_on.wait()
        self._left -= 1
        await self._consume(events)

    async def settled(self, pages: Collection[PageId], given_up: GiveUp = never) -> bool:
        """Everything is consumed as it is sent."""
        return True


def moves_of(events: Sequence[PageEvent]) -> list[tuple[str, str]]:
    """Old and new path of each move among `events`."""
    return [
        (event.moved_from.split("/", 1)[1], event.page_id.split("/", 1)[1])
        for event in events
        if isinstance(event, PageChanged) and event.moved_from is not None
    ]
