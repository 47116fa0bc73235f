"""The one-machine runtime: every part of the pipeline in one process, opened and closed in order."""

import asyncio
import contextlib
import socket
import threading
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from headwater.console import stage
from headwater.metering import Cost, MeteredEmbed
from headwater.models import Models, Say, model_hash_of
from headwater.questions import QuestionEmbedder
from headwater.receiving import Receivers
from headwater.seeing.watch import PageWatch
from headwater.seeing.watched import (
    WatchedPages,
    WatchedPark,
    WatchedPublish,
    WatchedRecords,
    watched_receiver,
)
from headwater.settings import Settings, configured_steering
from headwater.transport import KafkaTransport, LocalTransport, Transport, broker_of
from index.adapters.postgres.database import Database
from index.adapters.postgres.generations import PostgresGenerations
from index.adapters.postgres.ledger import PostgresLedger
from index.adapters.postgres.migrate import migrate
from index.adapters.postgres.pages import PostgresPages
from index.adapters.postgres.records import PostgresRecords
from index.adapters.postgres.search import PostgresSearch
from index.adapters.postgres.server import EmbeddedServer
from index.core.embedding import Embed
from index.core.generations import Fingerprint, GenerationInfo
from index.core.plan import Outcome
from index.core.ports import ReadEvent
from index.handlers import Receiver, Searcher, Within, search_index
from index.settings import weights_of
from ingest.adapters.examining_child import ExaminingChild
from ingest.core.ports import Publish
from schemas.answers import SearchResponse
from schemas.errors import (
    GenerationGone,
    ModelChanged,
    WrongUse,
)
from schemas.events import PageEvent
from schemas.ids import Generation, SourceName
from stream.handlers import Consumer, Told

_LEDGER_KEPT = timedelta(days=30)
_ORPHANS_KEPT = timedelta(days=7)
_ORPHAN_BATCH = 500


@dataclass(frozen=True, slots=True)
class Store:
    """The database's adapters over one pool.

    `revive` starts an embedded server again that has died; a real server is somebody else's to start.
    """

    database: Database
    revive: Callable[[], Awaitable[None]]
    pages: PostgresPages
    ledger: PostgresLedger
    generations: PostgresGenerations
    search: PostgresSearch


@dataclass(frozen=True, slots=True)
class Runtime:
    """Everything open: `searcher` answers from the live generation, `prefilling` is held by one source at a time."""

    settings: Settings
    store: Store
    models: Models
    transport: Transport
    searcher: Searcher
    cost: Cost
    examine: ExaminingChild
    watch: PageWatch
    prefilling: asyncio.Lock = field(default_factory=asyncio.Lock)
    receiving: Receivers = field(init=False)

    def __post_init__(self) -> None:
        # What is published in this process is consumed here alone: a generation left out would be waited for.
        receiving = Receivers(self.open_receiver, is_patient=self.transport.is_local)
        object.__setattr__(self, "receiving", receiving)

    @property
    def publish(self) -> Publish:
        """Where intake sends."""
        return WatchedPublish(self.transport.publish, self.watch)

    async def search(
        self, question: str, *, k: int, sources: Sequence[str] | None, paths: Sequence[str] = ()
    ) -> SearchResponse:
        """`api.core.ports.Search` over this process's index."""
        within = Within(sources, paths)
        return await search_index(question, k=k, within=within, searcher=self.searcher)

    async def receivers(self) -> Sequence[Receiver]:
        """Every generation that receives changes, with the means it was built with; see `Receivers.of`."""
        return await self.receiving.of(await self.store.generations.generations())

    async def ready_to_index(self) -> None:
        """Have the model of the live generation at hand, or the configured one before there is any."""
        known = await self.store.generations.generations()
        info = next((info for info in known if info.is_live), None)
        if info is None:
            await self.models.indexer(self.settings.embedding.model)
        elif await self.models.is_unchanged(info):
            await self.models.indexer(info.model)

    async def unused_models(self) -> set[str]:
        """The models that a cluster holds for us and that no generation needs any more, nor the next one."""
        known = await self.store.generations.generations()
        names = {self.settings.embedding.model, *(info.model for info in known)}
        hashes = {model_hash_of(info.fingerprint) for info in known}
        return {
            model
            for model, pool in self.models.pools.items()
            if model not in names and pool.held.model_hash not in hashes
        }

    async def reader(self, info: GenerationInfo) -> ReadEvent:
        """What cuts pages as a generation was cut from the start."""
        built = Fingerprint.parse(info.fingerprint)
        return await self.models.reader(info.model, built.target_chars if built else None)

    async def open_receiver(self, info: GenerationInfo) -> Receiver:
        """What fills a generation. Raises: PermanentError where its model cannot be had, EmbedderUnavailable."""
        reader = await self.reader(info)
        embed: Embed = partial(_refuse_texts, info.model)
        if await self.models.is_unchanged(info):
            embed = await self.models.indexer(info.model)
        receiver = Receiver(info.generation, reader, MeteredEmbed(embed, self.cost))
        return watched_receiver(receiver, self.watch)

    async def questions_ready(self) -> str | None:
        """A readiness check of what embeds questions, where that is not this process."""
        elsewhere = self.models.questions()
        known = await self.store.generations.generations()
        info = next((info for info in known if info.is_live), None)
        if elsewhere is None or info is None:
            return None
        return await elsewhere.ready(model_hash_of(info.fingerprint))

    def consumer(self, told: Told) -> Consumer:
        """What `consume_batch` needs here."""

        def heard(event: PageEvent, generation: Generation, outcome: Outcome | None) -> None:
            self.watch.told(event, generation, outcome)
            told(event, generation, outcome)

        return Consumer(
            WatchedPages(self.store.pages, self.cost, self.watch),
            WatchedPark(self.store.generations, self.watch),
            self.receivers,
            heard,
            watch=self.watch,
        )


@asynccontextmanager
async def open_store(settings: Settings, say: Say) -> AsyncIterator[Store]:
    """The database, embedded or real, with its schema up to date. Raises: StoreUnavailable, WrongUse."""
    async with AsyncExitStack() as stack:
        embedded = _Embedded(Path(settings.home), say)
        stack.push_async_callback(asyncio.to_thread, embedded.close)

        async def revive() -> None:
            if not settings.database.url:
                await asyncio.to_thread(embedded.start)

        with stage(say, "opening the index"):
            conninfo = settings.database.url or await asyncio.to_thread(embedded.start)
            await asyncio.to_thread(migrate, conninfo)
            database = Database(conninfo)
            stack.push_async_callback(database.close)
            await database.open()
        weights = weights_of(settings.retrieval)
        yield Store(
            database,
            revive,
            PostgresPages(database),
            PostgresLedger(database, owner=_owner(settings)),
            PostgresGenerations(database),
            PostgresSearch(database, weights=weights, apart=configured_steering(settings).pinned),
        )


def _owner(settings: Settings) -> str:
    """Who syncs: one process at a time of this home, which its lock sees to."""
    return f"{socket.gethostname()}:{Path(settings.home).resolve()}"


@asynccontextmanager
async def open_runtime(
    settings: Settings,
    say: Say,
    *,
    env: Mapping[str, str] | None = None,
    answers: bool = True,
    watch: PageWatch | None = None,
) -> AsyncIterator[Runtime]:
    """The whole pipeline but its consumer, which `consuming` runs.

    `env` holds the secrets that the configuration names; None where nothing is published or consumed. Only where
    questions are answered is the model loaded before its first use. `watch` looks on, where anybody does.
    """
    watch = watch or PageWatch()
    async with AsyncExitStack() as stack:
        examine = ExaminingChild(timeout_s=settings.chunking.read_timeout_s)
        await stack.enter_async_context(examine)
        store = await stack.enter_async_context(open_store(settings, say))
        transport = _transport(settings, store, env, watch)
        stack.push_async_callback(transport.close)
        models = Models(settings, say, stack)
        if answers and not settings.ray.serve_url:
            await models.embedder(settings.embedding.model)
        weights = weights_of(settings.retrieval)
        embed_query = QuestionEmbedder(models, store.generations)
        caps = {SourceName(one.name): one.max_chunks for one in settings.source if one.max_chunks}
        steering = configured_steering(settings)
        searcher = Searcher(
            store.search, embed_query, weights, settings.retrieval.candidates, steering, caps
        )
        runtime = Runtime(settings, store, models, transport, searcher, Cost(), examine, watch)
        stack.push_async_callback(runtime.receiving.close)
        yield runtime


def _transport(
    settings: Settings, store: Store, env: Mapping[str, str] | None, watch: PageWatch
) -> Transport:
    if env is None or not settings.kafka.servers:
        return LocalTransport()
    records = WatchedRecords(PostgresRecords(store.database), watch)
    return KafkaTransport(broker_of(settings.kafka, env), store.ledger.pending, records, watch)


class _Embedded:
    """The embedded server as one process uses it: started, and started again when it has died."""

    def __init__(self, home: Path, say: Say) -> None:
        self._home = home
        self._say = say
        self._turn = (
            threading.Lock()
        )  # a start that nobody waits for any more is still closed after
        self._server: EmbeddedServer | None = None

    def start(self) -> str:
        """Returns: how to connect. Raises: StoreUnavailable, WrongUse."""
        with self._turn:
            before, self._server = self._server, EmbeddedServer.start(self._home, self._say)
            if before is not None:
                before.close()
            return self._server.address.conninfo

    def close(self) -> None:
        with self._turn:
            if self._server is not None:
                self._server.close()


async def _refuse_texts(model: str, _texts: Sequence[str]) -> NDArray[np.float32]:
    """Raises: ModelChanged. A page without new texts needs no model, and is still brought along."""
    raise ModelChanged(model)


@asynccontextmanager
async def consuming(runtime: Runtime, told: Told) -> AsyncIterator[None]:
    """Apply what is published in this process while the block runs; its failure ends the block, as a lost cluster does.

    What goes to a broker is consumed by workers.
    """
    if not runtime.transport.is_local:
        yield
        return
    stop = asyncio.Event()
    async with asyncio.TaskGroup() as group:
        group.create_task(runtime.transport.consume(runtime.consumer(told), stop))
        lost = group.create_task(runtime.models.end_when_lost())
        try:
            yield
        finally:
            stop.set()
            lost.cancel()


async def tidy(runtime: Runtime) -> None:
    """Remove vectors that nothing has used for a week, and what the ledger no longer needs. Idempotent."""
    generations = runtime.store.generations
    await generations.prune(age=_LEDGER_KEPT)
    for info in await generations.generations():
        with contextlib.suppress(GenerationGone):
            await generations.collect(info.generation, grace=_ORPHANS_KEPT, batch=_ORPHAN_BATCH)


def live(generations: Sequence[GenerationInfo]) -> GenerationInfo:
    """The generation that answers questions. Raises: WrongUse before the first index."""
    for info in generations:
        if info.is_live:
            return info
    raise WrongUse("nothing is indexed yet: run `headwater index` first")


def utc_now() -> datetime:
    """The clock of this process."""
    return datetime.now(UTC)
