"""A worker of the group, against a real broker."""

import asyncio
import tempfile
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path

import pytest

from headwater.adapters.kafka_topics import apply_topics
from headwater.cluster.broker import LocalBroker
from ingest.adapters.kafka import KafkaPublish
from schemas.ids import PageId, Revision
from schemas.wire import Record
from stream.adapters.faust_worker import FaustWorker
from stream.core.progress import Pulse, Standing
from tests.support.broker import reached
from tests.support.events import changed

_WITHIN_S = 60.0


async def none_pending(_: Mapping[PageId, Revision]) -> Collection[PageId]:
    return ()


async def nothing_known() -> Mapping[int, Standing]:
    return {}


def test_a_worker_keeps_nothing_on_disk(
    broker: LocalBroker,
    runner: asyncio.Runner,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Killed, it would leave that behind."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    topics = reached(broker)
    apply_topics(topics, check=False)
    publish = KafkaPublish(topics, none_pending)
    kept: list[list[str]] = []

    async def play() -> None:
        stop = asyncio.Event()

        async def consume(_records: Sequence[Record], _waiting: int) -> None:
            kept.append([path.name for path in tmp_path.iterdir()])
            stop.set()

        await publish([changed("a.md", 1)])
        worker = FaustWorker(topics, consume, nothing_known, Pulse())
        await asyncio.wait_for(worker.run(stop), _WITHIN_S)

    runner.run(play())
    publish.close()

    assert kept == [[]]
    assert not list(tmp_path.iterdir())
