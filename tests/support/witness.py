"""What must hold of an index: at every commit point, and once a sync has run to its end."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from index.core.stored import DumpedPage
from ingest.adapters.memory import MemoryReader
from ingest.core.audit import dump_of
from ingest.settings import SourceSettings
from schemas.events import PageChanged, PageEvent
from schemas.ids import Generation, Revision, SourceName, path_of
from tests.support.docs import Expected
from tests.support.pipeline import Pipeline
from tests.support.reading import ReadHere
from tests.support.shelves import MemoryShelf, Rows, Shelf

_MARKS = re.compile(r"(?:mark|piece)\d+")


@dataclass(slots=True)
class Witness:
    """Looks at every commit point as a concurrent reader would; `violations` says what it saw go wrong.

    `moving` names pages, by old path and new, that are being moved while nothing else is going on.
    """

    shelf: Shelf
    source: SourceName
    read: ReadHere
    violations: list[str] = field(default_factory=list)
    moving: list[tuple[str, str]] = field(default_factory=list)
    _versions: dict[tuple[str, Revision], PageChanged] = field(default_factory=dict)
    _newest: dict[tuple[Generation, str], Revision] = field(default_factory=dict)

    def sent(self, events: Sequence[PageEvent]) -> None:
        """Note what a reader may see from now on."""
        for event in events:
            if isinstance(event, PageChanged):
                key = (path_of(event.page_id), event.revision)
                before = self._versions.setdefault(key, event)
                if (before.text, before.url) != (event.text, event.url):
                    self.violations.append(f"{key} was sent with two contents")

    async def watch(self, point: str) -> None:
        """Look at everything."""
        rows = await self.shelf.rows(self.source)
        for info in await self.shelf.generations.generations():
            dump = await self.shelf.generations.dump(info.generation, self.source)
            for fault in self._faults(info.generation, rows, dump):
                self.violations.append(f"{point}, generation {info.generation}: {fault}")

    def _faults(
        self, generation: Generation, rows: Rows, dump: Mapping[str, DumpedPage]
    ) -> list[str]:
        states = {path: at for (where, path), at in rows.states.items() if where == generation}
        faults = [f"{path} has rows and no state" for path in dump.keys() - states.keys()]
        for path, (revision, is_deleted) in states.items():
            if revision < self._newest.get((generation, path), 0):
                faults.append(f"{path} went back to revision {revision}")
            self._newest[generation, path] = revision
            if (path in dump) == is_deleted:
                faults.append(f"{path} is deleted: {is_deleted}, and shown: {path in dump}")
            elif path in dump and dump[path] != self._version(path, revision):
                faults.append(f"{path} is not what was sent as revision {revision}")
        for old, new in self.moving:
            if old not in dump and new not in dump:
                faults.append(f"{old} is missing while it moves to {new}")
        return faults

    def _version(self, path: str, revision: Revision) -> DumpedPage | None:
        event = self._versions.get((path, revision))
        return dump_of(path, event.url, self.read.read(event)) if event else None


async def check_reconciled(
    shelf: Shelf,
    source: SourceName,
    generation: Generation,
    expected: Expected,
    rebuilt: Mapping[str, DumpedPage],
) -> None:
    """Check a whole generation after a sync that ran to its end: it is a rebuild, and all is accounted for."""
    assert await shelf.ledger.unfinished(source) == frozenset()
    rows = await shelf.rows(source)
    assert rows.in_flight(generation) == []
    assert rows.parked_now(generation) == expected.parked
    dump = await shelf.generations.dump(generation, source)
    shown = {path: page for path, page in dump.items() if path not in expected.parked}
    assert {path: (page.url, marks_in(page)) for path, page in shown.items()} == expected.live
    assert shown == rebuilt


async def rebuild(
    source: SourceName, reader: MemoryReader, settings: SourceSettings, read: ReadHere
) -> Mapping[str, DumpedPage]:
    """The dump of an index built from nothing but the head."""

    async def nobody(_: str) -> None:
        return None

    shelf = MemoryShelf()
    pipeline = Pipeline(shelf, source, reader, settings, nobody, read)
    generation = await pipeline.add_generation()
    await pipeline.sync()
    dump = await shelf.generations.dump(generation, source)
    return dump


def marks_in(page: DumpedPage) -> tuple[str, ...]:
    """The marks a page shows, in reading order."""
    return tuple(mark for _, text, _ in page.chunks for mark in _MARKS.findall(text))
