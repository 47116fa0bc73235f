"""How transient failures are met: tried again in place, without limit, ever more seldom."""

from collections.abc import AsyncIterator, Callable
from types import TracebackType
from typing import Protocol, Self

import stamina

from schemas.errors import TransientError

RETRY_CAP_S = 30.0


class Attempt(Protocol):
    """A block that swallows a transient failure, which the next attempt follows upon."""

    @property
    def num(self) -> int:
        """Which one it is, from 1 on."""
        ...

    def __enter__(self) -> object: ...

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
        /,
    ) -> bool | None: ...


Retries = Callable[[], AsyncIterator[Attempt]]
"""Attempts for ever; a cancellation ends them."""


def retries() -> AsyncIterator[Attempt]:
    """Attempts for ever, with pauses of at most half a minute. A cancellation ends them."""
    return _Attempts()


async def heard_retries(hear: Callable[[], None]) -> AsyncIterator[Attempt]:
    """The same; `hear` is called whenever a failed attempt is about to be made again."""
    async for attempt in retries():
        if attempt.num > 1:
            hear()
        yield attempt


class _First:
    """The first attempt, which is nearly always the last."""

    num = 1

    def __init__(self) -> None:
        self.error: TransientError | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> bool:
        self.error = error if isinstance(error, TransientError) else None
        return self.error is not None


class _Attempts:
    """What `stamina` does, but that it is set to work only upon a failure: every event comes this way."""

    def __init__(self) -> None:
        self._first: _First | None = None
        self._further: AsyncIterator[stamina.Attempt] | None = None

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> Attempt:
        if self._first is None:
            self._first = _First()
            return self._first
        if self._further is None:
            if self._first.error is None:
                raise StopAsyncIteration
            self._further = aiter(
                stamina.retry_context(
                    on=TransientError, attempts=None, timeout=None, wait_max=RETRY_CAP_S
                )
            )
            with await anext(self._further):
                raise self._first.error
        return await anext(self._further)
