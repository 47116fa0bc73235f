"""Embedders that misbehave on a cluster, by what their texts say."""

import asyncio
import os
import signal
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from index.adapters.embed.hashed import HashedEmbedder

DIM = 8
KILL, HANG, RAISE, NAN, ZERO, SHORT = "k1ll", "h4ng", "r4ise", "n4n", "z3ro", "sh0rt"


class Unruly(HashedEmbedder):
    """Counts words, unless one of its texts holds a word of trouble."""

    async def embed_texts(self, texts: Sequence[str]) -> NDArray[np.float32]:
        said = " ".join(texts)
        if KILL in said:
            os.kill(os.getpid(), signal.SIGKILL)
        if HANG in said:
            await asyncio.sleep(3600)
        if RAISE in said:
            raise ValueError("these texts cannot be embedded")
        vectors = await super().embed_texts(texts)
        if NAN in said:
            vectors[0, 0] = np.nan
        if ZERO in said:
            vectors[0] = 0.0
        return vectors[:-1] if SHORT in said else vectors


async def unruly(_model: str, _cache_dir: Path, _device: str) -> Unruly:
    """A `Factory`."""
    return Unruly(DIM)


async def counting(_model: str, _cache_dir: Path, _device: str) -> HashedEmbedder:
    """A `Factory` for the embedder that counts words, of the same size as in `tests.support.fake_main`."""
    return HashedEmbedder()
