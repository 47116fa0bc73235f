"""How signals end a process: heard in its event loop, so that what it holds is given back."""

import asyncio
import signal
from collections.abc import Callable


def hear_the_end(tell: Callable[[int], None]) -> None:
    """Call `tell` in the running loop at SIGINT, SIGTERM and, unless started to survive its terminal, SIGHUP.

    A later call takes the place of an earlier one.
    """
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        if number != signal.SIGHUP or signal.getsignal(number) is not signal.SIG_IGN:  # nohup
            loop.add_signal_handler(number, tell, int(number))
