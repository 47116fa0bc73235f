"""The program with an embedder that takes 50 ms a call of at most 64 texts, and no other time.

    python -m bench.slow_main COMMAND...

A process makes one call at a time, as a worker with an accelerator of its own does. The vectors are of the real
model's size and lie in clusters as real ones do.
"""

import asyncio
from collections.abc import Sequence
from functools import cache
from hashlib import sha256
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from headwater import main as program
from headwater import models
from index.adapters.embed.models import ModelInfo, find_model
from index.core.embedding import unit_vectors

CALL_S, CALL_TEXTS = 0.05, 64
_CENTRES, _SPREAD = 1_000, 0.5


class SlowEmbedder:
    """Fulfils the `Embed` port, as `Embedder` does."""

    def __init__(self, model: ModelInfo) -> None:
        self.model = model
        self.runtime = "slow"
        self._turn = asyncio.Lock()

    async def embed_texts(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Unit vectors, float32, shape (n, dim), in the order of texts."""
        async with self._turn:
            for _ in range(0, len(texts), CALL_TEXTS):
                await asyncio.sleep(CALL_S)
        return vectors_of(texts, self.model.dim)

    async def embed_query(self, text: str) -> NDArray[np.float32]:
        """One unit vector, shape (dim,): the same as that of an equal text."""
        found: NDArray[np.float32] = vectors_of([text], self.model.dim)[0]
        return found

    def close(self) -> None:
        """Nothing is held."""


def vectors_of(texts: Sequence[str], dim: int) -> NDArray[np.float32]:
    """Unit vectors by the hashes of texts, around centres of clusters; shape (n, dim)."""
    seeds = [int.from_bytes(sha256(text.encode()).digest()[:8]) for text in texts]
    rows = np.stack([np.random.default_rng(seed).standard_normal(dim) for seed in seeds])
    return clustered(rows, np.array([seed % _CENTRES for seed in seeds]))


def clustered(noise: NDArray[np.float64], numbers: NDArray[np.int64]) -> NDArray[np.float32]:
    """Rows of noise, each moved to its cluster's centre, of length 1."""
    return unit_vectors((_centres(noise.shape[1])[numbers] + _SPREAD * noise).astype(np.float32))


@cache
def _centres(dim: int) -> NDArray[np.float64]:
    """Made once: an embedder elsewhere takes none of the worker's processor time."""
    return np.random.default_rng(0).standard_normal((_CENTRES, dim))


async def _prepare(model: str, *, cache_dir: Path, **_: object) -> SlowEmbedder:
    found = find_model(model, cache_dir=cache_dir)
    if found is None:
        raise SystemExit(f"{model} is not bundled")
    return SlowEmbedder(found)


def main() -> None:
    """Wire, then run the command line as `headwater` does."""
    vars(models)["prepare_embedder"] = _prepare
    program.main()


if __name__ == "__main__":
    main()
