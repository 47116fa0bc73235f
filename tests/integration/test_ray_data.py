"""Ray Data on a real cluster, all of whose processors the embedding actors have taken."""

import asyncio
import os
from collections.abc import AsyncIterator, Iterator, Sequence
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import pytest
from numpy.typing import NDArray

from index.adapters.embed import ray_cluster
from index.adapters.embed.hashed import HashedEmbedder
from index.adapters.embed.ray_actor import Held
from index.adapters.embed.ray_data import RayDataEmbedding
from index.core.prefill import Texts
from index.settings import RaySettings
from schemas.errors import EmbedderUnavailable
from schemas.ids import TextHash
from tests.support.ray_fakes import DIM, NAN

SETTINGS = RaySettings(address="local", actors=1, cpus=1.0)
HELD = Held(
    factory="tests.support.ray_fakes:unruly",
    model="",
    model_hash="e" * 64,
    dim=DIM,
    cache_dir="",
    device="cpu",
)
_FRAME = 64


@pytest.fixture(scope="module")
def joined(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RaySettings]:
    """A cluster of one processor, which an actor of the pool holds. Yields: how another process joins it."""
    home = tmp_path_factory.mktemp("ray")
    before = dict(os.environ)
    leave = ray_cluster.connect(SETTINGS, home)
    try:
        import ray

        from index.adapters.embed.ray_pool import RayPool

        asyncio.run(RayPool.open(HELD, SETTINGS, lost=asyncio.Event()))
        untyped: Any = ray
        assert untyped.available_resources().get("CPU", 0) == 0
        yield RaySettings(address=ray.get_runtime_context().gcs_address, cpus=1.0)
    finally:
        leave()
        os.environ.clear()
        os.environ.update(before)


class Collected:
    """Takes vectors."""

    def __init__(self) -> None:
        self.vectors: dict[TextHash, NDArray[np.float32]] = {}

    async def take(self, hashes: Sequence[TextHash], vectors: NDArray[np.float32]) -> None:
        self.vectors |= dict(zip(hashes, vectors, strict=True))


def hash_of(text: str) -> TextHash:
    return TextHash(sha256(text.encode()).digest())


async def some(*windows: Sequence[str]) -> AsyncIterator[Texts]:
    for window in windows:
        yield [(hash_of(text), text) for text in window]


def test_a_load_is_embedded_by_actors_that_hold_every_processor_and_bad_texts_are_left_out(
    joined: RaySettings, tmp_path: Path
) -> None:
    texts = [f"text {number} of many" for number in range(300)]
    bad = [NAN, *[f"neighbour {number} of it" for number in range(_FRAME - 1)]]
    collected = Collected()
    embed = RayDataEmbedding(HELD, joined, tmp_path, stalled_s=90)

    asyncio.run(embed(some(texts[:200], texts[200:], bad), collected.take))

    right = asyncio.run(HashedEmbedder(DIM)(texts))
    for text, vector in zip(texts, right, strict=True):
        if hash_of(text) in collected.vectors:
            np.testing.assert_array_equal(collected.vectors[hash_of(text)], vector)
    missing = {hash_of(text) for text in [*texts, *bad]} - set(collected.vectors)
    assert hash_of(NAN) in missing
    assert len(missing) <= _FRAME  # those that shared its batch


def test_texts_that_come_late_hold_nothing_up_and_who_stops_leaves_nothing_running(
    joined: RaySettings, tmp_path: Path
) -> None:
    collected = Collected()
    embed = RayDataEmbedding(HELD, joined, tmp_path)

    async def endless() -> AsyncIterator[Texts]:
        number = 0
        while not collected.vectors:
            number += 1
            yield [(hash_of(text), text) for text in (f"text {number}.{n}" for n in range(200))]
        await asyncio.Event().wait()

    async def play() -> None:
        task = asyncio.create_task(embed(endless(), collected.take))
        async with asyncio.timeout(90):
            while not collected.vectors:
                await asyncio.sleep(0.05)
        task.cancel()
        await asyncio.wait({task})
        assert task.cancelled()

    asyncio.run(play())

    assert collected.vectors
    assert not [child for child in psutil.Process().children() if _is_a_driver(child)]


def test_a_job_that_brings_nothing_is_given_up(joined: RaySettings, tmp_path: Path) -> None:
    embed = RayDataEmbedding(HELD, joined, tmp_path, stalled_s=0.5)

    with pytest.raises(EmbedderUnavailable, match=r"nothing for 0\.5 s"):
        asyncio.run(embed(some(["a text"]), Collected().take))


def _is_a_driver(process: psutil.Process) -> bool:
    try:
        return "ray_data_child" in " ".join(process.cmdline())
    except (psutil.ZombieProcess, psutil.NoSuchProcess):
        return False
