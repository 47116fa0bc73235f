"""What a worker's watchdog hears of its consumer."""

import asyncio
from collections.abc import Iterator, Sequence

import pytest
import stamina

from headwater.transport import with_pulse
from index.adapters.embed.hashed import HashedEmbedder
from index.adapters.memory import MemoryIndex
from index.core.plan import Outcome
from index.handlers import Receiver
from schemas.errors import EmbedderUnavailable
from schemas.events import PageEvent
from schemas.ids import Generation
from stream.core.progress import Pulse
from stream.handlers import Consumer, consume_batch
from tests.support.events import DIM, changed
from tests.support.reading import ReadHere


@pytest.fixture(autouse=True)
def _no_waiting() -> Iterator[None]:
    with stamina.set_testing(True, attempts=1000):
        yield


@pytest.mark.parametrize("failures", [0, 3])
def test_applying_embedding_and_trying_again_are_signs_of_life(failures: int) -> None:
    told: list[str] = []
    left = [EmbedderUnavailable("away")] * failures
    pulse, index = Pulse(), MemoryIndex()

    def embed(_: Sequence[str]) -> None:
        if left:
            raise left.pop()

    async def receivers() -> Sequence[Receiver]:
        return [Receiver(Generation(1), ReadHere(), HashedEmbedder(DIM, before=embed))]

    def hear(event: PageEvent, _: Generation, outcome: Outcome | None) -> None:
        told.append(event.page_id)

    async def play() -> None:
        await index.create(fingerprint="f", model="m", dim=DIM)
        consumer = with_pulse(Consumer(index, index, receivers, hear), pulse)
        await consume_batch([changed("a.md", 1)], consumer)

    asyncio.run(play())

    assert len(told) == 1
    assert pulse.signs == 2 + failures  # embedded, told of, and each that was tried again
