"""How signals end a process: heard in its event loop, so that what it holds is given back, and in bounded time."""

import asyncio
import contextlib
import os
import signal
import sys
import threading
from collections.abc import Callable


def hear_the_end(tell: Callable[[int], None]) -> None:
    """Call `tell` in the running loop at SIGINT, SIGTERM and, unless started to survive its terminal, SIGHUP.

    A later call takes the place of an earlier one.
    """
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        if number != signal.SIGHUP or signal.getsignal(number) is not signal.SIG_IGN:  # nohup
            loop.add_signal_handler(number, tell, int(number))


def leave_within(seconds: float, status: Callable[[], int]) -> None:
    """End this process with `status` after so long, if it has not ended by then.

    A thread that waits for a broker which swallows what it is sent cannot be ended, and neither can a task that
    swallows its cancellation: the interpreter would wait for both. Only for when nothing is left to be given back, or
    what is left may be lost.
    """
    timer = threading.Timer(seconds, _leave, [status])
    timer.daemon = True
    timer.start()


def _leave(status: Callable[[], int]) -> None:
    number = status()
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(OSError, ValueError):
            stream.flush()
    os._exit(number)
