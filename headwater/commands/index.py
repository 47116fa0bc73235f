"""`headwater index`: bring the index in step with the sources, once."""

import asyncio
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Protocol

import msgspec

from headwater.commands.index_other import ask_follower, preview
from headwater.console import SyncProgress, print_json, print_text, say, sync_progress
from headwater.indexing import IndexReport, ignore, index_source, open_source
from headwater.keeping import keeping_database
from headwater.runtime import (
    Runtime,
    choose_generation,
    complete_generation,
    consuming,
    open_runtime,
    tidy,
)
from headwater.settings import Settings, check_names
from index.adapters.file_lock import FileLock
from ingest.settings import SourceKind, SourceSettings
from schemas.errors import (
    BadConfiguration,
    BadSource,
    HeadwaterError,
    SourceUnreachable,
    WrongUse,
)
from schemas.ids import SourceName

_OTHER_INDEX_WAIT_S = 0.5


class SourceOptions(Protocol):
    """What the command line says of one source."""

    @property
    def locations(self) -> tuple[str, ...]: ...
    @property
    def name(self) -> str: ...
    @property
    def kind(self) -> SourceKind | None: ...
    @property
    def ref(self) -> str: ...
    @property
    def root(self) -> str: ...
    @property
    def include(self) -> tuple[str, ...]: ...
    @property
    def exclude(self) -> tuple[str, ...]: ...
    @property
    def url(self) -> str: ...


def with_sources(settings: Settings, options: SourceOptions) -> Settings:
    """The settings with the command line's sources instead of the configured ones, if it names any.

    Raises: BadConfiguration when there is nothing to index, or one name for several locations.
    """
    if not options.locations:
        if not settings.source:
            raise BadConfiguration(
                "no source: name a location, or write a headwater.toml with [[source]]"
            )
        return settings
    if options.name and len(options.locations) > 1:
        raise BadConfiguration("--name goes with one location only")
    sources = tuple(_source(location, options) for location in options.locations)
    check_names(sources)
    return msgspec.structs.replace(settings, source=sources)


async def run(settings: Settings, *, dry_run: bool, json: bool) -> int:
    """Index every source and print what happened. Returns: the exit status."""
    lock = FileLock(lock_path(settings))
    if dry_run:
        return await preview(settings, json=json)
    if not await asyncio.to_thread(lock.take_exclusive, timeout_s=_OTHER_INDEX_WAIT_S):
        say("another process follows these sources: asking it to look, and waiting until it has")
        asked = await ask_follower(settings, is_free=lock.take_exclusive)
        if asked is not None:
            _print(asked, json=json)
            return 0
    try:
        async with open_runtime(settings, say) as runtime:
            with sync_progress() as progress:
                reports, troubles = await index_all(runtime, progress)
    finally:
        lock.release()
    if reports:
        _print(reports, json=json)
    for trouble in troubles[1:]:
        say(str(trouble))
    if troubles:
        raise troubles[0]
    return 0


async def index_all(
    runtime: Runtime, progress: SyncProgress
) -> tuple[list[IndexReport], list[HeadwaterError]]:
    """Bring every configured source into the generation that is configured, and answer from it.

    A source in trouble does not hold up the others. Returns: what was indexed, and what went wrong.
    """
    target = await choose_generation(runtime)
    home = Path(runtime.settings.home)
    reports: list[IndexReport] = []
    troubles: list[HeadwaterError] = []
    async with keeping_database(runtime.store), consuming(runtime, ignore):
        for source_settings in runtime.settings.source:
            try:
                async with open_source(source_settings, home, runtime.examine) as source:
                    reports.append(await index_source(source, runtime, target, progress=progress))
            except (BadSource, SourceUnreachable) as error:
                troubles.append(error)
        if reports and (lacking := await complete_generation(runtime, target)):
            say(_still_old(lacking))
    await tidy(runtime)
    return reports, troubles


def _still_old(lacking: Mapping[SourceName, int]) -> str:
    pages = ", ".join(f"{count} pages of {name}" for name, count in sorted(lacking.items()))
    return f"the new index lacks {pages}: questions are answered from the old one until these sources are indexed too"


def lock_path(settings: Settings) -> Path:
    """The file of the claim to follow, made with its home. Raises: WrongUse when it cannot be."""
    home = Path(settings.home)
    lock = home / "follow.lock"
    try:
        home.mkdir(mode=0o700, parents=True, exist_ok=True)
        lock.open("a").close()
    except OSError as error:
        raise WrongUse(f"nothing can be kept in {home}: {error.strerror}") from error
    return lock


def _source(location: str, options: SourceOptions) -> SourceSettings:
    kind = options.kind or _kind_of(location)
    name = options.name or _name_of(location)
    settings = SourceSettings(
        name=name,
        kind=kind,
        location=location,
        ref=options.ref,
        root=options.root,
        exclude=options.exclude,
        url=options.url,
    )
    return (
        msgspec.structs.replace(settings, include=options.include) if options.include else settings
    )


def _kind_of(location: str) -> SourceKind:
    """A folder that is no repository is followed as a folder; everything else is git's to judge."""
    path = Path(location).expanduser()
    is_repository = (path / ".git").exists() or (path / "HEAD").is_file()
    return SourceKind.FOLDER if path.is_dir() and not is_repository else SourceKind.GIT


def _name_of(location: str) -> str:
    stem = location.rstrip("/").rsplit("/", 1)[-1].rsplit(":", 1)[-1]
    name = stem.removesuffix(".git").removesuffix(".bundle")
    return (
        name
        if name not in ("", ".", "..")
        else Path(location).expanduser().resolve().name or "docs"
    )


def _print(reports: Sequence[IndexReport], *, json: bool) -> None:
    if json:
        print_json(reports[0] if len(reports) == 1 else reports)
        return
    for report in reports:
        pages = report.pages
        print_text(
            f"{report.source} at {report.commit[:12]}: {pages.added} added, {pages.changed} changed,"
            f" {pages.moved} moved, {pages.deleted} deleted, {pages.unchanged} unchanged, {pages.parked} parked;"
            f" {_embedded(report)}{report.chunks.total} chunks,"
            f" {report.seconds.total:.1f} s"
        )


def _embedded(report: IndexReport) -> str:
    return "" if report.texts_embedded is None else f"{report.texts_embedded} texts embedded, "
