"""The one-machine runtime: every part of the pipeline in one process, opened and closed in order."""

import asyncio
import contextlib
import socket
import threading
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from headwater.adapters.local_log import LocalLog
from headwater.metering import Cost, MeteredEmbed, MeteredPages
from headwater.settings import Settings
from index.adapters.embed.embedder import Embedder
from index.adapters.embed.models import tokenizer_file
from index.adapters.embed.prepare import prepare_embedder
from index.adapters.postgres.database import Database
from index.adapters.postgres.generations import PostgresGenerations
from index.adapters.postgres.ledger import PostgresLedger
from index.adapters.postgres.migrate import migrate
from index.adapters.postgres.pages import PostgresPages
from index.adapters.postgres.search import PostgresSearch
from index.adapters.postgres.server import EmbeddedServer
from index.adapters.reading_pool import ReadingPool
from index.core.chunks import ChunkLimits
from index.core.pages import CHUNKER, PARSER
from index.core.ports import GenerationInfo
from index.core.rank import RankWeights
from index.handlers import Receiver, Searcher, search_index
from ingest.adapters.examining_child import ExaminingChild
from schemas.answers import SearchResponse
from schemas.errors import WrongUse
from schemas.ids import Generation, SourceName
from stream.handlers import Consumer, Told, consume_batch

Say = Callable[[str], None]

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


@dataclass(slots=True)
class Models:
    """Embedders and readers by model name, each prepared at its first use and shared."""

    settings: Settings
    say: Say
    stack: AsyncExitStack
    embedders: dict[str, Embedder] = field(default_factory=dict)
    readers: dict[str, ReadingPool] = field(default_factory=dict)
    _turn: asyncio.Lock = field(default_factory=asyncio.Lock)

    async def embedder(self, model: str) -> Embedder:
        """The embedder of a model; its first preparation may take a minute and says so."""
        async with self._turn:
            if model not in self.embedders:
                cache = Path(self.settings.embedding.cache)
                device = self.settings.embedding.device
                embedder = await prepare_embedder(
                    model, cache_dir=cache, device=device, say=self.say
                )
                self.stack.callback(embedder.close)
                self.embedders[model] = embedder
            return self.embedders[model]

    async def reader(self, model: str) -> ReadingPool:
        """The reader that cuts pages for a model's window."""
        embedder = await self.embedder(model)
        if model not in self.readers:
            chunking = self.settings.chunking
            limits = ChunkLimits(chunking.target_chars, embedder.model.max_tokens)
            pool = ReadingPool(
                tokenizer_file(embedder.model),
                prompt=embedder.model.document_prompt,
                limits=limits,
                timeout_s=chunking.read_timeout_s,
            )
            self.readers[model] = await self.stack.enter_async_context(pool)
        return self.readers[model]

    async def fingerprint(self) -> str:
        """What an index built now would be built with."""
        embedder = await self.embedder(self.settings.embedding.model)
        chunking = f"{self.settings.chunking.target_chars}.{embedder.model.max_tokens}"
        return f"{PARSER}/{CHUNKER}/{chunking}/{embedder.model.model_hash}"


@dataclass(frozen=True, slots=True)
class Runtime:
    """Everything open: `searcher` answers from the live generation."""

    settings: Settings
    store: Store
    models: Models
    log: LocalLog
    searcher: Searcher
    cost: Cost
    examine: ExaminingChild

    async def search(
        self, question: str, *, k: int, sources: Sequence[str] | None
    ) -> SearchResponse:
        """`api.core.ports.Search` over this process's index."""
        return await search_index(question, k=k, sources=sources, searcher=self.searcher)

    async def receivers(self) -> Sequence[Receiver]:
        """Every generation that receives changes, with the means it was built with."""
        return [
            Receiver(
                info.generation,
                await self.models.reader(info.model),
                MeteredEmbed((await self.models.embedder(info.model)).embed_texts, self.cost),
            )
            for info in await self.store.generations.generations()
        ]

    def consumer(self, told: Told) -> Consumer:
        """What `consume_batch` needs here."""
        return Consumer(
            MeteredPages(self.store.pages, self.cost), self.store.generations, self.receivers, told
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
async def open_runtime(settings: Settings, say: Say) -> AsyncIterator[Runtime]:
    """The whole pipeline but its consumer, which `consuming` runs."""
    async with AsyncExitStack() as stack:
        examine = ExaminingChild(timeout_s=settings.chunking.read_timeout_s)
        await stack.enter_async_context(examine)
        store = await stack.enter_async_context(open_store(settings, say))
        models = Models(settings, say, stack)
        await models.embedder(settings.embedding.model)
        retrieval = settings.retrieval
        weights = RankWeights(
            lexical=retrieval.lexical, page=retrieval.page, per_page=retrieval.per_page
        )
        embed_question = partial(_embed_question, models=models, store=store)
        searcher = Searcher(store.search, embed_question, weights, retrieval.candidates)
        yield Runtime(settings, store, models, LocalLog(), searcher, Cost(), examine)


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
    configured = models.settings.embedding.model
    embedder = await models.embedder(configured)
    vector, known = await asyncio.gather(
        embedder.embed_query(text), store.generations.generations()
    )
    model = next((info.model for info in known if info.is_live), configured)
    return vector if model == configured else await (await models.embedder(model)).embed_query(text)


@asynccontextmanager
async def consuming(runtime: Runtime, told: Told) -> AsyncIterator[None]:
    """Apply what is published to the local log while the block runs; its failure ends the block."""
    consumer = runtime.consumer(told)
    async with asyncio.TaskGroup() as group:
        task = group.create_task(runtime.log.run(partial(consume_batch, consumer=consumer)))
        try:
            yield
        finally:
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task


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
        dim = (await runtime.models.embedder(model)).model.dim
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


def live(generations: Sequence[GenerationInfo]) -> GenerationInfo:
    """The generation that answers questions. Raises: WrongUse before the first index."""
    for info in generations:
        if info.is_live:
            return info
    raise WrongUse("nothing is indexed yet: run `headwater index` first")


def utc_now() -> datetime:
    """The clock of this process."""
    return datetime.now(UTC)
