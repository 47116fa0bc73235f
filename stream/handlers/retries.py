"""How transient failures are met: tried again in place, without limit, ever more seldom."""

from collections.abc import AsyncIterator

import stamina

from schemas.errors import TransientError

_RETRY_CAP_S = 30.0


def retries() -> AsyncIterator[stamina.Attempt]:
    """Attempts for ever, with pauses of at most half a minute. A cancellation ends them."""
    return aiter(
        stamina.retry_context(on=TransientError, attempts=None, timeout=None, wait_max=_RETRY_CAP_S)
    )
