"""The ledger in memory: the same promises as in a database, for tests."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from types import MappingProxyType

from index.adapters.memory import At, MemoryIndex
from index.core.ledger import (
    Announcement,
    BehindPage,
    Claim,
    Publication,
    SourceState,
)
from schemas.errors import Fenced
from schemas.ids import INTAKE, PageId, Revision, SourceName, page_id


class MemoryLedger:
    """`ingest.core.ports.Ledger` in memory."""

    def __init__(self, index: MemoryIndex, at: At = lambda _: None) -> None:
        self._index = index
        self._at = at
        self._state: dict[SourceName, SourceState] = {}
        self._attempts: dict[tuple[SourceName, Revision], tuple[str, str]] = {}
        self._rows: dict[tuple[SourceName, str], list[Publication]] = {}
        self._claims: dict[tuple[SourceName, str], tuple[Revision, Claim | None]] = {}
        self.covered: dict[tuple[SourceName, str], Revision] = {}
        self._asked: dict[tuple[SourceName, str], int] = {}
        self._tickets = 0

    async def source(self, source: SourceName) -> SourceState:
        """See `Ledger.source`."""
        known = self._state.get(source)
        at = datetime.now(UTC)
        if known is None:
            return SourceState(source, Revision(0), Revision(0), None, "", at)
        return replace(known, read_at=at)

    async def begin(self, source: SourceName, *, commit: str, config_hash: str) -> Revision:
        """See `Ledger.begin`."""
        state = await self.source(source)
        revision = Revision(state.revision + 1)
        self._state[source] = replace(state, revision=revision)
        self._attempts[source, revision] = (commit, config_hash)
        return revision

    async def announce(
        self, source: SourceName, revision: Revision, announcement: Announcement
    ) -> None:
        """See `Ledger.announce`."""
        self._hold(source, revision)
        self._at("before announce")
        for row in announcement.publications:
            self._rows.setdefault((source, row.path), []).append(row)
        for claim in announcement.claims:
            self._claims[source, claim.path] = (revision, claim)
        for path in announcement.gone:
            self._claims[source, path] = (revision, None)
        for path, reason in announcement.parked:
            await self._index.park(INTAKE, page_id(source, path), revision, reason)
        self._at("after announce")

    async def finish(
        self,
        source: SourceName,
        revision: Revision,
        *,
        commit: str,
        committed_at: datetime,
        covered: Sequence[str],
        checked_at: datetime,
        lost: Sequence[str] | None = (),
        answered: Mapping[str, int] = MappingProxyType({}),
    ) -> None:
        """See `Ledger.finish`."""
        self._hold(source, revision)
        self._at("before finish")
        config_hash = self._attempts[source, revision][1]
        self._state[source] = SourceState(
            source, revision, revision, commit, config_hash, checked_at, checked_at
        )
        for key in list(self.covered):
            if key[0] == source and (lost is None or key[1] in lost):
                del self.covered[key]
        for seen in covered:
            self.covered.setdefault((source, seen), revision)
        for path, ticket in answered.items():
            if self._asked.get((source, path)) == ticket:
                del self._asked[source, path]
        self._at("after finish")

    async def ask(self, source: SourceName, path: str) -> None:
        """Have the next sync publish a page anew."""
        self._tickets += 1
        self._asked[source, path] = self._tickets

    async def asked(self, source: SourceName) -> Mapping[str, int]:
        """See `Ledger.asked`."""
        return {path: ticket for (name, path), ticket in self._asked.items() if name == source}

    async def checked(self, source: SourceName, at: datetime) -> None:
        """See `Ledger.checked`."""
        if known := self._state.get(source):
            self._state[source] = replace(known, checked_at=max(at, known.checked_at or at))

    async def newest(
        self, source: SourceName, paths: Collection[str] | None
    ) -> Mapping[str, Publication]:
        """See `Ledger.newest`."""
        return {
            path: max(rows, key=lambda row: row.revision)
            for (name, path), rows in self._rows.items()
            if name == source and (paths is None or path in paths)
        }

    def publications(self, source: SourceName, path: str) -> Sequence[Publication]:
        """Every row of a page, in the order written."""
        return tuple(self._rows.get((source, path), ()))

    async def unfinished(self, source: SourceName) -> frozenset[str]:
        """See `Ledger.unfinished`."""
        since = (await self.source(source)).published_revision
        rows = {
            path for path, row in (await self.newest(source, None)).items() if row.revision > since
        }
        claims = {
            path
            for (name, path), (rev, _) in self._claims.items()
            if name == source and rev > since
        }
        return frozenset(rows | claims)

    async def claims(
        self,
        source: SourceName,
        *,
        paths: Collection[str] | None = None,
        urls: Collection[str] = (),
    ) -> Mapping[str, Claim]:
        """See `Ledger.claims`."""
        everything = paths is None and not urls
        return {
            path: replace(claim, depends=frozenset())
            for (name, path), (_, claim) in self._claims.items()
            if name == source
            and claim is not None
            and (everything or path in (paths or ()) or claim.url in urls)
        }

    async def dependents(self, source: SourceName, targets: Collection[str]) -> frozenset[str]:
        """See `Ledger.dependents`."""
        return frozenset(
            path
            for (name, path), (_, claim) in self._claims.items()
            if name == source and claim is not None and claim.depends & frozenset(targets)
        )

    async def behind(
        self, source: SourceName, *, up_to: Revision | None = None, everything: bool = False
    ) -> Sequence[BehindPage]:
        """See `Ledger.behind`."""
        since = Revision(0) if everything else (await self.source(source)).published_revision
        found: list[BehindPage] = []
        for (name, path), rows in sorted(self._rows.items()):
            revisions = [
                row.revision
                for row in rows
                if row.revision > since and row.revision <= (up_to or row.revision)
            ]
            if (
                name == source
                and revisions
                and await self._is_behind(page_id(source, path), max(revisions))
            ):
                found.append(BehindPage(page_id(source, path), max(revisions)))
        return found

    async def _is_behind(self, page: PageId, revision: Revision) -> bool:
        parked = self._index.parked_rows
        return any(
            self._index.revision_of(info.generation, page) < revision
            and not any(
                key == page and generation in (INTAKE, info.generation) and at >= revision
                for generation, key, at in parked
            )
            for info in await self._index.generations()
        )

    def _hold(self, source: SourceName, revision: Revision) -> None:
        state = self._state.get(source)
        if state is None or state.revision != revision:
            raise Fenced
