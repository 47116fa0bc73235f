"""Keeping the database there while work goes on: an embedded one that dies is started again."""

import asyncio
import contextlib
import math
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import structlog

from headwater.runtime import Store
from schemas.errors import HeadwaterError, StoreUnavailable

_log = structlog.get_logger()

_CHECK_S = 2.0
_GIVE_UP_S = 60.0
"""One-off work ends once the database has been away for so long; what consumes events waits for ever."""


@asynccontextmanager
async def keeping_database(store: Store) -> AsyncIterator[None]:
    """Keep the database while the block runs. Raises: StoreUnavailable, in a group, when it does not come back."""
    async with asyncio.TaskGroup() as group:
        task = group.create_task(keep_database(store, give_up_s=_GIVE_UP_S))
        try:
            yield
        finally:
            task.cancel()


async def keep_database(
    store: Store,
    *,
    came_back: Callable[[], None] = lambda: None,
    give_up_s: float = math.inf,
) -> None:
    """Look after the database for ever; `came_back` hears when it answers again after it was away.

    Raises: StoreUnavailable once it has been away for `give_up_s`.
    """
    clock = asyncio.get_running_loop().time
    away_since_s: float | None = None
    while True:
        await asyncio.sleep(_CHECK_S)
        try:
            await store.database.ping()
        except StoreUnavailable as error:
            away_since_s = clock() if away_since_s is None else away_since_s
            _log.warning("database.away", reason=str(error))
            if clock() - away_since_s > give_up_s:
                raise
            with contextlib.suppress(HeadwaterError):
                await store.revive()
            continue
        if away_since_s is not None:
            away_since_s = None
            came_back()
