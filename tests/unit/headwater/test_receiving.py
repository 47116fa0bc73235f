"""Which generations receive changes while the model of one is slow to come."""

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from headwater import receiving
from headwater.receiving import Receivers, end_unused
from index.adapters.embed.hashed import HashedEmbedder
from index.core.generations import GenerationInfo
from index.handlers import Receiver
from schemas.errors import EmbedderUnavailable, ModelChanged, StoreUnavailable
from schemas.ids import Generation
from tests.support.reading import ReadHere

_SLOW_S = 30.0

Opened = Callable[[GenerationInfo], Awaitable[Receiver]]


def _info(number: int, *, is_live: bool) -> GenerationInfo:
    return GenerationInfo(Generation(number), f"f{number}", f"m{number}", 8, is_live)


LIVE, BUILDING = _info(1, is_live=True), _info(2, is_live=False)


def _receiver(info: GenerationInfo) -> Receiver:
    return Receiver(info.generation, ReadHere(), HashedEmbedder(8))


def _numbers(receivers: list[Receiver]) -> list[int]:
    return [int(to.generation) for to in receivers]


@pytest.fixture(autouse=True)
def _soon(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(receiving, "_SOON_S", 0.05)


class Cluster:
    """Opens the live generation at once, and another when there is `room`."""

    def __init__(self) -> None:
        self.room = asyncio.Event()
        self.opened = 0
        self.failure: Exception | None = None

    async def open(self, info: GenerationInfo) -> Receiver:
        self.opened += 1
        if not info.is_live:
            await self.room.wait()
            if self.failure is not None:
                raise self.failure
        return _receiver(info)


def test_a_generation_that_waits_for_room_holds_up_no_change_to_the_live_one() -> None:
    async def play() -> None:
        cluster = Cluster()
        receivers = Receivers(cluster.open, is_patient=False)
        async with asyncio.timeout(_SLOW_S):
            for _ in range(3):
                assert _numbers([*await receivers.of([LIVE, BUILDING])]) == [1]
            assert cluster.opened == 4  # the other one is asked for once
            cluster.room.set()
            await asyncio.sleep(0)
            await asyncio.sleep(0)
            assert _numbers([*await receivers.of([LIVE, BUILDING])]) == [1, 2]

    asyncio.run(play())


def test_without_a_live_generation_the_first_one_is_waited_for() -> None:
    async def play() -> None:
        cluster = Cluster()
        asking = asyncio.ensure_future(Receivers(cluster.open, is_patient=False).of([BUILDING]))
        await asyncio.sleep(0.2)
        assert not asking.done()
        cluster.room.set()
        assert _numbers([*await asking]) == [2]

    asyncio.run(play())


def test_who_alone_fills_a_generation_waits_for_it() -> None:
    async def play() -> None:
        cluster = Cluster()
        asking = asyncio.ensure_future(
            Receivers(cluster.open, is_patient=True).of([LIVE, BUILDING])
        )
        await asyncio.sleep(0.2)
        assert not asking.done()
        cluster.room.set()
        assert _numbers([*await asking]) == [1, 2]

    asyncio.run(play())


@pytest.mark.parametrize("failure", [EmbedderUnavailable("no room"), ModelChanged("m2")])
def test_one_that_fails_to_come_is_left_out_and_asked_for_again(failure: Exception) -> None:
    async def play() -> None:
        cluster = Cluster()
        cluster.room.set()
        cluster.failure = failure
        receivers = Receivers(cluster.open, is_patient=False)
        assert _numbers([*await receivers.of([LIVE, BUILDING])]) == [1]
        cluster.failure = None
        assert _numbers([*await receivers.of([LIVE, BUILDING])]) == [1, 2]

    asyncio.run(play())


def test_one_that_is_dropped_while_it_comes_is_given_up() -> None:
    async def play() -> None:
        cluster = Cluster()
        receivers = Receivers(cluster.open, is_patient=False)
        await receivers.of([LIVE, BUILDING])
        before = asyncio.all_tasks()
        await receivers.of([LIVE])
        await asyncio.sleep(0)
        assert len(asyncio.all_tasks()) == len(before) - 1

    asyncio.run(play())


def test_a_model_ends_once_two_looks_in_a_row_find_no_use_for_it() -> None:
    looks: list[set[str] | None] = [{"a"}, {"b"}, None, {"b"}, {"a", "b"}, {"a"}]
    ended: list[tuple[int, str]] = []

    async def unused() -> set[str]:
        if not looks:
            raise asyncio.CancelledError
        look = looks.pop(0)
        if look is None:
            raise StoreUnavailable("away")
        return look

    async def end(model: str) -> None:
        ended.append((len(looks), model))

    async def play() -> None:
        with pytest.raises(asyncio.CancelledError):
            await end_unused(unused, end, every_s=0)

    asyncio.run(play())

    assert ended == [(2, "b"), (0, "a")]
