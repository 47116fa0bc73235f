"""Work for whoever follows the sources, asked for by another command: hinted and waited for, or done here."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Collection, Sequence
from functools import partial
from pathlib import Path

from headwater.console import sync_progress
from headwater.home import Claim, claim_of
from headwater.indexing import Progress, ignore, open_source, sync_until_complete
from headwater.keeping import keeping_database
from headwater.runtime import Runtime, consuming, utc_now
from index.adapters.postgres.deliveries import PostgresDeliveries
from ingest.handlers.sync import Syncer
from schemas.errors import WrongUse
from schemas.ids import PageId, SourceName, source_of

_CLAIM_WAIT_S = 0.5
_POLL_S = 0.25
_ANSWER_WITHIN_S = 30.0

IsDone = Callable[[], Awaitable[bool]]


async def republish(runtime: Runtime, pages: Collection[PageId]) -> None:
    """Have the newest state of pages published anew, and wait until each is searchable or parked.

    What is asked for stands in the database: it is done by whoever follows, here where nobody does, and by the next
    sync if this process is killed. Raises: WrongUse when nobody can.
    """
    tickets = await runtime.store.ledger.ask_anew(pages)

    async def is_done() -> bool:
        return not await runtime.store.ledger.open_tickets(tickets)

    names = sorted({source_of(page) for page in pages})
    await bring(runtime, names, is_done=is_done)


async def bring(
    runtime: Runtime, names: Sequence[SourceName], *, is_done: IsDone, everything: bool = False
) -> None:
    """Have these sources synced until `is_done`, by whoever follows them or else by this process.

    `everything` has this process send whatever any generation lacks; who follows finds that out. Raises: WrongUse.
    """
    claim = claim_of(runtime.settings)
    while not await asyncio.to_thread(claim.take_exclusive, timeout_s=_CLAIM_WAIT_S):
        if await _ask_follower(runtime, names, claim, is_done):
            return
    try:
        with sync_progress() as progress:
            await _sync_here(runtime, names, progress, everything=everything)
    finally:
        await asyncio.to_thread(claim.release)


async def _ask_follower(
    runtime: Runtime, names: Sequence[SourceName], claim: Claim, is_done: IsDone
) -> bool:
    """Hint the process that follows, and wait. Returns: False when it has ended and left the claim to this one."""
    deliveries, ledger = PostgresDeliveries(runtime.store.database), runtime.store.ledger
    for name in names:
        await deliveries.hint(name)
    moved_at_s = time.monotonic()
    while not await is_done():
        if await asyncio.to_thread(claim.take_exclusive):
            await asyncio.to_thread(claim.release)
            return False
        states = [await ledger.source(name) for name in names]
        if any(state.revision > state.published_revision for state in states):
            moved_at_s = time.monotonic()
        if time.monotonic() - moved_at_s > _ANSWER_WITHIN_S:
            raise WrongUse(
                f"the process that follows does not look at {', '.join(names)}: is it in its configuration?"
                " What was asked for stays asked for"
            )
        await asyncio.sleep(_POLL_S)
    return True


async def _sync_here(
    runtime: Runtime, names: Sequence[SourceName], progress: Progress, *, everything: bool
) -> None:
    known = [source for source in runtime.settings.source if source.name in names]
    if not known:
        raise WrongUse(
            f"no process follows {', '.join(names)}, and the configuration here does not name it"
        )
    ledger, publish = runtime.store.ledger, runtime.transport.publish
    syncing = partial(Syncer, ledger, publish, utc_now, progress=progress)
    async with keeping_database(runtime.store), consuming(runtime, ignore):
        for settings in known:
            home = Path(runtime.settings.home)
            async with open_source(settings, home, runtime.examine) as source:
                await sync_until_complete(source, syncing(), everything=everything)
