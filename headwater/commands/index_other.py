"""`headwater index` without syncing: a dry run, or beside a process that follows the sources already."""

import asyncio
import time
from collections.abc import Callable, Sequence
from datetime import datetime
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
from index.core.ledger import SourceState
from ingest.adapters.examining_child import ExaminingChild
from ingest.handlers.sync import preview_source
from ingest.settings import SourceSettings
from schemas.errors import StoreUnavailable, WrongUse
from schemas.ids import Revision, SourceName

_POLL_S = 0.1
_PATIENCE_S = 3.0
_ANSWER_WITHIN_S = 30.0


class Preview(msgspec.Struct, frozen=True, kw_only=True):
    """What indexing a source would do: page paths by action."""

    source: str
    commit: str
    changes: dict[str, list[str]]


async def preview(settings: Settings, *, json: bool) -> int:
    """Say what would change, and change nothing. Returns: the exit status."""
    previews = []
    examine = ExaminingChild(timeout_s=settings.chunking.read_timeout_s)
    async with open_store(settings, say) as store, examine:
        for source_settings in settings.source:
            async with open_source(source_settings, Path(settings.home), examine) as source:
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


async def ask_follower(
    settings: Settings, *, is_free: Callable[[], bool]
) -> list[IndexReport] | None:
    """Hint the process that follows, and wait until it has looked and all is searchable or parked.

    None when that process ends meanwhile, which `is_free` tells. Raises: WrongUse when it does not follow a source.
    """
    reports = []
    async with open_store(settings, say) as store:
        for source in settings.source:
            report = await _ask(source, settings, store, is_free=is_free)
            if report is None:
                return None
            reports.append(report)
    return reports


async def _ask(
    source: SourceSettings, settings: Settings, store: Store, *, is_free: Callable[[], bool]
) -> IndexReport | None:
    name, names = SourceName(source.name), [SourceName(one.name) for one in settings.source]
    start_s = idle_since_s = time.perf_counter()
    has_looked = False
    before = (await store.ledger.source(name)).published_revision
    hinted_at = await PostgresDeliveries(store.database).hint(name)
    while not _was_checked(await store.ledger.source(name), hinted_at):
        if is_free():
            return None
        if await _is_working(names, store):
            idle_since_s = time.perf_counter()
        idle_s = time.perf_counter() - idle_since_s
        if idle_s > _PATIENCE_S and not has_looked:
            has_looked = True
            await _look(source, settings, store)
        if idle_s > _ANSWER_WITHIN_S:
            raise WrongUse(
                f"the process that follows does not look at {name}: is it in its configuration?"
            )
        await asyncio.sleep(_POLL_S)
    return await _report(name, before, store, waited_s=time.perf_counter() - start_s)


async def _look(source: SourceSettings, settings: Settings, store: Store) -> None:
    """Meet what keeps the other process from looking. Raises: BadSource, SourceUnreachable."""
    async with (
        ExaminingChild(timeout_s=settings.chunking.read_timeout_s) as examine,
        open_source(source, Path(settings.home), examine) as opened,
    ):
        await preview_source(opened, store.ledger)


def _was_checked(state: SourceState, since: datetime) -> bool:
    return state.checked_at is not None and state.checked_at >= since


async def _is_working(names: Sequence[SourceName], store: Store) -> bool:
    states = [await store.ledger.source(name) for name in names]
    return any(state.revision > state.published_revision for state in states)


async def _report(
    name: SourceName, before: Revision, store: Store, *, waited_s: float
) -> IndexReport:
    status = await status_of(store, name)
    if status is None or status.published_commit is None:
        raise StoreUnavailable(f"{name} was looked at and has no commit")
    counts = await store.ledger.counted_since(name, before, status.revision)
    added, changed, moved, deleted = counts
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
        seconds=Seconds(total=round(waited_s, 3), embed=0.0, write=0.0),
    )
