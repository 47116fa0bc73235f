"""Which signals end a process in order."""

import asyncio
import os
import signal
from collections.abc import Iterator

import pytest

from headwater.ending import hear_the_end


@pytest.fixture(autouse=True)
def dispositions() -> Iterator[None]:
    """What the test runner does with signals, put back afterwards."""
    numbers = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    before = {number: signal.getsignal(number) for number in numbers}
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


@pytest.mark.parametrize("survives_its_terminal", [False, True])
def test_the_end_of_a_terminal_is_heard_unless_it_is_to_be_survived(
    survives_its_terminal: bool,
) -> None:
    async def heard() -> list[int]:
        told: list[int] = []
        is_over = asyncio.Event()

        def tell(number: int) -> None:
            told.append(number)
            if number == signal.SIGTERM:
                is_over.set()

        hear_the_end(tell)
        os.kill(os.getpid(), signal.SIGHUP)
        os.kill(os.getpid(), signal.SIGINT)
        os.kill(os.getpid(), signal.SIGTERM)
        await asyncio.wait_for(is_over.wait(), timeout=10)
        return told

    signal.signal(signal.SIGHUP, signal.SIG_IGN if survives_its_terminal else signal.SIG_DFL)

    told = asyncio.run(heard())

    hangup = [] if survives_its_terminal else [signal.SIGHUP]
    assert sorted(told) == sorted([*hangup, signal.SIGINT, signal.SIGTERM])
