"""Embedders that misbehave on a cluster, by what their texts say."""

import asyncio
import os
import signal
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from index.adapters.embed.hashed import HashedEmbedder

DIM = 8
KILL, HANG, RAISE, NAN, ZERO, SHORT = "k1ll", "h4ng", "r4ise", "n4n", "z3ro", "sh0rt"
SLOW, FREEZE, STALL, WIDE = "sl0w", "fr33ze", "st4ll", "w1de"
NOTES = "UNRULY_NOTES"
"""The variable that names a file where each word of trouble is noted as it is met."""
SLOW_S = 0.9
LOAD_S = 2.5


class Unruly(HashedEmbedder):
    """Counts words, unless one of its texts holds a word of trouble."""

    async def embed_texts(self, texts: Sequence[str]) -> NDArray[np.float32]:
        said = " ".join(texts)
        await _misbehave(said, is_new=_note(said))
        vectors = await super().embed_texts(texts)
        if NAN in said:
            vectors[0, 0] = np.nan
        if ZERO in said:
            vectors[0] = 0.0
        if WIDE in said:
            return np.hstack([vectors, vectors])
        return vectors[:-1] if SHORT in said else vectors


async def _misbehave(said: str, *, is_new: set[str]) -> None:
    if KILL in said:
        os.kill(os.getpid(), signal.SIGKILL)
    if FREEZE in said:
        time.sleep(3600)  # not even a sign of life is given
    if HANG in said or STALL in is_new:
        await asyncio.sleep(3600)
    if SLOW in said:
        await asyncio.sleep(SLOW_S)
    if RAISE in said:
        raise ValueError("these texts cannot be embedded")


def _note(said: str) -> set[str]:
    """Note the words of trouble in a call. Returns: those met for the first time."""
    if NOTES not in os.environ:
        return set()
    file = Path(os.environ[NOTES])
    known = file.read_text().split() if file.exists() else []
    met = [word for word in (NAN, ZERO, SHORT, WIDE, STALL) if word in said]
    with file.open("a") as notes:
        notes.writelines(f"{word}\n" for word in met)
    return set(met) - set(known)


async def unruly(_model: str, _cache_dir: Path, _device: str) -> Unruly:
    """A `Factory`."""
    return Unruly(DIM)


async def sluggish(_model: str, _cache_dir: Path, _device: str) -> Unruly:
    """A `Factory` that takes longer than a call may."""
    await asyncio.sleep(LOAD_S)
    return Unruly(DIM)


class Broken(HashedEmbedder):
    """A model with a bug."""

    async def embed_texts(self, texts: Sequence[str]) -> NDArray[np.float32]:
        raise ValueError("a bug of the model")


async def broken(_model: str, _cache_dir: Path, _device: str) -> Broken:
    """A `Factory`."""
    return Broken(DIM)


async def counting(_model: str, _cache_dir: Path, _device: str) -> Unruly:
    """A `Factory` of vectors of the same size as in `tests.support.fake_main`."""
    return Unruly()
