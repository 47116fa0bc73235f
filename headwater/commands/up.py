"""`headwater up`: index, follow and answer in one process."""

import asyncio
import contextlib
import os
from collections.abc import Mapping, Sequence
from contextlib import AsyncExitStack
from functools import partial
from pathlib import Path

import msgspec
import structlog
from litestar import Litestar

from api.main import routes
from headwater.console import say, sync_progress
from headwater.ending import hear_the_end
from headwater.following import FolderWatch, Following, Hint, follow
from headwater.home import lock_path
from headwater.http import make_app
from headwater.indexing import Progress, open_source
from headwater.keeping import keep_database
from headwater.metering import Ears
from headwater.metrics import QueryMeter, make_metrics
from headwater.runtime import (
    Runtime,
    Target,
    choose_generation,
    consuming,
    open_runtime,
    prepare_generation,
    promote_generation,
    tidy,
)
from headwater.server import serve
from headwater.settings import Settings
from headwater.statistics import Statistics
from index.adapters.file_lock import FileLock
from index.adapters.postgres.deliveries import PostgresDeliveries
from index.handlers.search import shown_as_of
from ingest.adapters.folder import FolderReader
from ingest.adapters.webhook_http import webhook_routes
from ingest.core.webhook import Delivery
from ingest.handlers.sync import Source
from schemas.answers import PageResponse, PageSection
from schemas.errors import (
    BadConfiguration,
    BadSource,
    HeadwaterError,
    StoreUnavailable,
    TransientError,
)
from schemas.ids import SourceName

_log = structlog.get_logger()

_LOCK_POLL_S = 1.0
_RECONNECT_S = 1.0
_TIDY_EVERY_S = 3600.0


async def run(settings: Settings, *, env: Mapping[str, str], port: int | None) -> int:
    """Run until SIGINT, SIGTERM or SIGHUP. Returns: the exit status."""
    secrets = _secrets(settings, env)
    if port is not None:
        settings = msgspec.structs.replace(
            settings, api=msgspec.structs.replace(settings.api, port=port)
        )
    ending = _Ending()
    hear_the_end(ending.tell)
    lock = FileLock(lock_path(settings))
    try:
        await _run(settings, secrets, lock, ending)
    except asyncio.CancelledError:
        if not ending.is_told:
            raise
    finally:
        lock.release()
    return 0


class _Ending:
    """How signals end this process: what is answered is finished, all else is dropped at once.

    Before it answers, that is while its database starts or its model is prepared, the whole task is cancelled.
    """

    def __init__(self) -> None:
        self.stop = asyncio.Event()
        self.is_answering = False
        self._task = asyncio.current_task()

    @property
    def is_told(self) -> bool:
        return self.stop.is_set()

    def tell(self, _number: int) -> None:
        """Hear a signal; a second one must not break off the closing."""
        if self.is_told:
            return
        self.stop.set()
        if not self.is_answering and self._task is not None:
            self._task.cancel()


async def _run(
    settings: Settings, secrets: Mapping[str, Sequence[bytes]], lock: FileLock, ending: _Ending
) -> None:
    def announce(port: int) -> None:
        ending.is_answering = True
        say(f"answering on http://{settings.api.host}:{port} (Ctrl-C stops)")

    async with open_runtime(settings, say) as runtime, asyncio.TaskGroup() as group:
        metrics = make_metrics()
        metrics.lag_events.set_function(lambda: runtime.log.outstanding)
        runtime.cost.ears = Ears(metrics.texts_embedded.inc, metrics.texts_reused.inc)
        target = await choose_generation(runtime) if lock.take_exclusive() else None
        following = Following(runtime, metrics, Statistics(runtime.store.generations))
        for source in settings.source:
            following.hints[SourceName(source.name)] = Hint()
            following.synced[SourceName(source.name)] = False
        app = _app(runtime, following, secrets)
        tasks = [
            group.create_task(_follow_all(runtime, following, target, lock)),
            group.create_task(_pass_hints(runtime, following)),
            group.create_task(
                keep_database(runtime.store, came_back=partial(_hint_all, following))
            ),
        ]
        try:
            host, port = settings.api.host, settings.api.port
            await serve(app, host=host, port=port, stop=ending.stop, announce=announce)
        finally:
            for task in tasks:
                task.cancel()


def _app(
    runtime: Runtime, following: Following, secrets: Mapping[str, Sequence[bytes]]
) -> Litestar:
    """All that is answered over HTTP."""
    return make_app(
        routes=[
            *routes(
                runtime.search,
                partial(_page_at, runtime=runtime),
                runtime.settings.answer,
                meter=QueryMeter(following.metrics),
            ),
            *webhook_routes(
                secrets, partial(_store_delivery, runtime=runtime, following=following)
            ),
        ],
        checks={"database": partial(_ping, runtime), "sources": following.ready},
        hosts=runtime.settings.api.hosts,
        metrics_registry=following.metrics.registry,
    )


async def _follow_all(
    runtime: Runtime, following: Following, target: Target | None, lock: FileLock
) -> None:
    """Follow every source, as soon as no other process does; that one alone chooses what is built."""
    target = target or await _take_over(runtime, following, lock)
    following.generation = target.generation
    async with AsyncExitStack() as stack:
        await stack.enter_async_context(consuming(runtime, following.told))
        progress = stack.enter_context(sync_progress())
        group = await stack.enter_async_context(asyncio.TaskGroup())
        for settings in runtime.settings.source:
            source = await stack.enter_async_context(
                open_source(settings, Path(runtime.settings.home), runtime.examine)
            )
            group.create_task(_watch(source, following, target, progress))
        group.create_task(_complete(runtime, following, target))
        group.create_task(following.statistics.keep(lambda: following.generation))
        group.create_task(_keep_tidy(runtime))


async def _take_over(runtime: Runtime, following: Following, lock: FileLock) -> Target:
    say("another process follows these sources; answering, and following when it ends")
    following.synced.update(dict.fromkeys(following.synced, True))
    while not lock.take_exclusive():
        await asyncio.sleep(_LOCK_POLL_S)
    while True:
        try:
            target = await choose_generation(runtime)
        except TransientError as error:
            _log.warning("follow.waits", reason=str(error))
            await asyncio.sleep(_RECONNECT_S)
            continue
        following.synced.update(dict.fromkeys(following.synced, not target.is_new))
        return target


async def _watch(source: Source, following: Following, target: Target, progress: Progress) -> None:
    with contextlib.ExitStack() as stack:
        if isinstance(source.reader, FolderReader):
            folder = source.reader.location
            if os.path.isdir(folder):  # Path.is_dir raises for a name that is too long
                stack.enter_context(
                    FolderWatch(source.reader, folder, partial(following.hint, source.name))
                )
        everything = target.is_new or source.name in target.overdue
        await follow(source, following, everything=everything, progress=progress)


async def _complete(runtime: Runtime, following: Following, target: Target) -> None:
    """Index the vectors once every source has been synced or is in trouble; switch when nothing is lacking."""
    while True:
        await asyncio.sleep(_LOCK_POLL_S / 4)
        if not all(
            following.synced[name] or name in following.troubles for name in following.synced
        ):
            continue
        with contextlib.suppress(TransientError):
            await _refuse_if_hopeless(runtime, following, target)
            await prepare_generation(runtime, target)
            break
    told = ""
    while True:
        with contextlib.suppress(TransientError):
            lacking = await promote_generation(runtime, target)
            if not lacking:
                return
            if lacking != told:
                say(lacking)
            told = lacking
        await asyncio.sleep(_LOCK_POLL_S)


async def _refuse_if_hopeless(runtime: Runtime, following: Following, target: Target) -> None:
    """End a start that could only ever say that the docs do not answer. Raises: BadSource."""
    troubles = [following.troubles.get(name) for name in following.synced]
    statuses = await runtime.store.generations.statuses(target.generation)
    has_content = any(status.published_commit is not None for status in statuses)
    if not has_content and all(isinstance(trouble, BadSource) for trouble in troubles):
        raise next(trouble for trouble in troubles if trouble is not None)


async def _pass_hints(runtime: Runtime, following: Following) -> None:
    """Pass on hints from other processes; while the database is away, polling alone must do."""
    deliveries = PostgresDeliveries(runtime.store.database)
    while True:
        with contextlib.suppress(StoreUnavailable):
            async for source in deliveries.hints():
                following.hint(source)
        await asyncio.sleep(_RECONNECT_S)


def _hint_all(following: Following) -> None:
    for source in following.hints:
        following.hint(source)


async def _keep_tidy(runtime: Runtime) -> None:
    """Remove what nothing uses any more, in small batches, every hour."""
    while True:
        with contextlib.suppress(HeadwaterError):
            await tidy(runtime)
        await asyncio.sleep(_TIDY_EVERY_S)


async def _store_delivery(delivery: Delivery, *, runtime: Runtime, following: Following) -> bool:
    is_new = await PostgresDeliveries(runtime.store.database).store(
        source=delivery.source,
        delivery_id=delivery.delivery_id,
        event=delivery.event,
        ref=delivery.ref,
        after=delivery.after,
    )
    following.hint(delivery.source)
    return is_new


async def _page_at(url: str, *, runtime: Runtime) -> PageResponse | None:
    page = await runtime.store.search.page_at(url)
    if page is None:
        return None
    return PageResponse(
        url=page.url,
        title=page.title,
        source=page.source,
        path=page.path,
        commit=page.commit,
        sections=[
            PageSection(
                heading=section.heading, path=section.path, anchor=section.anchor, text=section.text
            )
            for section in page.sections
        ],
        as_of=shown_as_of(page.as_of),
    )


async def _ping(runtime: Runtime) -> str | None:
    await runtime.store.database.ping()
    return None


def _secrets(settings: Settings, env: Mapping[str, str]) -> dict[str, Sequence[bytes]]:
    """The webhook secrets by source; several in one variable, apart by spaces, are valid side by side.

    Raises: BadConfiguration when a variable that is named is empty or not set.
    """
    secrets: dict[str, Sequence[bytes]] = {}
    for source in settings.source:
        variable = source.webhook_secret_env
        if variable:
            secrets[source.name] = [secret.encode() for secret in env.get(variable, "").split()]
            if not secrets[source.name]:
                raise BadConfiguration(
                    f"source {source.name}: the variable {variable} is empty or not set"
                )
    return secrets
