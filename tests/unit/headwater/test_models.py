"""The models of a process: nothing waits for what it does not need, and a lost cluster ends what needs it."""

import asyncio
import threading
from collections.abc import Callable
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import pytest

from headwater import models as module
from headwater.models import Models, model_hash_of
from headwater.runtime import consuming
from headwater.settings import Settings
from index.adapters.embed import ray_cluster
from index.adapters.embed.hashed import HashedEmbedder
from index.settings import EmbeddingSettings, RaySettings
from schemas.errors import EmbedderLost, EmbedderUnavailable


def test_a_question_waits_for_no_pool(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    opened = threading.Event()

    def connect(_settings: RaySettings, _home: Path) -> Callable[[], None]:
        opened.wait(timeout=30)
        raise EmbedderUnavailable("there is no cluster")

    async def prepare(_model: str, **_: object) -> HashedEmbedder:
        return HashedEmbedder()

    async def play() -> None:
        async with AsyncExitStack() as stack:
            embedding = EmbeddingSettings(cache=str(tmp_path))
            settings = Settings(ray=RaySettings(address="auto"), embedding=embedding)
            models = Models(settings, lambda _: None, stack)
            pool = asyncio.create_task(models.indexer("all-MiniLM-L6-v2"))
            await asyncio.sleep(0.05)
            async with asyncio.timeout(10):
                await models.embedder("all-MiniLM-L6-v2")
            assert not pool.done()
            opened.set()
            with pytest.raises(EmbedderUnavailable):
                await pool

    monkeypatch.setattr(ray_cluster, "connect", connect)
    monkeypatch.setattr(module, "prepare_embedder", prepare)
    asyncio.run(play())


def test_r26_whatever_consumes_in_this_process_ends_with_the_cluster() -> None:
    class Here:
        """As much of a runtime as consuming takes, with nothing to consume."""

        is_local = True

        def __init__(self, models: Models) -> None:
            self.models = models
            self.transport = self

        def consumer(self, _told: object) -> None:
            return None

        async def consume(self, _consumer: object, stop: asyncio.Event) -> None:
            await stop.wait()

    async def play() -> None:
        async with AsyncExitStack() as stack:
            models = Models(Settings(), lambda _: None, stack)
            runtime: Any = Here(models)
            async with asyncio.timeout(10), consuming(runtime, lambda *_: None):
                models.lost.set()
                await asyncio.Event().wait()

    with pytest.RaisesGroup(EmbedderLost):
        asyncio.run(play())


def test_an_index_tells_which_model_it_was_built_with() -> None:
    assert model_hash_of("2026.1/2026.2/500.256/" + "a" * 64) == "a" * 64
