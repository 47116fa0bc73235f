"""The publication ledger in Postgres: revisions, fencing, and what is complete."""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from types import MappingProxyType

from index.adapters.postgres.database import Cursor, Database
from index.adapters.postgres.statements import statement
from index.core.ledger import (
    Announcement,
    BehindPage,
    Claim,
    Publication,
    PublicationKind,
    SourceState,
)
from schemas.errors import Fenced, Leased, StoreUnavailable
from schemas.ids import INTAKE, PageId, Revision, SourceName, page_id, path_of, source_of


class PostgresLedger:
    """`ingest.core.ports.Ledger` over Postgres. `owner` names who syncs with it; no two live ones share a name."""

    def __init__(self, database: Database, *, owner: str) -> None:
        self._database = database
        self._owner = owner

    async def source(self, source: SourceName) -> SourceState:
        """See `Ledger.source`."""
        async with self._database.transaction() as cursor:
            await cursor.execute(statement("read_source"), {"source": source})
            row = await cursor.fetchone()
        if row is None:
            raise StoreUnavailable("no answer about a source")
        read_at, revision, published, commit, config_hash, checked_at = row
        return SourceState(
            source,
            Revision(revision or 0),
            Revision(published or 0),
            commit,
            config_hash or "",
            read_at,
            checked_at,
        )

    async def begin(self, source: SourceName, *, commit: str, config_hash: str) -> Revision:
        """See `Ledger.begin`."""
        async with self._database.transaction() as cursor:
            await self._database.source_id(cursor, source)
            values = {
                "source": source,
                "commit": commit,
                "config_hash": config_hash,
                "owner": self._owner,
            }
            await cursor.execute(statement("take_revision"), values)
            row = await cursor.fetchone()
        if row is None:
            raise Fenced
        if row[0] is None:
            raise Leased(source, row[1])
        return Revision(row[0])

    async def announce(
        self, source: SourceName, revision: Revision, announcement: Announcement
    ) -> None:
        """See `Ledger.announce`."""
        async with self._database.transaction() as cursor:
            source_id = await _hold(cursor, source, revision)
            await _write_publications(cursor, source_id, announcement.publications)
            await _write_claims(cursor, source_id, revision, announcement)
            parked = {
                "generation": INTAKE,
                "source_id": source_id,
                "revision": revision,
                "paths": [path for path, _ in announcement.parked],
                "reasons": [reason for _, reason in announcement.parked],
            }
            await cursor.execute(statement("insert_parked"), parked)

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
        async with self._database.transaction() as cursor:
            source_id = await _hold(cursor, source, revision)
            values = {
                "source_id": source_id,
                "revision": revision,
                "commit": commit,
                "committed_at": committed_at,
                "covered": list(covered),
                "lost": None if lost is None else list(lost),
                "checked_at": checked_at,
                "paths": list(answered),
                "tickets": list(answered.values()),
            }
            await cursor.execute(statement("forget_asked"), values)
            if lost is None or lost:
                await cursor.execute(statement("delete_covers"), values)
            await cursor.execute(statement("insert_covers"), values)
            await cursor.execute(statement("finish_attempt"), values)
            await cursor.execute(statement("move_published_pointer"), values)

    async def asked(self, source: SourceName) -> Mapping[str, int]:
        """See `Ledger.asked`."""
        async with self._database.transaction() as cursor:
            await cursor.execute(
                "SELECT path, ticket FROM asked JOIN source USING (source_id) WHERE name = %s",
                (source,),
            )
            return {path: ticket for path, ticket in await cursor.fetchall()}

    async def ask_anew(self, pages: Collection[PageId]) -> Collection[int]:
        """Have the next sync of their source publish some pages anew. Returns: a ticket each."""
        values = {
            "sources": [source_of(page) for page in pages],
            "paths": [path_of(page) for page in pages],
        }
        async with self._database.transaction() as cursor:
            await cursor.execute(statement("ask_anew"), values)
            return [ticket for _, _, ticket in await cursor.fetchall()]

    async def open_tickets(self, tickets: Collection[int]) -> Collection[int]:
        """Those of some tickets whose page has not been published anew yet."""
        async with self._database.transaction() as cursor:
            await cursor.execute(statement("select_open_tickets"), {"tickets": list(tickets)})
            return [ticket for (ticket,) in await cursor.fetchall()]

    async def checked(self, source: SourceName, at: datetime) -> None:
        """See `Ledger.checked`."""
        async with self._database.transaction() as cursor:
            await cursor.execute(
                "UPDATE source SET checked_at = greatest(checked_at, %s) WHERE name = %s",
                (at, source),
            )

    async def newest(
        self, source: SourceName, paths: Collection[str] | None
    ) -> Mapping[str, Publication]:
        """See `Ledger.newest`."""
        values = {"source": source, "paths": None if paths is None else list(paths)}
        async with self._database.transaction() as cursor:
            await cursor.execute(statement("read_newest_publications"), values)
            rows = await cursor.fetchall()
        return {
            row[0]: Publication(row[0], Revision(row[1]), PublicationKind(row[2]), *row[3:])
            for row in rows
        }

    async def unfinished(self, source: SourceName) -> frozenset[str]:
        """See `Ledger.unfinished`."""
        async with self._database.transaction() as cursor:
            await cursor.execute(statement("select_unfinished_paths"), {"source": source})
            return frozenset(path for (path,) in await cursor.fetchall())

    async def claims(
        self,
        source: SourceName,
        *,
        paths: Collection[str] | None = None,
        urls: Collection[str] = (),
    ) -> Mapping[str, Claim]:
        """See `Ledger.claims`."""
        values = {
            "source": source,
            "paths": None if paths is None else list(paths),
            "urls": list(urls),
        }
        async with self._database.transaction() as cursor:
            await cursor.execute(statement("read_claims"), values)
            return {row[0]: Claim(*row) for row in await cursor.fetchall()}

    async def dependents(self, source: SourceName, targets: Collection[str]) -> frozenset[str]:
        """See `Ledger.dependents`."""
        async with self._database.transaction() as cursor:
            await cursor.execute(
                statement("select_dependents"), {"source": source, "targets": list(targets)}
            )
            return frozenset(path for (path,) in await cursor.fetchall())

    async def counted_since(
        self, source: SourceName, revision: Revision, up_to: Revision
    ) -> tuple[int, int, int, int]:
        """How many pages were added, changed, moved and deleted after `revision`, and not after `up_to`."""
        async with self._database.transaction() as cursor:
            values = {"source": source, "revision": revision, "up_to": up_to}
            await cursor.execute(statement("count_publications_since"), values)
            row = await cursor.fetchone()
        return (row[0], row[1], row[2], row[3]) if row else (0, 0, 0, 0)

    async def behind(
        self, source: SourceName, *, up_to: Revision | None = None, everything: bool = False
    ) -> Sequence[BehindPage]:
        """See `Ledger.behind`."""
        values = {"source": source, "up_to": up_to, "everything": everything}
        async with self._database.transaction() as cursor:
            await cursor.execute(statement("select_behind_pages"), values)
            return [
                BehindPage(page_id(source, path), Revision(rev))
                for path, rev in await cursor.fetchall()
            ]

    async def pending(self, pages: Mapping[PageId, Revision]) -> Collection[PageId]:
        """Those of the pages that some generation has neither brought to the revision nor parked at it."""
        if not pages:
            return ()
        values = {
            "sources": [source_of(page) for page in pages],
            "paths": [path_of(page) for page in pages],
            "revisions": list(pages.values()),
        }
        async with self._database.transaction() as cursor:
            await cursor.execute(statement("select_pending_pages"), values)
            return [page_id(SourceName(source), path) for source, path in await cursor.fetchall()]


async def _hold(cursor: Cursor, source: SourceName, revision: Revision) -> int:
    """Lock the source's row against newer syncs until commit, or find that one has begun."""
    await cursor.execute(statement("hold_revision"), {"source": source, "revision": revision})
    row = await cursor.fetchone()
    if row is None:
        raise Fenced
    return int(row[0])


async def _write_publications(
    cursor: Cursor, source_id: int, publications: Sequence[Publication]
) -> None:
    await cursor.executemany(
        statement("insert_publication"),
        [
            {
                "source_id": source_id,
                "path": row.path,
                "revision": row.revision,
                "kind": str(row.kind),
                "fingerprint": row.fingerprint,
                "blob": row.blob,
                "url": row.url,
                "commit": row.commit,
                "committed_at": row.committed_at,
                "moved_from": row.moved_from,
                "moved_to": row.moved_to,
                "detected_at": row.detected_at,
            }
            for row in publications
        ],
    )


async def _write_claims(
    cursor: Cursor, source_id: int, revision: Revision, announcement: Announcement
) -> None:
    claims = announcement.claims
    looked_at = [claim.path for claim in claims] + list(announcement.gone)
    values = {
        "source_id": source_id,
        "revision": revision,
        "looked_at": looked_at,
        "gone": list(announcement.gone),
        "paths": [claim.path for claim in claims],
        "blobs": [claim.blob for claim in claims],
        "urls": [claim.url for claim in claims],
        "slugs": [claim.is_slug for claim in claims],
        "depending": [claim.path for claim in claims for _ in claim.depends],
        "targets": [target for claim in claims for target in sorted(claim.depends)],
    }
    for name in ("forget_claims", "upsert_claims", "delete_depends", "insert_depends"):
        await cursor.execute(statement(name), values)
