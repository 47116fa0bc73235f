"""How transient failures are met: tried again in place, without limit, ever more seldom."""

from collections.abc import AsyncIterator, Callable

import stamina

from schemas.errors import TransientError

RETRY_CAP_S = 30.0

Retries = Callable[[], AsyncIterator[stamina.Attempt]]
"""Attempts for ever; a cancellation ends them."""


def retries() -> AsyncIterator[stamina.Attempt]:
    """Attempts for ever, with pauses of at most half a minute. A cancellation ends them."""
    return aiter(
        stamina.retry_context(on=TransientError, attempts=None, timeout=None, wait_max=RETRY_CAP_S)
    )


async def heard_retries(hear: Callable[[], None]) -> AsyncIterator[stamina.Attempt]:
    """The same; `hear` is called whenever a failed attempt is about to be made again."""
    async for attempt in retries():
        if attempt.num > 1:
            hear()
        yield attempt
