"""`headwater parked`: what could not be applied, looked at, tried again, or taken out of sight."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

import msgspec

from headwater.console import print_json, print_text, say
from headwater.home import require_index
from headwater.republishing import republish
from headwater.runtime import open_runtime, open_store
from headwater.settings import Settings
from index.adapters.postgres.parked import ParkedPage, PostgresParked, Undecodable
from schemas.errors import WrongUse
from schemas.ids import PageId, path_of, source_of


@dataclass(frozen=True, slots=True)
class Selection:
    """Which parked pages are meant: those named, those of a source, or all."""

    pages: tuple[str, ...]
    source: str | None
    is_all: bool

    @property
    def is_empty(self) -> bool:
        """Whether nothing was said."""
        return not (self.pages or self.source or self.is_all)

    def of(self, parked: Sequence[ParkedPage]) -> tuple[PageId, ...]:
        """The pages, each once. One that was dropped is only meant by its name. Raises: WrongUse."""
        if bool(self.pages) + bool(self.source) + self.is_all != 1:
            raise WrongUse("name pages, or --source, or --all")
        known = {one.page_id for one in parked}
        for page in self.pages:
            if page not in known:
                raise WrongUse(f"{page} is not parked: see `headwater parked list`")
        if self.pages:
            return tuple(dict.fromkeys(PageId(page) for page in self.pages))
        return tuple(
            dict.fromkeys(
                one.page_id
                for one in parked
                if not one.is_dropped and self.source in (None, source_of(one.page_id))
            )
        )


class ParkedReport(msgspec.Struct, frozen=True, kw_only=True):
    """One parked page; `generation` 0 means that intake refused it."""

    page: str
    source: str
    path: str
    revision: int
    reason: str
    generation: int
    since: datetime


class UndecodableReport(msgspec.Struct, frozen=True, kw_only=True):
    """One record that was no event; `key` as text, as far as it is any."""

    topic: str
    partition: int
    offset: int
    key: str
    reason: str
    since: datetime


class ParkedList(msgspec.Struct, frozen=True, kw_only=True):
    """What `headwater parked list` prints."""

    parked: list[ParkedReport]
    undecodable: list[UndecodableReport]


class ReplayReport(msgspec.Struct, frozen=True, kw_only=True):
    """What `headwater parked replay` prints: what became of each page."""

    applied: list[str]
    parked: dict[str, str]


class DropReport(msgspec.Struct, frozen=True, kw_only=True):
    """What `headwater parked drop` prints: how many pages and records are out of sight now."""

    pages: int
    undecodable: int


async def run_list(settings: Settings, *, source: str | None, json: bool) -> int:
    """Print what is parked. Returns: the exit status."""
    require_index(settings)
    async with open_store(settings, say) as store:
        parked = PostgresParked(store.database)
        pages = [_shown(one) for one in await parked.pages() if not one.is_dropped]
        records = [] if source else [_record(one) for one in await parked.undecodable()]
    pages = [one for one in pages if source in (None, one.source)]
    if json:
        print_json(ParkedList(parked=pages, undecodable=records))
    else:
        print_text(
            "\n".join([*map(_line, pages), *map(_record_line, records)]) or "nothing is parked"
        )
    return 0


async def run_replay(
    settings: Settings, selection: Selection, *, env: Mapping[str, str], json: bool
) -> int:
    """Publish the newest state of parked pages again. Returns: 0, or 1 when one is parked again."""
    require_index(settings)
    async with open_runtime(settings, say, env=env, answers=False) as runtime:
        parked = PostgresParked(runtime.store.database)
        pages = selection.of(await parked.pages())
        if pages:
            await republish(runtime, pages)
        left = [one for one in await parked.pages() if one.page_id in pages]
    still = {str(one.page_id): one.reason for one in left}
    applied = [page for page in pages if page not in still]
    if json:
        print_json(ReplayReport(applied=list(applied), parked=still))
    else:
        lines = [f"applied {page}" for page in applied]
        lines += [f"parked again {page}: {reason}" for page, reason in still.items()]
        print_text("\n".join(lines) or "nothing is parked")
    return 1 if still else 0


async def run_drop(
    settings: Settings, selection: Selection, *, undecodable: bool, json: bool
) -> int:
    """Take parkings out of sight. Returns: the exit status."""
    require_index(settings)
    async with open_store(settings, say) as store:
        parked = PostgresParked(store.database)
        is_only_records = undecodable and selection.is_empty
        pages = () if is_only_records else selection.of(await parked.pages())
        report = DropReport(
            pages=await parked.dismiss(pages) if pages else 0,
            undecodable=await parked.forget_undecodable() if undecodable else 0,
        )
    if json:
        print_json(report)
    else:
        print_text(f"{report.pages} pages and {report.undecodable} records are out of sight")
    return 0


def _shown(one: ParkedPage) -> ParkedReport:
    return ParkedReport(
        page=one.page_id,
        source=source_of(one.page_id),
        path=path_of(one.page_id),
        revision=one.revision,
        reason=one.reason,
        generation=one.generation,
        since=one.since,
    )


def _record(one: Undecodable) -> UndecodableReport:
    key = (one.key or b"").decode("utf-8", "replace")
    return UndecodableReport(
        topic=one.topic,
        partition=one.partition,
        offset=one.offset,
        key=key,
        reason=one.reason,
        since=one.since,
    )


def _line(one: ParkedReport) -> str:
    where = f"generation {one.generation}" if one.generation else "intake"
    return f"{one.page}: {one.reason} ({where}, revision {one.revision}, since {one.since:%Y-%m-%d %H:%M})"


def _record_line(one: UndecodableReport) -> str:
    return f"{one.topic}/{one.partition}@{one.offset}: {one.reason} (no event, since {one.since:%Y-%m-%d %H:%M})"
