"""Which signals end a process in order."""

import asyncio
import os
import signal
import subprocess
import sys
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


@pytest.mark.parametrize("hangs", [True, False])
def test_what_hangs_in_a_thread_is_left_with_the_status_that_was_meant(hangs: bool) -> None:
    program = (
        "import sys, threading\n"
        "from headwater.ending import leave_within\n"
        "leave_within(float(sys.argv[1]), lambda: 7)\n"
        "print('done')\n"
        "if sys.argv[2] == 'True': threading.Thread(target=threading.Event().wait).start()\n"
        "sys.exit(3)\n"
    )
    wait_s = "0.2" if hangs else "600"
    command = [sys.executable, "-c", program, wait_s, str(hangs)]

    ended = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)

    assert (ended.returncode, ended.stdout) == (7 if hangs else 3, "done\n")
