"""Keeping the statistics that ranking and planning rest on fresh, beside the syncs and never in their way."""

import asyncio
import contextlib
from dataclasses import dataclass, field

from index.adapters.postgres.generations import PostgresGenerations
from schemas.errors import GenerationGone, HeadwaterError
from schemas.ids import SourceName

_STALE_SHARE, _STALE_PAGES = 0.05, 10
"""A source's statistics are renewed once this share of its pages has changed, and at least so many."""


@dataclass(slots=True)
class Statistics:
    """How many pages of each source have changed since its statistics were taken."""

    generations: PostgresGenerations
    changed: dict[SourceName, int] = field(default_factory=dict)
    _due: set[SourceName] = field(default_factory=set)
    _noted: asyncio.Event = field(default_factory=asyncio.Event)

    def note(self, source: SourceName, pages: int) -> None:
        """So many pages of `source` have just changed."""
        if pages:
            self.changed[source] = self.changed.get(source, 0) + pages
            self._noted.set()

    def renew(self, source: SourceName) -> None:
        """Have `keep` renew them: a process that was killed may have left what it had not counted."""
        self._due.add(source)
        self._noted.set()

    async def refresh(self, source: SourceName) -> None:
        """Begin a new epoch of a source now, in every generation that receives changes: any may answer soon.

        What fails is tried again after the next change.
        """
        changed = self.changed.pop(source, 0)
        try:
            for info in await self.generations.generations():
                with contextlib.suppress(GenerationGone):
                    await self.generations.refresh_statistics(info.generation, source)
                    await self.generations.tune(info.generation)
        except HeadwaterError:
            self.changed[source] = self.changed.get(source, 0) + changed

    async def keep(self) -> None:
        """Refresh whatever has become stale, for ever."""
        while True:
            await self._noted.wait()
            self._noted.clear()
            with contextlib.suppress(HeadwaterError):
                stale = await self._stale()
                due, self._due = self._due.union(stale), set()
                for source in due:
                    await self.refresh(source)

    async def _stale(self) -> list[SourceName]:
        if max(self.changed.values(), default=0) < _STALE_PAGES:
            return []
        known = await self.generations.generations()
        pages = {
            status.source: status.pages
            for info in known
            if info.is_live
            for status in await self.generations.statuses(info.generation)
        }
        return [
            source
            for source, changed in self.changed.items()
            if changed >= max(_STALE_PAGES, pages.get(source, 0) * _STALE_SHARE)
        ]
