"""What ends the pause between two syncs of a source: hints at once, questions every few seconds, nothing else."""

import asyncio
import time

import pytest

from headwater.following import Hint

SOON_S, LONG_S = 0.1, 30.0


@pytest.fixture(autouse=True)
def seldom(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("headwater.following._ASKED_EVERY_S", SOON_S)


async def paused(hint: Hint, at_most_s: float = LONG_S) -> float:
    """How long a pause took, after which a sync begins."""
    start_s = time.monotonic()
    await hint.pause(at_most_s)
    hint.take()
    return time.monotonic() - start_s


def test_a_pause_ends_by_itself_by_a_hint_and_by_a_question() -> None:
    async def ended() -> list[float]:
        hint = Hint()
        by_itself = await paused(hint, 0.01)
        asyncio.get_running_loop().call_soon(hint.give)
        by_a_hint = await paused(hint)
        asyncio.get_running_loop().call_soon(hint.ask)
        return [by_itself, by_a_hint, await paused(hint)]

    assert max(asyncio.run(ended())) < LONG_S / 2


def test_questions_are_heard_seldom_however_many_ask() -> None:
    async def heard() -> int:
        hint = Hint()

        async def ask() -> None:
            while True:
                hint.ask()
                await asyncio.sleep(0)

        asking = asyncio.create_task(ask())
        syncs, start_s = 0, time.monotonic()
        while time.monotonic() < start_s + 4.5 * SOON_S:
            await paused(hint)
            syncs += 1
        asking.cancel()
        return syncs

    assert 2 <= asyncio.run(heard()) <= 6


def test_a_question_breaks_off_no_sync_and_one_that_comes_during_it_is_heard_after() -> None:
    async def ended() -> float:
        hint = Hint()
        hint.ask()
        assert not hint.is_given()
        await hint.wait(0.01)
        return await paused(hint)

    assert asyncio.run(ended()) < LONG_S / 2
