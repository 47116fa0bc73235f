"""The in-process log: what Kafka is to a deployment, bounded and without a life of its own."""

import asyncio
from collections.abc import Awaitable, Callable, Collection, Sequence

from ingest.core.ports import GiveUp, never
from schemas.events import PageEvent
from schemas.ids import PageId

MAX_OUTSTANDING = 64
_BATCH = 64


class LocalLog:
    """`ingest.core.ports.Publish`, and the feed of `consume_batch`, in one process.

    Events are consumed in the order they were published. Nothing survives the process: at the next start the ledger
    knows what was announced and not applied.
    """

    def __init__(self) -> None:
        self._waiting: list[PageEvent] = []
        self._outstanding: dict[PageId, int] = {}
        self._changed = asyncio.Condition()
        self._failure: BaseException | None = None

    @property
    def outstanding(self) -> int:
        """How many pages have events that are not consumed yet."""
        return len(self._outstanding)

    async def __call__(self, events: Sequence[PageEvent]) -> None:
        """See `Publish.__call__`."""
        async with self._changed:
            await self._changed.wait_for(
                lambda: self._failure or len(self._outstanding) < MAX_OUTSTANDING
            )
            self._raise_failure()
            self._waiting += events
            for event in events:
                self._outstanding[event.page_id] = self._outstanding.get(event.page_id, 0) + 1
            self._changed.notify_all()

    async def settled(self, pages: Collection[PageId], given_up: GiveUp = never) -> bool:
        """See `Publish.settled`. What is at hand in this process moves, or ends it: nobody has to give up."""
        async with self._changed:
            await self._changed.wait_for(
                lambda: self._failure or not any(page in self._outstanding for page in pages)
            )
            self._raise_failure()
        return True

    async def run(self, consume: Callable[[Sequence[PageEvent]], Awaitable[None]]) -> None:
        """Feed `consume` batches of at most 64 events for ever. A failure of it ends this and every publisher."""
        try:
            while True:
                async with self._changed:
                    await self._changed.wait_for(lambda: self._waiting)
                    batch, self._waiting = self._waiting[:_BATCH], self._waiting[_BATCH:]
                await consume(batch)
                await self._acknowledge(batch)
        except BaseException as error:
            async with self._changed:
                self._failure = error
                self._changed.notify_all()
            raise

    async def _acknowledge(self, batch: Sequence[PageEvent]) -> None:
        async with self._changed:
            for event in batch:
                left = self._outstanding[event.page_id] - 1
                if left:
                    self._outstanding[event.page_id] = left
                else:
                    del self._outstanding[event.page_id]
            self._changed.notify_all()

    def _raise_failure(self) -> None:
        if self._failure is not None:
            raise RuntimeError("the consumer of this process has ended") from self._failure
