"""Blocking calls that may never return, in threads that do not keep the process from ending."""

import asyncio
import contextlib
import threading
from collections.abc import Callable
from typing import TypeVar

_T = TypeVar("_T")


async def in_daemon_thread(call: Callable[[], _T], *, timeout_s: float) -> _T:
    """What `call` returns. Raises: TimeoutError, while the call goes on; what it raises."""
    loop = asyncio.get_running_loop()
    outcome: asyncio.Future[_T] = loop.create_future()

    def settle(returned: _T | None, error: BaseException | None) -> None:
        if outcome.done():
            return
        if error is not None:
            outcome.set_exception(error)
        else:
            outcome.set_result(returned)  # type: ignore[arg-type]  # None where _T is None

    def run() -> None:
        returned, error = None, None
        try:
            returned = call()
        except BaseException as raised:  # handed over to whoever waits
            error = raised
        with contextlib.suppress(RuntimeError):  # the loop has closed: nobody waits any more
            loop.call_soon_threadsafe(settle, returned, error)

    threading.Thread(target=run, daemon=True).start()
    async with asyncio.timeout(timeout_s):
        return await outcome
