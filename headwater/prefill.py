"""Filling the vectors of a first load through the cluster, before its pages are sent."""

import asyncio
import contextlib
import time
from collections.abc import AsyncGenerator, Awaitable, Callable, Coroutine
from pathlib import Path

import structlog

from headwater.runtime import Runtime
from index.adapters.embed.ray_cluster import LOCAL
from index.adapters.embed.ray_data import RayDataEmbedding
from index.core.failures import first_failure
from index.core.generations import GenerationInfo
from index.core.pages import ReadPage
from index.core.prefill import EmbedBulk, may_hold
from index.handlers.prefill import Filled, Prefiller, prefill
from ingest.handlers.sync import Source
from ingest.handlers.verify import pages_at
from schemas.errors import HeadwaterError, PermanentError
from schemas.ids import Generation

_log = structlog.get_logger()

Yield = Callable[[], Awaitable[object]]
"""Returns once something more urgent than a prefill has come up."""


async def prefill_source(
    source: Source, runtime: Runtime, generation: Generation, *, until: Yield | None = None
) -> None:
    """Have Ray Data embed what a source's pages lack, where a cluster is configured; ends early for `until`.

    It saves time and nothing else: what it leaves undone, for whatever reason, workers do.
    """
    settings = runtime.settings.ray
    if settings.address in ("", LOCAL) or not settings.prefill_texts:
        return  # a cluster of one process's own has nobody to share it with
    filled, start_s = Filled(), time.monotonic()
    try:
        await _unless(until, _fill(source, runtime, generation, filled))
    except (HeadwaterError, OSError) as error:
        _log.warning("prefill.failed", source=source.name, texts=filled.texts, reason=str(error))
    if filled.texts:
        runtime.cost.texts_embedded += filled.texts
        runtime.cost.ears.embedded(filled.texts)
        seconds = round(time.monotonic() - start_s, 3)
        _log.info("prefill.ended", source=source.name, texts=filled.texts, seconds=seconds)


async def _fill(source: Source, runtime: Runtime, generation: Generation, filled: Filled) -> None:
    """One source at a time: they would share the same actors."""
    async with runtime.prefilling:
        info = await _info_of(runtime, generation)
        if info is None or not may_hold(runtime.settings.ray.prefill_texts, await _size(source)):
            return
        to = Prefiller(
            generation,
            info.dim,
            runtime.settings.ray.prefill_texts,
            runtime.store.pages,
            await _bulk(runtime, info),
        )
        async with contextlib.aclosing(_pages(source, runtime, info)) as pages:
            await prefill(pages, to, filled)


async def _size(source: Source) -> int:
    """The bytes of all pages at the head, as files."""
    head = await source.reader.head()
    tree = await source.reader.tree(head.commit, under=source.layout.root)
    return sum(
        file.size_bytes for path, file in tree.items() if source.layout.page_path(path) is not None
    )


async def _info_of(runtime: Runtime, generation: Generation) -> GenerationInfo | None:
    known = await runtime.store.generations.generations()
    return next((info for info in known if info.generation == generation), None)


async def _bulk(runtime: Runtime, info: GenerationInfo) -> EmbedBulk:
    held = await runtime.models.held(info.model)
    return RayDataEmbedding(held, runtime.settings.ray, Path(runtime.settings.home))


async def _pages(
    source: Source, runtime: Runtime, info: GenerationInfo
) -> AsyncGenerator[ReadPage, None]:
    """Every page of the source's head that can be read; the others are parked in their own time."""
    read = await runtime.reader(info)
    head = await source.reader.head()
    async for event in pages_at(source, head.commit):
        with contextlib.suppress(PermanentError):
            yield await read(event)


async def _unless(until: Yield | None, work: Coroutine[object, object, None]) -> None:
    """Await `work`, and break it off when `until` returns first."""
    try:
        async with asyncio.TaskGroup() as group:
            working = group.create_task(work)
            waiting = group.create_task(_break_off(working, until)) if until else None
            await asyncio.wait({working})
            if waiting is not None:
                waiting.cancel()
    except BaseExceptionGroup as failures:
        raise first_failure(failures) from failures


async def _break_off(work: asyncio.Task[None], until: Yield) -> None:
    await until()
    work.cancel()
