"""Ray Data on a real cluster, all of whose processors the embedding actors have taken."""

import asyncio
from collections.abc import AsyncIterator, Iterator, Sequence
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import pytest
from msgspec.structs import replace
from numpy.typing import NDArray

from index.adapters.embed.hashed import HashedEmbedder
from index.adapters.embed.ray_actor import Held
from index.adapters.embed.ray_data import RayDataEmbedding
from index.core.prefill import Texts
from index.settings import RaySettings
from schemas.errors import EmbedderUnavailable
from schemas.ids import TextHash
from tests.support.ray_fakes import DIM, NAN
from tests.support.ray_local import a_local_cluster

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
    """A cluster all of whose processors are held by pools of two models. Yields: how another process joins it."""
    with a_local_cluster(SETTINGS, tmp_path_factory.mktemp("ray")):
        import ray

        from index.adapters.embed.ray_pool import RayPool

        for held in (HELD, replace(HELD, model_hash="f" * 64)):
            asyncio.run(RayPool.open(held, SETTINGS, lost=asyncio.Event()))
        untyped: Any = ray
        assert untyped.available_resources().get("CPU", 0) == 0
        yield RaySettings(address=untyped.get_runtime_context().gcs_address, cpus=1.0)


class Collected:
    """Takes vectors."""

    def __init__(self) -> None:
        self.vectors: dict[TextHash, NDArray[np.float32]] = {}

    async def take(self, hashes: Sequence[TextHash], vectors: NDArray[np.float32]) -> None:
        self.vectors |= dict(zip(hashes, vectors, strict=True))


def hash_of(text: str) -> TextHash:
    return TextHash(sha256(text.encode()).digest())


async def one() -> AsyncIterator[Texts]:
    yield [(hash_of("a text"), "a text")]


def test_vectors_come_while_texts_do_from_actors_that_hold_every_processor(
    joined: RaySettings, tmp_path: Path
) -> None:
    collected, sent = Collected(), [NAN]
    embed = RayDataEmbedding(HELD, joined, tmp_path)

    async def endless() -> AsyncIterator[Texts]:
        yield [(hash_of(NAN), NAN)]
        while not collected.vectors:
            texts = [f"text {len(sent) + number} of many" for number in range(_FRAME)]
            sent.extend(texts)
            yield [(hash_of(text), text) for text in texts]
        await asyncio.Event().wait()

    async def play() -> NDArray[np.float32]:
        task = asyncio.create_task(embed(endless(), collected.take))
        async with asyncio.timeout(90):
            while not collected.vectors and not task.done():
                await asyncio.sleep(0.05)
        task.cancel()
        await asyncio.wait({task})
        assert task.cancelled()
        return await HashedEmbedder(DIM)(sent)

    right = dict(zip(map(hash_of, sent), asyncio.run(play()), strict=True))

    assert collected.vectors
    assert hash_of(NAN) not in collected.vectors
    for key, vector in collected.vectors.items():
        np.testing.assert_array_equal(vector, right[key])
    assert not [child for child in psutil.Process().children() if _is_a_driver(child)]


def test_a_job_that_brings_nothing_is_given_up(joined: RaySettings, tmp_path: Path) -> None:
    embed = RayDataEmbedding(HELD, joined, tmp_path, stalled_s=0.5)

    with pytest.raises(EmbedderUnavailable, match=r"nothing for 0\.5 s"):
        asyncio.run(embed(one(), Collected().take))


def _is_a_driver(process: psutil.Process) -> bool:
    try:
        return "ray_data_child" in " ".join(process.cmdline())
    except (psutil.ZombieProcess, psutil.NoSuchProcess):
        return False
