"""Waiting until commits are searchable."""

import asyncio
import contextlib
import math
from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass, field

from index.core.ports import CommitStore
from index.handlers.search import shown_as_of
from schemas.errors import BadQuestion, CommitNotSearchable, StoreUnavailable, UnknownSource
from schemas.ids import Revision, SourceName

WITHIN_S = 10.0
_EVERY_S = 0.1
_ASK_EVERY_S = 3.0

Ask = Callable[[SourceName], Awaitable[None]]
"""Asks whoever follows a source to look for what is newer. Raises: StoreUnavailable."""


async def ask_nobody(_source: SourceName) -> None:
    """An `Ask` where nobody follows."""


@dataclass(slots=True)
class CommitWaiter:
    """Waits for commits; one for all requests of a process.

    However many wait, the store is asked at most once in `every_s` whether a sync has finished, and only then does each
    look for its own commits. Nothing is held in between. `ask` is told what is missing, each source at most once in
    `ask_every_s`. `now_s` is a clock that only goes forward.
    """

    store: CommitStore
    now_s: Callable[[], float]
    within_s: float = WITHIN_S
    every_s: float = _EVERY_S
    ask: Ask = ask_nobody
    ask_every_s: float = _ASK_EVERY_S
    _asked_s: dict[SourceName, float] = field(default_factory=dict)
    _turn: asyncio.Lock = field(default_factory=asyncio.Lock)
    _published: Mapping[SourceName, Revision] = field(default_factory=dict)
    _looked_at_s: float | None = None

    async def __call__(self, wanted: Mapping[str, str]) -> None:
        """Return once all of `wanted`, the first digits of a commit by source, are searchable.

        So they are in the next snapshot of the store, unless a sync that takes one back, as after a force push, ends
        in between; its `as_of` tells.
        Raises: UnknownSource; BadQuestion where several commits begin so; CommitNotSearchable; StoreUnavailable.
        """
        if not wanted:
            return
        asked = missing = {SourceName(name): digits for name, digits in wanted.items()}
        try:
            async with asyncio.timeout(self.within_s):
                while True:
                    before = await self._state()
                    missing = await self._missing(asked)  # all: one may be gone again meanwhile
                    if not missing:
                        return
                    await self._moved(before, missing)
        except TimeoutError:
            as_of = await self.store.as_of([SourceName(name) for name in wanted])
            raise CommitNotSearchable(
                {str(name): digits for name, digits in missing.items()},
                shown_as_of(as_of),
                after_s=self.within_s,
            ) from None

    async def _missing(self, wanted: Mapping[SourceName, str]) -> dict[SourceName, str]:
        found = await self.store.covering(wanted)
        for name, digits in wanted.items():
            if name not in found:
                raise UnknownSource(name)
            if found[name] > 1:
                raise BadQuestion(f"several commits of {name} begin with {digits}")
        return {name: digits for name, digits in wanted.items() if not found[name]}

    async def _moved(
        self, before: Mapping[SourceName, Revision], names: Mapping[SourceName, str]
    ) -> None:
        """Return once one of the sources has come further than `before`."""
        while True:
            await self._ask_for(names)
            await asyncio.sleep(self.every_s)
            now = await self._state()
            if any(now.get(name) != before.get(name) for name in names):
                return

    async def _ask_for(self, names: Iterable[SourceName]) -> None:
        now_s = self.now_s()
        for name in names:
            if now_s - self._asked_s.get(name, -math.inf) >= self.ask_every_s:
                self._asked_s[name] = now_s
                with contextlib.suppress(StoreUnavailable):  # the source is polled anyway
                    await self.ask(name)

    async def _state(self) -> Mapping[SourceName, Revision]:
        """How far the sources are, as of at most `every_s` ago."""
        async with self._turn:
            now_s = self.now_s()
            if self._looked_at_s is None or now_s - self._looked_at_s >= self.every_s:
                self._published = await self.store.published()
                self._looked_at_s = now_s
            return self._published
