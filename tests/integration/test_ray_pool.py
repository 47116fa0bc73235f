"""Embedding on a real Ray: actors that die, hang, raise or lie."""

import asyncio
import contextlib
import os
import signal
from collections.abc import Iterator
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import psutil
import pytest

from index.adapters.embed.hashed import HashedEmbedder
from index.adapters.embed.ray_actor import Held
from index.adapters.embed.ray_cluster import environment_of
from index.settings import RaySettings
from schemas.errors import BadVectors, EmbedderUnavailable
from tests.support.ray_fakes import (
    DIM,
    FREEZE,
    HANG,
    KILL,
    LOAD_S,
    NAN,
    RAISE,
    SHORT,
    SLOW,
    SLOW_S,
    ZERO,
)
from tests.support.ray_local import a_local_cluster

if TYPE_CHECKING:  # Ray reads its environment when it is imported, so that comes after the fixture
    from index.adapters.embed.ray_pool import RayPool

SETTINGS = RaySettings(address="local", actors=2, cpus=0.5, timeout_s=1.0, lost_after_s=8.0)
ALONE = RaySettings(address="local", actors=1, cpus=0, timeout_s=1.5, lost_after_s=30.0)
TEXTS = [f"text {number} about things" for number in range(100)]


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A Ray cluster of the test's own. Yields: the home that holds its token."""
    home = tmp_path_factory.mktemp("ray")
    with a_local_cluster(SETTINGS, home):
        yield home


def held(factory: str, model_hash: str = "") -> Held:
    """A model of `tests.support.ray_fakes`; one of its own hash has actors of its own."""
    return Held(
        factory=f"tests.support.ray_fakes:{factory}",
        model="",
        model_hash=model_hash or HashedEmbedder(DIM).model.model_hash,
        dim=DIM,
        cache_dir="",
        device="cpu",
    )


async def opened(of: Held, settings: RaySettings) -> "RayPool":
    from index.adapters.embed.ray_pool import RayPool

    return await RayPool.open(of, settings, lost=asyncio.Event())


@pytest.fixture
def pool(cluster: Path, runner: asyncio.Runner) -> "RayPool":
    return runner.run(opened(held("unruly"), SETTINGS))


async def expected(texts: list[str]) -> Any:
    return await HashedEmbedder(DIM)(texts)


def test_vectors_come_in_the_order_of_their_texts(pool: "RayPool", runner: asyncio.Runner) -> None:
    vectors = runner.run(pool.embed_texts(TEXTS))

    np.testing.assert_array_equal(vectors, runner.run(expected(TEXTS)))
    assert runner.run(pool.embed_texts([])).shape == (0, DIM)


@pytest.mark.parametrize("trouble", [KILL, HANG, RAISE, FREEZE])
def test_r26_a_text_that_ends_its_actor_is_found_and_the_others_go_on(
    trouble: str, pool: "RayPool", runner: asyncio.Runner
) -> None:
    with pytest.raises(BadVectors, match=trouble):
        runner.run(pool.embed_texts([TEXTS[0], trouble]))

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


def test_pools_share_the_actors_of_their_cluster(pool: "RayPool", runner: asyncio.Runner) -> None:
    other = runner.run(opened(pool.held, SETTINGS))

    ours, theirs = set(runner.run(pool.pids())), set(runner.run(other.pids()))

    assert ours == theirs
    assert len(ours) == SETTINGS.actors


@pytest.mark.usefixtures("cluster")
def test_waiting_behind_other_workers_does_not_count_into_the_time_of_a_call(
    runner: asyncio.Runner,
) -> None:
    async def play() -> tuple[set[int], set[int]]:
        others = [await opened(held("unruly", "a" * 64), ALONE) for _ in range(2)]
        ours = await opened(held("unruly", "a" * 64), ALONE)
        before = set(await ours.pids())
        async with asyncio.TaskGroup() as group:
            for other in others * 2:
                group.create_task(other.embed_texts([SLOW]))
            await asyncio.sleep(0)  # theirs are asked first
            vectors = await ours.embed_texts(TEXTS[:1])
        np.testing.assert_array_equal(vectors, await expected(TEXTS[:1]))
        return before, set(await ours.pids())

    before, after = runner.run(play())

    assert 2 * ALONE.timeout_s < 4 * SLOW_S
    assert before == after


@pytest.mark.usefixtures("cluster")
def test_a_text_is_not_blamed_for_what_another_worker_does_to_their_actor(
    runner: asyncio.Runner,
) -> None:
    async def play() -> None:
        theirs, ours = [await opened(held("unruly", "b" * 64), ALONE) for _ in range(2)]
        async with asyncio.TaskGroup() as group:
            blamed = group.create_task(_blamed(theirs, [KILL]))
            while not blamed.done():
                np.testing.assert_array_equal(
                    await ours.embed_texts(TEXTS[:1]), await expected(TEXTS[:1])
                )
        assert blamed.result()

    runner.run(play())


@pytest.mark.usefixtures("cluster")
def test_r26_an_actor_that_starts_again_has_the_time_to_load_its_model(
    runner: asyncio.Runner,
) -> None:
    async def play() -> tuple[Any, Any]:
        pool = await opened(held("sluggish", "c" * 64), ALONE)
        [pid] = await pool.pids()
        os.kill(pid, signal.SIGKILL)
        return await pool.embed_texts(TEXTS[:3]), await expected(TEXTS[:3])

    vectors, right = runner.run(play())

    assert ALONE.timeout_s < LOAD_S
    np.testing.assert_array_equal(vectors, right)


@pytest.mark.usefixtures("cluster")
def test_a_model_that_fails_at_every_text_is_told_and_blames_none(runner: asyncio.Runner) -> None:
    async def play() -> None:
        pool = await opened(held("broken", "d" * 64), ALONE)
        async with asyncio.timeout(60):
            await pool.embed_texts(TEXTS)

    with pytest.raises(EmbedderUnavailable, match="a bug of the model"):
        runner.run(play())


@pytest.mark.usefixtures("pool")
def test_an_actor_may_wait_for_room_longer_than_a_cluster_may_be_silent(
    pool: "RayPool", runner: asyncio.Runner
) -> None:
    whole = RaySettings(address="local", actors=1, cpus=2.0, timeout_s=0.5, lost_after_s=1.0)

    async def play() -> None:
        opening = asyncio.create_task(opened(held("unruly", "9" * 64), whole))
        await asyncio.sleep(2 * (whole.timeout_s + whole.lost_after_s))
        assert not opening.done()
        _end_for_good(pool.held, SETTINGS)  # the room that they take
        async with asyncio.timeout(60):
            patient = await opening
        assert not patient.lost.is_set()
        _end_for_good(patient.held, whole)

    runner.run(play())


@pytest.mark.usefixtures("cluster")
def test_the_room_of_a_model_that_nobody_needs_any_more_is_for_another(
    runner: asyncio.Runner,
) -> None:
    whole = RaySettings(address="local", actors=1, cpus=2.0)

    async def play() -> None:
        import ray

        _end_for_good(held("unruly"), SETTINGS)
        old = await opened(held("unruly", "7" * 64), whole)
        coming = asyncio.create_task(opened(held("unruly", "8" * 64), whole))
        await asyncio.sleep(1)
        assert not coming.done()

        await old.end()
        await old.end()

        async with asyncio.timeout(60):
            new = await coming
        named = ray.util.list_named_actors()
        assert [name for name in named if "7777" in name or "8888" in name] == [
            name_of(new.held, 0)
        ]
        await new.end()

    from index.adapters.embed.ray_pool import name_of

    runner.run(play())


@pytest.mark.usefixtures("cluster")
def test_a_worker_of_another_version_talks_to_actors_of_its_own(
    runner: asyncio.Runner, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def play() -> None:
        old = await opened(held("unruly", "5" * 64), ALONE)
        monkeypatch.setattr(metadata, "version", lambda _: "9999.1.1")
        new = await opened(held("unruly", "5" * 64), ALONE)
        assert set(await old.pids()).isdisjoint(await new.pids())
        await old.end()
        await new.end()

    runner.run(play())


def _end_for_good(of: Held, settings: RaySettings) -> None:
    import ray

    from index.adapters.embed.ray_pool import name_of

    for number in range(settings.actors):
        with contextlib.suppress(ValueError):  # gone already
            ray.kill(ray.get_actor(name_of(of, number)))


async def _blamed(pool: "RayPool", texts: list[str]) -> bool:
    try:
        await pool.embed_texts(texts)
    except BadVectors:
        return True
    return False


@pytest.mark.usefixtures("pool")
def test_s33_nothing_listens_but_on_loopback_and_the_token_is_ours_alone(tmp_path: Path) -> None:
    ours = psutil.Process()
    listening = [
        connection.laddr.ip
        for process in [ours, *filter(_is_ray, ours.children(recursive=True))]
        for connection in process.net_connections("inet")
        if connection.status == psutil.CONN_LISTEN
    ]

    assert listening
    assert set(listening) <= {"127.0.0.1", "::1", "::ffff:127.0.0.1"}
    made = Path(environment_of(tmp_path)["RAY_AUTH_TOKEN_PATH"])
    assert made.parent == tmp_path
    assert made.stat().st_mode & 0o777 == 0o600
    assert len(made.read_text()) == 64


def _is_ray(process: psutil.Process) -> bool:
    """Whether a process below the tests belongs to the cluster, and not to another test."""
    try:
        return "ray" in " ".join(process.cmdline())
    except psutil.ZombieProcess:
        return False
