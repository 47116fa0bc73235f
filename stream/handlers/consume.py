"""Consuming page events: each one ends applied, superseded or parked, whatever happens on the way."""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Iterator, Sequence
from dataclasses import dataclass, field

import structlog

from index.core.failures import first_failure
from index.core.plan import Outcome
from index.core.ports import PageStore, ParkStore
from index.handlers import ReadAhead, ReadPages, Receiver, apply_page, embed_ahead, read_ahead
from schemas.errors import (
    BadVectors,
    GenerationGone,
    NoGeneration,
    ParkingFailed,
    PermanentError,
    TransientError,
)
from schemas.events import PageDeleted, PageEvent
from schemas.ids import Generation
from stream.core.order import in_order, in_parts
from stream.core.ports import NobodyWatches, Watch
from stream.handlers.retries import Retries, retries

_log = structlog.get_logger()

BAD_VECTOR_TRIES = 3
TARGET_WAIT_S = 5.0
_POLL_S = 0.05

Told = Callable[[PageEvent, Generation, Outcome | None], None]
"""Hears what became of an event in a generation; None means parked."""


@dataclass(frozen=True, slots=True)
class Consumer:
    """What `consume_batch` works with: the receivers are asked for anew for every batch.

    `target_wait_s` is how long the deletion of a moved page waits for the page that takes its place.
    """

    store: PageStore
    park: ParkStore
    receivers: Callable[[], Awaitable[Sequence[Receiver]]]
    told: Told
    target_wait_s: float = TARGET_WAIT_S
    watch: Watch = field(default_factory=NobodyWatches)
    retries: Retries = retries


async def consume_batch(events: Sequence[PageEvent], consumer: Consumer) -> None:
    """Return once every event is applied, superseded or parked in every generation.

    Transient failures are retried in place without limit; permanent ones and bugs park the event. Where no
    generation receives yet, events wait for one: what nobody took is not done. A generation that is dropped meanwhile
    needs no more. Raises: ParkingFailed, on which the process must end with nothing acknowledged.
    """
    receivers: Sequence[Receiver] = ()
    async for attempt in consumer.retries():
        with attempt:
            receivers = await consumer.receivers()
            if events and not receivers:
                raise NoGeneration
    for to in receivers:
        try:
            await _consume_for(in_order(events), to, consumer)
        except BaseExceptionGroup as failures:
            first = first_failure(failures)
            if not isinstance(first, GenerationGone):
                raise first from failures
            _log.info("generation.gone", generation=to.generation)


async def _consume_for(events: Sequence[PageEvent], to: Receiver, consumer: Consumer) -> None:
    """Read, embed and apply a few pages at a time, each step beside the next one's predecessor.

    While some pages are embedded the next ones are read and the last ones written: the processor never waits for
    the database, nor the database for it. Pages are still applied one by one, in order.
    """
    parts = in_parts(events)
    async with asyncio.TaskGroup() as group:
        reading = group.create_task(_read_ahead(parts[0], to, consumer)) if parts else None
        applying: asyncio.Task[None] | None = None
        for part, following in zip(parts, [*parts[1:], None], strict=False):
            pages = await reading if reading else {}
            reading = group.create_task(_read_ahead(following, to, consumer)) if following else None
            pages = await _embed_ahead(pages, to, consumer)
            if applying is not None:
                await applying
            applying = group.create_task(_apply(part, pages, to, consumer))


async def _apply(
    events: Sequence[PageEvent], pages: ReadPages, to: Receiver, consumer: Consumer
) -> None:
    for event in events:
        with consumer.watch.handling(event, to.generation):
            await _consume(event, to, consumer, pages.get((event.page_id, event.revision)))


async def _read_ahead(events: Sequence[PageEvent], to: Receiver, consumer: Consumer) -> ReadPages:
    pages: ReadPages = {}
    async for attempt in consumer.retries():
        with attempt, _only_ahead():
            pages = await read_ahead(events, to, store=consumer.store)
    return pages


async def _embed_ahead(pages: ReadPages, to: Receiver, consumer: Consumer) -> ReadPages:
    async for attempt in consumer.retries():
        with attempt, _only_ahead():
            pages = await embed_ahead(pages, to, store=consumer.store)
    return pages


@contextlib.contextmanager
def _only_ahead() -> Iterator[None]:
    """Going ahead only saves time: what it stumbles over is met again page by page, and parked there."""
    try:
        yield
    except (TransientError, GenerationGone):
        raise
    except Exception as error:
        _log.warning("batch.not_ahead", reason=f"{type(error).__name__}: {error}")


async def _consume(
    event: PageEvent,
    to: Receiver,
    consumer: Consumer,
    ahead: ReadAhead | None,
) -> None:
    bad_vectors = 0
    outcome: Outcome | None = None
    async for attempt in consumer.retries():
        with attempt:
            try:
                await _wait_for_target(event, to, consumer)
                outcome = await apply_page(event, to, store=consumer.store, ahead=ahead)
            except (TransientError, GenerationGone):
                raise
            except BadVectors as error:
                bad_vectors += 1
                if bad_vectors < BAD_VECTOR_TRIES:
                    raise _TryAgain from error
                await _park(event, to, consumer, error)
            except Exception as error:  # the one boundary of this process: permanent, or a bug
                await _park(event, to, consumer, error)
    consumer.told(event, to.generation, outcome)


async def _park(event: PageEvent, to: Receiver, consumer: Consumer, error: Exception) -> None:
    reason = str(error) if isinstance(error, PermanentError) else f"{type(error).__name__}: {error}"
    _log.warning("page.parked", page_id=event.page_id, revision=event.revision, reason=reason)
    try:
        await consumer.park.park(to.generation, event.page_id, event.revision, reason)
    except (TransientError, GenerationGone):
        raise
    except Exception as failure:
        raise ParkingFailed(f"{event.page_id} could not be parked: {failure}") from failure


async def _wait_for_target(event: PageEvent, to: Receiver, consumer: Consumer) -> None:
    """Give the page that takes this one's place, and removes it, a few seconds to arrive or be parked."""
    if not isinstance(event, PageDeleted) or event.moved_to is None:
        return
    stored = await consumer.store.page(to.generation, event.page_id)
    if stored is not None and stored.revision >= event.revision:
        return  # done already, by the target or by a first delivery
    deadline = asyncio.get_running_loop().time() + consumer.target_wait_s
    while asyncio.get_running_loop().time() < deadline:
        target = await consumer.store.page(to.generation, event.moved_to)
        if target is not None and target.revision >= event.revision:
            return
        if await consumer.park.is_parked(to.generation, event.moved_to, event.revision):
            return
        await asyncio.sleep(_POLL_S)


class _TryAgain(TransientError):
    """Bad vectors may be a hiccup: tried three times."""
