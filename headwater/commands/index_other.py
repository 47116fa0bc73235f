"""`headwater index` without syncing: a dry run, or beside a process that follows the sources already."""

import asyncio
import time
from dataclasses import dataclass
from pathlib import Path

import msgspec

from headwater.console import print_json, print_text, say
from headwater.indexing import (
    ChunkCounts,
    IndexReport,
    PageCounts,
    Seconds,
    open_source,
    status_of,
)
from headwater.runtime import Store, open_store
from headwater.settings import Settings
from index.adapters.postgres.deliveries import PostgresDeliveries
from ingest.handlers.sync import preview_source
from schemas.errors import StoreUnavailable, WrongUse
from schemas.ids import Revision, SourceName

_POLL_S = 0.1
_ANSWER_WITHIN_S = 30.0


class Preview(msgspec.Struct, frozen=True, kw_only=True):
    """What indexing a source would do: page paths by action."""

    source: str
    commit: str
    changes: dict[str, list[str]]


@dataclass(frozen=True, slots=True)
class _Asked:
    name: SourceName
    before: Revision


async def preview(settings: Settings, *, json: bool) -> int:
    """Say what would change, and change nothing. Returns: the exit status."""
    previews = []
    async with open_store(settings, say) as store:
        for source_settings in settings.source:
            async with open_source(source_settings, Path(settings.home)) as source:
                head, changes = await preview_source(source, store.ledger)
            by_action: dict[str, list[str]] = {}
            for change in changes:
                by_action.setdefault(str(change.action), []).append(change.path)
            previews.append(Preview(source=source.name, commit=head.commit, changes=by_action))
    if json:
        print_json(previews[0] if len(previews) == 1 else previews)
        return 0
    for shown in previews:
        lines = [f"{action} {path}" for action, paths in shown.changes.items() for path in paths]
        print_text(
            "\n".join([f"{shown.source} at {shown.commit[:12]}:", *(lines or ["nothing to do"])])
        )
    return 0


async def ask_follower(settings: Settings) -> list[IndexReport]:
    """Hint the process that follows, and wait until it has looked and all is searchable or parked.

    Raises: WrongUse when it does not follow a source.
    """
    async with open_store(settings, say) as store:
        return [await _ask(SourceName(source.name), store) for source in settings.source]


async def _ask(name: SourceName, store: Store) -> IndexReport:
    start_s = time.perf_counter()
    before = (await store.ledger.source(name)).published_revision
    hinted_at = await PostgresDeliveries(store.database).hint(name)
    while True:
        status = await status_of(store, name)
        if status is not None and status.checked_at is not None and status.checked_at >= hinted_at:
            break
        state = await store.ledger.source(name)
        is_working = state.revision > state.published_revision
        if not is_working and time.perf_counter() - start_s > _ANSWER_WITHIN_S:
            raise WrongUse(
                f"the process that follows does not look at {name}: is it in its configuration?"
            )
        await asyncio.sleep(_POLL_S)
    added, changed, moved, deleted = await store.ledger.counted_since(name, before)
    if status.published_commit is None:
        raise StoreUnavailable(f"{name} was looked at and has no commit")
    return IndexReport(
        source=name,
        commit=status.published_commit,
        revision=status.revision,
        pages=PageCounts(
            added=added,
            changed=changed,
            moved=moved,
            deleted=deleted,
            unchanged=max(0, status.pages - added - changed - moved),
            parked=len(status.parked),
        ),
        chunks=ChunkCounts(total=status.chunks, new=0),
        texts_embedded=None,
        seconds=Seconds(total=round(time.perf_counter() - start_s, 3), embed=0.0, write=0.0),
    )
