"""The actor that holds a model on a Ray cluster: texts in, vectors out, and nothing else to lose."""

import asyncio
import contextlib
import importlib
import os
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import msgspec
import numpy as np
import structlog
from numpy.typing import NDArray

from index.settings import RaySettings

_log = structlog.get_logger()


class Loaded(Protocol):
    """What a factory makes."""

    async def embed_texts(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """See `Embed`."""
        ...

    async def embed_query(self, text: str) -> NDArray[np.float32]:
        """One vector, shape (dim,)."""
        ...


Factory = Callable[[str, Path, str], Awaitable[Loaded]]
"""Loads a model by name, cache folder and device."""


class Held(msgspec.Struct, frozen=True, kw_only=True):
    """The model that actors hold, and how they come by it.

    `factory` names a `Factory` as `module:function`, since it has to be found on another machine.
    """

    factory: str
    model: str
    model_hash: str
    dim: int
    cache_dir: str
    device: str

    async def load(self) -> Loaded:
        """Load it into this process."""
        module, name = self.factory.split(":")
        factory: Factory = getattr(importlib.import_module(module), name)
        return await factory(self.model, Path(self.cache_dir), self.device)


@dataclass(frozen=True, slots=True)
class Pulse:
    """How an actor is: `busy_s` is for how long it has been at one call, or at loading, by its own clock."""

    pid: int
    is_loading: bool
    busy_s: float


class EmbedActor:
    """Loads its model at the first call, also after a restart, and works on one call at a time.

    So whoever waits behind others can tell that from a call of their own that takes too long.
    """

    def __init__(self, held: Held) -> None:
        self._held = held
        self._loaded: Loaded | None = None
        self._loading = asyncio.Lock()
        self._turn = asyncio.Lock()
        self._since_s: float | None = None

    async def pulse(self) -> Pulse:
        """Answers while texts are embedded, too."""
        busy_s = 0.0 if self._since_s is None else time.monotonic() - self._since_s
        return Pulse(os.getpid(), self._loading.locked(), busy_s)

    async def prepare(self) -> int:
        """Load the model. Returns: the process's id."""
        await self._model()
        return os.getpid()

    async def embed(self, texts: list[str]) -> AsyncIterator[NDArray[np.float32] | None]:
        """See `Embed`. Yields: None once these texts have their turn, then their vectors."""
        model = await self._model()
        async with self._turn:
            with self._busy():
                yield None
                vectors = await model.embed_texts(texts)
            yield vectors  # in its turn: the next call may end the process before these are on their way

    async def _model(self) -> Loaded:
        async with self._loading:
            if self._loaded is None:
                with self._busy():
                    self._loaded = await self._held.load()
            return self._loaded

    @contextlib.contextmanager
    def _busy(self) -> Iterator[None]:
        self._since_s = time.monotonic()
        try:
            yield
        finally:
            self._since_s = None


def actor_options(name: str, settings: RaySettings) -> dict[str, object]:
    """What an actor asks of its cluster: shares of processors and GPUs as they are configured."""
    return {
        "name": name,
        "get_if_exists": True,
        "lifetime": "detached",
        "max_restarts": -1,
        "max_task_retries": 0,
        "num_cpus": settings.cpus,
        "num_gpus": settings.gpus,
    }


async def load(model: str, cache_dir: Path, device: str) -> Loaded:
    """The `Factory` of the product."""
    from index.adapters.embed.prepare import prepare_embedder

    return await prepare_embedder(
        model, cache_dir=cache_dir, device=device, say=lambda line: _log.info(line)
    )
