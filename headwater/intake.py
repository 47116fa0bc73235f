"""Intake as a part of a process: one at a time follows the sources, whoever holds the claim to."""

import asyncio
import contextlib
import os
from contextlib import AsyncExitStack
from functools import partial
from pathlib import Path

import structlog

from headwater.console import say, sync_progress
from headwater.following import FolderWatch, Following, follow
from headwater.generations import (
    Target,
    choose_generation,
    prepare_generation,
    promote_generation,
    warn_of_recall,
)
from headwater.home import Claim
from headwater.indexing import Progress, open_source
from headwater.runtime import Runtime, consuming, tidy
from headwater.seeing.tracing import spanning
from index.adapters.postgres.claim import DatabaseClaim
from index.adapters.postgres.deliveries import PostgresDeliveries
from ingest.adapters.folder import FolderReader
from ingest.core.webhook import Delivery
from ingest.handlers.sync import Source
from schemas.errors import (
    BadSource,
    ClaimLost,
    GenerationGone,
    HeadwaterError,
    StoreUnavailable,
    TransientError,
)

_log = structlog.get_logger()

_LOCK_POLL_S = 1.0
_RECONNECT_S = 1.0
_TIDY_EVERY_S = 3600.0


async def follow_all(
    runtime: Runtime, following: Following, target: Target | None, claim: Claim
) -> None:
    """Follow every source, as soon as no other process does; that one alone chooses what is built."""
    target = target or await _take_over(runtime, following, claim)
    following.is_ours = True
    following.metrics.claim_held.set(1)
    async with AsyncExitStack() as stack:
        await stack.enter_async_context(consuming(runtime, following.told))
        progress = stack.enter_context(sync_progress())
        group = await stack.enter_async_context(asyncio.TaskGroup())
        for settings in runtime.settings.source:
            source = await stack.enter_async_context(
                open_source(settings, Path(runtime.settings.home), runtime.examine)
            )
            group.create_task(_watch(source, following, target, progress))
        group.create_task(_complete(runtime, following, target))
        group.create_task(following.statistics.keep())
        group.create_task(_keep_tidy(runtime))
        if isinstance(claim, DatabaseClaim):
            group.create_task(keep_claim(claim))


async def _take_over(runtime: Runtime, following: Following, claim: Claim) -> Target:
    say("another process follows these sources; answering, and following when it ends")
    following.synced.update(dict.fromkeys(following.synced, True))
    while not await asyncio.to_thread(claim.take_exclusive):
        await asyncio.sleep(_LOCK_POLL_S)
    while True:
        try:
            target = await choose_generation(runtime)
        except TransientError as error:
            _log.warning("follow.waits", reason=str(error))
            await asyncio.sleep(_RECONNECT_S)
            continue
        following.synced.update(dict.fromkeys(following.synced, not target.is_new))
        return target


async def _watch(source: Source, following: Following, target: Target, progress: Progress) -> None:
    with contextlib.ExitStack() as stack:
        if isinstance(source.reader, FolderReader):
            folder = source.reader.location
            if os.path.isdir(folder):  # Path.is_dir raises for a name that is too long
                stack.enter_context(
                    FolderWatch(source.reader, folder, partial(following.hint, source.name))
                )
        filled = target.known - {target.generation} if target.is_new else target.known
        if source.name in target.overdue:
            filled = frozenset()
        await follow(source, following, filled=filled, progress=progress)


async def _complete(runtime: Runtime, following: Following, target: Target) -> None:
    """Index the vectors once every source has been synced or is in trouble; switch when nothing is lacking."""
    with contextlib.suppress(GenerationGone):  # a person has dropped it
        await _load(runtime, following, target)
        await _switch(runtime, target)


async def _load(runtime: Runtime, following: Following, target: Target) -> None:
    while True:
        await asyncio.sleep(_LOCK_POLL_S / 4)
        if not all(
            following.synced[name] or name in following.troubles for name in following.synced
        ):
            continue
        with contextlib.suppress(TransientError):
            await _refuse_if_hopeless(runtime, following, target)
            await prepare_generation(runtime, target)
            await warn_of_recall(runtime, target, say)
            return


async def _switch(runtime: Runtime, target: Target) -> None:
    told = ""
    while True:
        with contextlib.suppress(TransientError):
            lacking = await promote_generation(runtime, target)
            if not lacking:
                return
            if lacking != told:
                say(lacking)
            told = lacking
        await asyncio.sleep(_LOCK_POLL_S)


async def _refuse_if_hopeless(runtime: Runtime, following: Following, target: Target) -> None:
    """End a start that could only ever say that the docs do not answer. Raises: BadSource."""
    troubles = [following.troubles.get(name) for name in following.synced]
    statuses = await runtime.store.generations.statuses(target.generation)
    has_content = any(status.published_commit is not None for status in statuses)
    if not has_content and all(isinstance(trouble, BadSource) for trouble in troubles):
        raise next(trouble for trouble in troubles if trouble is not None)


async def pass_hints(runtime: Runtime, following: Following) -> None:
    """Pass on hints from other processes; while the database is away, polling alone must do."""
    deliveries = PostgresDeliveries(runtime.store.database)
    while True:
        with contextlib.suppress(StoreUnavailable):
            async for source, is_asked in deliveries.hints():
                pass_on = following.ask if is_asked else following.hint
                pass_on(source)
        await asyncio.sleep(_RECONNECT_S)


def hint_all(following: Following) -> None:
    for source in following.hints:
        following.hint(source)


async def keep_claim(claim: DatabaseClaim) -> None:
    """Notice when the claim went with its connection and another process has it. Raises: ClaimLost, to start anew."""
    while True:
        await asyncio.sleep(_LOCK_POLL_S)
        with contextlib.suppress(StoreUnavailable):
            if not await asyncio.to_thread(claim.is_kept):
                raise ClaimLost


async def _keep_tidy(runtime: Runtime) -> None:
    """Remove what nothing uses any more, in small batches, every hour."""
    while True:
        with contextlib.suppress(HeadwaterError):
            await tidy(runtime)
        await asyncio.sleep(_TIDY_EVERY_S)


async def store_delivery(delivery: Delivery, *, runtime: Runtime, following: Following) -> bool:
    span = runtime.watch.tracer.start("webhook.received", {"headwater.source": delivery.source})
    with spanning(span):
        if hint := following.hints.get(delivery.source):
            hint.trace = span.carrier  # first: what is stored wakes the follower at once
        is_new = await PostgresDeliveries(runtime.store.database).store(
            source=delivery.source,
            delivery_id=delivery.delivery_id,
            event=delivery.event,
            ref=delivery.ref,
            after=delivery.after,
        )
    following.hint(delivery.source)
    return is_new
