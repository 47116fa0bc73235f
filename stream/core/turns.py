"""Batches that overlap: the next one is read and embedded while the one before is applied, and never overtakes it."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import TypeVar

Batch = TypeVar("Batch")


class Turn:
    """Where one batch stands behind the one `before` it. At most two are under way at once.

    Only its reading and embedding go ahead: what is applied and acknowledged comes in the order of the batches.
    """

    def __init__(self, before: "Turn | None" = None) -> None:
        self._before = before
        self._goes_on = asyncio.Event()
        self._has_ended = asyncio.Event()

    async def come(self) -> None:
        """Wait until all of the batch before is applied and acknowledged."""
        if self._before is not None:
            await self._before._has_ended.wait()
            self._before = None

    def let_next_go_ahead(self) -> None:
        """Nothing is left to read or embed: the next batch would wait for no processor of this one's."""
        self._goes_on.set()

    def end(self) -> None:
        """All of it is applied and acknowledged."""
        self._goes_on.set()
        self._has_ended.set()

    async def until_next_may_begin(self) -> None:
        """Wait until a third batch would not be under way, and this one needs no reader and no embedder any more."""
        await self.come()
        await self._goes_on.wait()


async def in_turns(
    batches: AsyncIterator[Batch], handle: Callable[[Batch, Turn], Awaitable[None]]
) -> None:
    """Hand each batch over with its turn; the next one is taken when that may begin. `handle` never raises.

    It ends the turn, unless no further batch may follow. What is under way when this is cancelled is cancelled too.
    """
    turn: Turn | None = None
    under_way: set[asyncio.Future[None]] = set()
    try:
        async for batch in batches:
            turn = Turn(turn)
            task: asyncio.Future[None] = asyncio.ensure_future(handle(batch, turn))
            under_way.add(task)
            task.add_done_callback(under_way.discard)
            await turn.until_next_may_begin()
        await asyncio.gather(*under_way)
    finally:
        for task in under_way:
            task.cancel()
        await asyncio.gather(*under_way, return_exceptions=True)
