"""The actor that holds a model on a Ray cluster: texts in, vectors out, and nothing else to lose."""

import asyncio
import importlib
import os
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import Protocol

import numpy as np
import structlog
from numpy.typing import NDArray

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


class EmbedActor:
    """Loads its model at the first call, also after a restart.

    `factory` names a `Factory` as `module:function`, since it has to be found on another machine.
    """

    def __init__(self, factory: str, model: str, cache_dir: str, device: str) -> None:
        self._factory = factory
        self._arguments = (model, Path(cache_dir), device)
        self._loaded: Loaded | None = None
        self._turn = asyncio.Lock()

    async def ping(self) -> int:
        """Answers while texts are embedded, too. Returns: the process's id."""
        return os.getpid()

    async def prepare(self) -> int:
        """Load the model. Returns: the process's id."""
        await self._model()
        return os.getpid()

    async def embed(self, texts: list[str]) -> NDArray[np.float32]:
        """See `Embed`."""
        return await (await self._model()).embed_texts(texts)

    async def _model(self) -> Loaded:
        async with self._turn:
            if self._loaded is None:
                module, name = self._factory.split(":")
                factory: Factory = getattr(importlib.import_module(module), name)
                self._loaded = await factory(*self._arguments)
            return self._loaded


async def load(model: str, cache_dir: Path, device: str) -> Loaded:
    """The `Factory` of the product."""
    from index.adapters.embed.prepare import prepare_embedder

    return await prepare_embedder(
        model, cache_dir=cache_dir, device=device, say=lambda line: _log.info(line)
    )
