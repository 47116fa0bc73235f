"""Seeing to it that Ray Serve holds the models: a cluster that is gone is not waited for."""

import asyncio
import sys
import threading
from collections.abc import Iterator
from types import SimpleNamespace

import pytest

from headwater.commands import models
from headwater.settings import Settings
from index.adapters.embed import ray_cluster
from index.settings import RaySettings
from schemas.errors import EmbedderLost

SETTINGS = Settings(ray=RaySettings(address="auto", lost_after_s=0.3))


class Cluster:
    """A head that answers while `is_there`, and a deployment that takes until it `may_end`."""

    def __init__(self) -> None:
        self.is_there = True
        self.may_end = threading.Event()

    def nodes(self) -> list[object]:
        if not self.is_there:
            raise RuntimeError("no head")
        return []

    def deploy(self, *_: object) -> bool:
        return self.may_end.wait(timeout=60)


@pytest.fixture
def cluster(monkeypatch: pytest.MonkeyPatch) -> Iterator[Cluster]:
    cluster = Cluster()
    error = type("RayError", (Exception,), {})
    monkeypatch.setitem(sys.modules, "ray", SimpleNamespace(nodes=cluster.nodes))
    monkeypatch.setitem(sys.modules, "ray.exceptions", SimpleNamespace(RayError=error))
    monkeypatch.setattr(models, "deploy", cluster.deploy)
    monkeypatch.setattr(ray_cluster, "_ANSWER_WITHIN_S", 0.05)
    monkeypatch.setattr(ray_cluster, "_AGAIN_S", 0.05)
    yield cluster
    cluster.may_end.set()


def test_a_cluster_that_is_gone_while_models_are_deployed_is_told_in_time(cluster: Cluster) -> None:
    cluster.is_there = False

    async def play() -> None:
        async with asyncio.timeout(20):
            await models._deploy([], SETTINGS)

    with pytest.raises(EmbedderLost):
        asyncio.run(play())


def test_models_may_take_longer_to_load_than_a_cluster_may_be_silent(cluster: Cluster) -> None:
    async def play() -> None:
        async with asyncio.timeout(20):
            deploying = asyncio.ensure_future(models._deploy([], SETTINGS))
            await asyncio.sleep(3 * SETTINGS.ray.lost_after_s)
            assert not deploying.done()
            cluster.may_end.set()
            await deploying

    asyncio.run(play())
