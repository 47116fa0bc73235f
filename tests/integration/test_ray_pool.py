"""Embedding on a real Ray: actors that die, hang, raise or lie, and a cluster that is gone."""

import asyncio
import contextlib
import os
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import psutil
import pytest

from index.adapters.embed import ray_cluster
from index.adapters.embed.hashed import HashedEmbedder
from index.settings import RaySettings
from schemas.errors import BadVectors
from tests.support.ray_fakes import DIM, HANG, KILL, NAN, RAISE, SHORT, ZERO

if TYPE_CHECKING:  # Ray reads its environment when it is imported, so that comes after the fixture
    from index.adapters.embed.ray_pool import RayPool

SETTINGS = RaySettings(address="local", actors=2, cpus=0.5, timeout_s=3.0, lost_after_s=10.0)
TEXTS = [f"text {number} about things" for number in range(100)]


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A Ray cluster of the test's own. Yields: the home that holds its token."""
    home = tmp_path_factory.mktemp("ray")
    before = dict(os.environ)
    leave = ray_cluster.connect(SETTINGS, home)
    try:
        yield home
    finally:
        leave()
        os.environ.clear()
        os.environ.update(before)


@pytest.fixture
def pool(cluster: Path, runner: asyncio.Runner) -> "RayPool":
    from index.adapters.embed.ray_pool import RayPool

    return runner.run(
        RayPool.open(
            HashedEmbedder(DIM).model,
            SETTINGS,
            cache_dir=cluster,
            device="cpu",
            factory="tests.support.ray_fakes:unruly",
            lost=asyncio.Event(),
        )
    )


async def expected(texts: list[str]) -> Any:
    return await HashedEmbedder(DIM)(texts)


def test_vectors_come_in_the_order_of_their_texts(pool: "RayPool", runner: asyncio.Runner) -> None:
    vectors = runner.run(pool.embed_texts(TEXTS))

    np.testing.assert_array_equal(vectors, runner.run(expected(TEXTS)))
    assert runner.run(pool.embed_texts([])).shape == (0, DIM)


@pytest.mark.parametrize("trouble", [KILL, HANG, RAISE])
def test_r26_a_text_that_ends_its_actor_is_found_and_the_others_go_on(
    trouble: str, pool: "RayPool", runner: asyncio.Runner
) -> None:
    with pytest.raises(BadVectors, match=trouble):
        runner.run(pool.embed_texts([*TEXTS[:3], trouble]))

    vectors = runner.run(pool.embed_texts(TEXTS[:3]))
    np.testing.assert_array_equal(vectors, runner.run(expected(TEXTS[:3])))
    assert not pool.lost.is_set()


@pytest.mark.parametrize("lie", [NAN, ZERO, SHORT])
def test_r27_bad_vectors_are_refused(lie: str, pool: "RayPool", runner: asyncio.Runner) -> None:
    with pytest.raises(BadVectors):
        runner.run(pool.embed_texts([*TEXTS[:3], lie]))


def test_r26_actors_killed_from_outside_are_replaced(
    pool: "RayPool", runner: asyncio.Runner
) -> None:
    async def play() -> tuple[Any, Any]:
        for pid in await pool.pids():
            os.kill(pid, signal.SIGKILL)
        return await pool.embed_texts(TEXTS), await expected(TEXTS)

    vectors, right = runner.run(play())

    np.testing.assert_array_equal(vectors, right)


def test_pools_share_the_actors_of_their_cluster(
    pool: "RayPool", cluster: Path, runner: asyncio.Runner
) -> None:
    from index.adapters.embed.ray_pool import RayPool

    async def play() -> tuple[set[int], set[int]]:
        other = await RayPool.open(
            pool.model,
            SETTINGS,
            cache_dir=cluster,
            device="cpu",
            factory="tests.support.ray_fakes:unruly",
            lost=asyncio.Event(),
        )
        return set(await pool.pids()), set(await other.pids())

    ours, theirs = runner.run(play())

    assert ours == theirs
    assert len(ours) == SETTINGS.actors


@pytest.mark.usefixtures("pool")
def test_s33_nothing_listens_but_on_loopback_and_the_token_is_ours_alone(cluster: Path) -> None:
    ours = psutil.Process()
    listening = [
        connection.laddr.ip
        for process in [ours, *filter(_is_ray, ours.children(recursive=True))]
        for connection in process.net_connections("inet")
        if connection.status == psutil.CONN_LISTEN
    ]

    assert listening
    assert set(listening) <= {"127.0.0.1", "::1", "::ffff:127.0.0.1"}
    assert (cluster / "ray_token").stat().st_mode & 0o777 == 0o600
    assert len((cluster / "ray_token").read_text()) == 64


def test_r26_a_cluster_that_is_gone_is_told_and_not_taken_for_bad_texts(
    pool: "RayPool", runner: asyncio.Runner
) -> None:
    """Last: it ends the cluster."""

    async def play() -> bool:
        embedding = asyncio.create_task(pool.embed_texts(TEXTS))
        await embedding
        for process in psutil.Process().children(recursive=True):
            with contextlib.suppress(psutil.NoSuchProcess):
                if _is_ray(process):
                    process.kill()
        again = asyncio.create_task(pool.embed_texts(TEXTS))
        await asyncio.wait_for(pool.lost.wait(), timeout=60)
        again.cancel()
        return pool.lost.is_set()

    assert runner.run(play())


def _is_ray(process: psutil.Process) -> bool:
    """Whether a process below the tests belongs to the cluster, and not to another test."""
    try:
        return "ray" in " ".join(process.cmdline())
    except psutil.ZombieProcess:
        return False
