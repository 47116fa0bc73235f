"""The models of a process: what embeds, and what cuts pages for a model's window."""

import asyncio
from collections.abc import Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from headwater.console import stage
from headwater.settings import Settings
from index.adapters.embed.embedder import Embedder
from index.adapters.embed.models import ModelInfo, find_model, tokenizer_file
from index.adapters.embed.prepare import prepare_embedder
from index.adapters.embed.ray_actor import Held
from index.adapters.embed.serve_client import ServeClient
from index.adapters.reading_pool import ReadingPool
from index.core.chunks import ChunkLimits
from index.core.embedding import Embed
from index.core.generations import Fingerprint, GenerationInfo
from index.core.pages import CHUNKER, PARSER
from schemas.errors import EmbedderLost

if TYPE_CHECKING:  # Ray reads its environment when it is imported, which `connect` sets
    from index.adapters.embed.ray_pool import RayPool

Say = Callable[[str], None]

EMBED_FACTORY = "index.adapters.embed.ray_actor:load"
"""Makes the embedder of an actor, see `index.adapters.embed.ray_actor`."""


@dataclass(slots=True)
class Models:
    """Embedders and readers by model name, each prepared at its first use and shared.

    `lost` is set when the cluster that embeds no longer answers, which this process does not survive.
    """

    settings: Settings
    say: Say
    stack: AsyncExitStack
    embedders: dict[str, Embedder] = field(default_factory=dict)
    pools: "dict[str, RayPool]" = field(default_factory=dict)
    readers: dict[tuple[str, int], ReadingPool] = field(default_factory=dict)
    lost: asyncio.Event = field(default_factory=asyncio.Event)
    _is_connected: bool = False
    _serve: ServeClient | None = None
    _turns: dict[tuple[str, str], asyncio.Lock] = field(default_factory=dict)

    def _turn(self, purpose: str, of: str = "") -> asyncio.Lock:
        """What is made once has a turn of its own: a question waits for no pool, and no model for another."""
        return self._turns.setdefault((purpose, of), asyncio.Lock())

    async def embedder(self, model: str) -> Embedder:
        """The embedder of a model; its first preparation may take a minute and says so."""
        async with self._turn("embedder", model):
            if model not in self.embedders:
                cache = Path(self.settings.embedding.cache)
                device = self.settings.embedding.device
                with stage(self.say, f"loading the embedding model {model}"):
                    embedder = await prepare_embedder(
                        model, cache_dir=cache, device=device, say=self.say
                    )
                self.stack.callback(embedder.close)
                self.embedders[model] = embedder
            return self.embedders[model]

    async def indexer(self, model: str) -> Embed:
        """What embeds the texts of pages: a cluster where one is configured, else the embedder of questions too."""
        if not self.settings.ray.address:
            return (await self.embedder(model)).embed_texts
        held = await self.held(model)
        async with self._turn("indexer", model):
            if model not in self.pools:
                self.pools[model] = await self._pool(held)
            return self.pools[model]

    async def end_pool(self, model: str) -> None:
        """Give a cluster back what a model holds of it, whoever else used it. Idempotent."""
        pool = self.pools.pop(model, None)
        if pool is not None:
            await pool.end()

    async def held(self, model: str) -> Held:
        """What the actors of a cluster hold of a model."""
        info = await self.info(model)
        return Held(
            factory=EMBED_FACTORY,
            model=info.name,
            model_hash=info.model_hash,
            dim=info.dim,
            cache_dir=self.settings.embedding.cache,
            device=self.settings.embedding.device,
        )

    async def _pool(self, held: Held) -> "RayPool":
        await self.connect()
        from index.adapters.embed.ray_pool import RayPool

        with stage(self.say, f"loading the embedding model {held.model} on Ray"):
            return await RayPool.open(held, self.settings.ray, lost=self.lost)

    async def connect(self) -> None:
        """Join the configured cluster until the process ends. Idempotent. Raises: EmbedderUnavailable, WrongUse."""
        from index.adapters.embed import ray_cluster

        async with self._turn("cluster"):
            if not self._is_connected:
                home = Path(self.settings.home)
                with stage(self.say, f"joining Ray at {self.settings.ray.address}"):
                    leave = await asyncio.to_thread(ray_cluster.connect, self.settings.ray, home)
                self.stack.push_async_callback(asyncio.to_thread, leave)
                self._is_connected = True

    def questions(self) -> ServeClient | None:
        """What embeds questions in place of this process, where Ray Serve is configured."""
        ray = self.settings.ray
        if self._serve is None and ray.serve_url:
            self._serve = ServeClient(ray.serve_url, timeout_s=ray.serve_timeout_s)
            self.stack.push_async_callback(self._serve.close)
        return self._serve

    async def end_when_lost(self) -> None:
        """Runs beside whatever needs the cluster. Raises: EmbedderLost once it no longer answers."""
        await self.lost.wait()
        raise EmbedderLost

    async def reader(self, model: str, target_chars: int | None = None) -> ReadingPool:
        """The reader that cuts pages for a model's window, into chunks of `target_chars` or as configured."""
        info = await self.info(model)
        chunking = self.settings.chunking
        key = model, target_chars or chunking.target_chars
        async with self._turn("reader", f"{key}"):
            if key not in self.readers:
                pool = ReadingPool(
                    tokenizer_file(info),
                    prompt=info.document_prompt,
                    limits=ChunkLimits(key[1], info.max_tokens),
                    timeout_s=chunking.read_timeout_s,
                )
                self.readers[key] = await self.stack.enter_async_context(pool)
            return self.readers[key]

    async def info(self, model: str) -> ModelInfo:
        """What is known of a model; it is loaded only where it has to be fetched first."""
        if model in self.embedders:
            return self.embedders[model].model
        cache = Path(self.settings.embedding.cache)
        found = await asyncio.to_thread(find_model, model, cache_dir=cache)
        return found or (await self.embedder(model)).model

    async def fingerprint(self) -> Fingerprint:
        """What an index built now would be built with."""
        return fingerprint_of(await self.info(self.settings.embedding.model), self.settings)

    async def is_unchanged(self, info: GenerationInfo) -> bool:
        """Whether the files of a generation's model are still those that it was built with."""
        built = Fingerprint.parse(info.fingerprint)
        return built is None or built.model_hash == (await self.info(info.model)).model_hash


def fingerprint_of(model: ModelInfo, settings: Settings) -> Fingerprint:
    """What an index of this model would be built with now."""
    target_chars = settings.chunking.target_chars
    return Fingerprint(PARSER, CHUNKER, target_chars, model.max_tokens, model.model_hash)


def configured_fingerprint(settings: Settings) -> Fingerprint | None:
    """What an index would be built with now; None while the model is not on this machine."""
    cache_dir = Path(settings.embedding.cache)
    found = find_model(settings.embedding.model, cache_dir=cache_dir)
    return fingerprint_of(found, settings) if found else None


def model_hash_of(fingerprint: str) -> str:
    """The hash of the model that an index with this fingerprint was built with."""
    return fingerprint.rpartition("/")[2]
