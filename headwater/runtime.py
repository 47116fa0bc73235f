"""The one-machine runtime: every part of the pipeline in one process, opened and closed in order."""

import asyncio
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

from headwater.metering import Cost, MeteredEmbed
from headwater.models import Models, Say, model_hash_of
from headwater.seeing.watch import PageWatch
from headwater.seeing.watched import (
    WatchedPages,
    WatchedPark,
    WatchedPublish,
    WatchedRecords,
    watched_receiver,
)
from headwater.settings import Settings
from headwater.transport import KafkaTransport, LocalTransport, Transport, broker_of
from index.adapters.postgres.database import Database
from index.adapters.postgres.generations import PostgresGenerations
from index.adapters.postgres.ledger import PostgresLedger
from index.adapters.postgres.migrate import migrate
from index.adapters.postgres.pages import PostgresPages
from index.adapters.postgres.records import PostgresRecords
from index.adapters.postgres.search import PostgresSearch
from index.adapters.postgres.server import EmbeddedServer
from index.core.plan import Outcome
from index.core.ports import GenerationInfo
from index.core.rank import RankWeights
from index.handlers import Receiver, Searcher, search_index
from ingest.adapters.examining_child import ExaminingChild
from ingest.core.ports import Publish
from schemas.answers import SearchResponse
from schemas.errors import EmbedderUnavailable, HeadwaterError, WrongUse
from schemas.events import PageEvent
from schemas.ids import Generation, SourceName
from stream.handlers import Consumer, Told

_LEDGER_KEPT = timedelta(days=30)
_ORPHANS_KEPT = timedelta(days=7)
_ORPHAN_BATCH = 500
_NOTHING_YET = "nothing is indexed yet"


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

    @property
    def publish(self) -> Publish:
        """Where intake sends."""
        return WatchedPublish(self.transport.publish, self.watch)

    async def search(
        self, question: str, *, k: int, sources: Sequence[str] | None
    ) -> SearchResponse:
        """`api.core.ports.Search` over this process's index."""
        return await search_index(question, k=k, sources=sources, searcher=self.searcher)

    async def receivers(self) -> Sequence[Receiver]:
        """Every generation that receives changes, with the means it was built with."""
        return [
            watched_receiver(
                Receiver(
                    info.generation,
                    await self.models.reader(info.model),
                    MeteredEmbed(await self.models.indexer(info.model), self.cost),
                ),
                self.watch,
            )
            for info in await self.store.generations.generations()
        ]

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

        conninfo = settings.database.url or await asyncio.to_thread(embedded.start)
        await asyncio.to_thread(migrate, conninfo)
        database = Database(conninfo)
        stack.push_async_callback(database.close)
        await database.open()
        retrieval = settings.retrieval
        weights = RankWeights(
            lexical=retrieval.lexical, page=retrieval.page, per_page=retrieval.per_page
        )
        yield Store(
            database,
            revive,
            PostgresPages(database),
            PostgresLedger(database, owner=_owner(settings)),
            PostgresGenerations(database),
            PostgresSearch(database, weights=weights),
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
        retrieval = settings.retrieval
        weights = RankWeights(
            lexical=retrieval.lexical, page=retrieval.page, per_page=retrieval.per_page
        )
        embed_question = partial(_embed_question, models=models, store=store)
        searcher = Searcher(store.search, embed_question, weights, retrieval.candidates)
        yield Runtime(settings, store, models, transport, searcher, Cost(), examine, watch)


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


async def _embed_question(text: str, *, models: Models, store: Store) -> NDArray[np.float32]:
    """Embed with the model of the generation that answers, which may not be the configured one yet."""
    elsewhere = models.questions()
    if elsewhere is not None:
        info = live(await store.generations.generations(), EmbedderUnavailable(_NOTHING_YET))
        model_hash = model_hash_of(info.fingerprint)
        return await elsewhere.embed_query(text, model_hash=model_hash, dim=info.dim)
    configured = models.settings.embedding.model
    embedder = await models.embedder(configured)
    vector, known = await asyncio.gather(
        embedder.embed_query(text), store.generations.generations()
    )
    model = next((info.model for info in known if info.is_live), configured)
    return vector if model == configured else await (await models.embedder(model)).embed_query(text)


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


@dataclass(frozen=True, slots=True)
class Target:
    """The generation that syncs bring up: `is_new` while it is built beside the live one, or before a first load.

    Sources in `overdue` have pages that it never received, and which no change would bring.
    """

    generation: Generation
    is_new: bool
    overdue: frozenset[SourceName] = frozenset()


async def choose_generation(runtime: Runtime) -> Target:
    """Find the generation built with what is configured, or make it; drop what no longer serves.

    The first generation of an empty store is live from the start: it answers from what it has so far.
    """
    generations = runtime.store.generations
    for old in await generations.retired():
        await generations.drop(old)
    wanted = await runtime.models.fingerprint()
    known = await generations.generations()
    for info in known:
        if not info.is_live and info.fingerprint != wanted:
            await generations.drop(info.generation)
    match = next((info for info in known if info.fingerprint == wanted), None)
    if match is None:
        model = runtime.settings.embedding.model
        dim = (await runtime.models.info(model)).dim
        match = await generations.create(fingerprint=wanted, model=model, dim=dim)
        if not known:
            await generations.promote(match.generation)
    statuses = await generations.statuses(match.generation)
    overdue = frozenset(status.source for status in statuses if status.overdue)
    is_new = not match.is_live or not known
    return Target(match.generation, is_new, overdue)


async def prepare_generation(runtime: Runtime, target: Target) -> None:
    """Index the vectors of a generation that has been loaded. Idempotent."""
    await runtime.store.generations.build_vector_index(target.generation)
    if target.is_new:
        await runtime.store.generations.tune(target.generation)


async def promote_generation(runtime: Runtime, target: Target) -> str:
    """Answer from a generation if it has all that the live one has. Idempotent.

    Returns: what it lacks, in a line for a person; "" when it is live.
    """
    lacking = await runtime.store.generations.promote(target.generation)
    if not lacking:
        return ""
    pages = ", ".join(f"{count} pages of {name}" for name, count in sorted(lacking.items()))
    return f"the new index lacks {pages}: questions are answered from the old one until these sources are indexed too"


async def tidy(runtime: Runtime) -> None:
    """Remove vectors that nothing has used for a week, and what the ledger no longer needs. Idempotent."""
    generations = runtime.store.generations
    await generations.prune(age=_LEDGER_KEPT)
    for info in await generations.generations():
        await generations.collect(info.generation, grace=_ORPHANS_KEPT, batch=_ORPHAN_BATCH)


def live(
    generations: Sequence[GenerationInfo], missing: HeadwaterError | None = None
) -> GenerationInfo:
    """The generation that answers questions. Raises: `missing`, or WrongUse, before the first index."""
    for info in generations:
        if info.is_live:
            return info
    raise missing or WrongUse(f"{_NOTHING_YET}: run `headwater index` first")


def utc_now() -> datetime:
    """The clock of this process."""
    return datetime.now(UTC)
