"""The generations that receive changes: who is slow to come holds up nobody."""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Sequence

import structlog

from index.core.generations import GenerationInfo
from index.handlers import Receiver
from schemas.errors import PermanentError, TransientError
from schemas.ids import Generation

_log = structlog.get_logger()

_SOON_S = 1.0

Open = Callable[[GenerationInfo], Awaitable[Receiver]]
"""Opens what a generation is filled with; it may have to wait for its model, even for room on a cluster."""


class Receivers:
    """Opens receivers beside the work on those that are open.

    `is_patient` waits for every one of them: where nobody else would bring a generation what it missed.
    """

    def __init__(self, open_: Open, *, is_patient: bool) -> None:
        self._open = open_
        self._is_patient = is_patient
        self._coming: dict[Generation, asyncio.Task[Receiver]] = {}

    async def of(self, generations: Sequence[GenerationInfo]) -> Sequence[Receiver]:
        """Those that can be had now, in order: the live one in any case.

        One whose model cannot be had here, or not yet, is left out: what it misses is sent again, and the others go
        on. Without a live one all are waited for: nobody is held up. Raises: what opening the live one raises.
        """
        for gone in self._coming.keys() - {info.generation for info in generations}:
            self._coming.pop(gone).cancel()
        is_patient = self._is_patient or not any(info.is_live for info in generations)
        receivers = []
        for info in generations:
            try:
                receiver = await self._receiver(info, is_patient=is_patient or info.is_live)
            except (PermanentError, TransientError) as error:
                if info.is_live or (is_patient and isinstance(error, TransientError)):
                    raise
                _log.warning("generation.left_out", generation=info.generation, reason=str(error))
            else:
                receivers += [receiver] if receiver is not None else []
        return receivers

    async def close(self) -> None:
        """Give up what has not come yet."""
        coming = list(self._coming.values())
        for task in coming:
            task.cancel()
        await asyncio.gather(*coming, return_exceptions=True)

    async def _receiver(self, info: GenerationInfo, *, is_patient: bool) -> Receiver | None:
        """None while it is on its way: a second look at it waits no more."""
        if is_patient:
            return await self._open(info)
        task = self._coming.get(info.generation)
        if task is None:
            task = asyncio.ensure_future(self._open(info))
            self._coming[info.generation] = task
            await asyncio.wait({task}, timeout=_SOON_S)
            if not task.done():
                _log.warning("generation.left_out", generation=info.generation, reason="not open")
        if not task.done():
            return None
        del self._coming[info.generation]
        return task.result()


async def end_unused(
    unused: Callable[[], Awaitable[set[str]]],
    end: Callable[[str], Awaitable[None]],
    *,
    every_s: float = 30.0,
) -> None:
    """For ever, `end` each model that `unused` names at two looks in a row: others have noticed then."""
    before: set[str] = set()
    while True:
        await asyncio.sleep(every_s)
        with contextlib.suppress(TransientError):
            now = await unused()
            for model in now & before:
                _log.info("model.ended", model=model)
                await end(model)
            before = now - before
