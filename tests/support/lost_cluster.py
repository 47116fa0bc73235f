"""Loses a Ray cluster for good, in a process that may be ended by it.

    python -m tests.support.lost_cluster HOME

Ray ends a driver some time after its cluster has gone, so this must not happen in the tests' own process. Prints what
the pool said of the call that failed, and whether it calls the cluster lost.
"""

import asyncio
import contextlib
import sys
from pathlib import Path

import psutil

from index.adapters.embed import ray_cluster
from index.adapters.embed.hashed import HashedEmbedder
from index.adapters.embed.ray_actor import Held
from index.settings import RaySettings
from schemas.errors import EmbedderUnavailable
from tests.support.ray_fakes import DIM

SETTINGS = RaySettings(address="local", actors=1, cpus=0.5, timeout_s=1.0, lost_after_s=8.0)
TEXTS = [f"text {number} about things" for number in range(100)]
_WITHIN_S = 60


async def _lose() -> str:
    from index.adapters.embed.ray_pool import RayPool

    model_hash = HashedEmbedder(DIM).model.model_hash
    held = Held(
        factory="tests.support.ray_fakes:unruly",
        model="",
        model_hash=model_hash,
        dim=DIM,
        cache_dir="",
        device="cpu",
    )
    pool = await RayPool.open(held, SETTINGS, lost=asyncio.Event())
    assert len(await pool.embed_texts(TEXTS)) == len(TEXTS)
    for process in psutil.Process().children(recursive=True):
        with contextlib.suppress(psutil.NoSuchProcess):
            process.kill()
    async with asyncio.timeout(_WITHIN_S):
        try:
            await pool.embed_texts(TEXTS)
        except EmbedderUnavailable:
            return "lost" if pool.lost.is_set() else "unavailable, and not lost"
    return "embedded all the same"


def main() -> None:
    """Play it."""
    leave = ray_cluster.connect(SETTINGS, Path(sys.argv[1]))
    try:
        print(asyncio.run(_lose()), flush=True)  # noqa: T201
    finally:
        leave()


if __name__ == "__main__":
    main()
