"""`headwater generation`: whole indexes, looked at, built, switched and dropped by hand."""

import asyncio
import time
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime

import msgspec

from headwater.console import print_json, print_text, say
from headwater.generations import MIN_RECALL, make_generation, recall_of
from headwater.home import require_index
from headwater.republishing import bring
from headwater.runtime import Runtime, Store, live, open_runtime, open_store
from headwater.settings import Settings
from headwater.statistics import Statistics
from index.adapters.postgres.probe import GenerationFigures, PostgresProbe
from index.core.generations import Fingerprint, GenerationInfo
from index.core.ports import ByHand
from schemas.errors import StoreUnavailable, WrongUse
from schemas.ids import Generation, SourceName

_CATCH_UP_S = 30.0
_POLL_S = 0.05
_DROP_TRIES = 5


class GenerationReport(msgspec.Struct, frozen=True, kw_only=True):
    """One generation. `behind` counts, by source, the pages it has yet to receive; `lacking` those that a switch to it
    would lose.

    `by_hand`: built by a person; `pinned`: live because a person chose it, and not what is configured.
    """

    generation: int
    state: str
    complete: bool
    model: str
    parser: str
    chunker: str
    target_chars: int | None
    pages: int
    chunks: int
    vectors: int
    behind: dict[str, int]
    lacking: dict[str, int]
    size_bytes: int
    created_at: datetime
    promoted_at: datetime | None
    by_hand: bool
    pinned: bool


class SwitchReport(msgspec.Struct, frozen=True, kw_only=True):
    """What `promote` and `rollback` print. `before` answered until now; `lacking` pages by source held it up."""

    generation: int
    before: int
    promoted: bool
    lacking: dict[str, int]
    recall: float | None
    pinned: bool


class DropReport(msgspec.Struct, frozen=True, kw_only=True):
    """What `drop` prints. `dropped` is False where there was no such generation."""

    generation: int
    dropped: bool


async def run_list(settings: Settings, *, json: bool) -> int:
    """Print every generation. Returns: the exit status."""
    require_index(settings)
    async with open_store(settings, say) as store:
        figures = await PostgresProbe(store.database).figures()
        reports = [await _report(one, store) for one in figures]
    if json:
        print_json(reports)
    else:
        print_text("\n".join(_lines(reports)) or "no generation yet: run `headwater index` first")
    return 0


async def run_build(
    settings: Settings,
    *,
    env: Mapping[str, str],
    model: str | None,
    target_chars: int | None,
    json: bool,
) -> int:
    """Build a generation with what is configured, or with these changes. Returns: 0, or 1 when it lacks pages."""
    require_index(settings)
    settings = _changed(settings, model, target_chars)
    async with open_runtime(settings, say, env=env, answers=False) as runtime:
        generation = await _wanted(runtime)
        await _fill(runtime, generation)
        await PostgresProbe(runtime.store.database).build_vector_index(generation)
        for status in await runtime.store.generations.statuses(generation):
            await Statistics(runtime.store.generations).refresh(status.source)
        report = await _report_of(generation, runtime.store)
    if json:
        print_json(report)
    else:
        print_text("\n".join(_lines([report])))
    if report.lacking:
        say(f"it lacks {_pages(report.lacking)}: index these sources too, then build again")
    return 1 if report.lacking else 0


async def run_promote(settings: Settings, number: int, *, force: bool, json: bool) -> int:
    """Switch to a generation. Returns: 0, or 1 when something held it up."""
    require_index(settings)
    async with open_runtime(settings, say, answers=False) as runtime:
        known = await runtime.store.generations.generations()
        info = next((info for info in known if info.generation == number), None)
        if info is None:
            raise WrongUse(
                f"no generation {number} receives changes: see `headwater generation list`"
            )
        report = await _switch(runtime, info, live(known), force=force)
    return _print_switch(report, json=json)


async def run_rollback(settings: Settings, *, force: bool, json: bool) -> int:
    """Switch to the kept generation that was live last. Returns: 0, or 1 when something held it up."""
    require_index(settings)
    async with open_runtime(settings, say, answers=False) as runtime:
        known = {info.generation: info for info in await runtime.store.generations.generations()}
        figures = await PostgresProbe(runtime.store.database).figures()
        kept = [one for one in figures if known.get(one.generation, _NONE).is_kept]
        kept.sort(key=lambda one: one.promoted_at or one.created_at)
        if not kept:
            raise WrongUse(
                "no generation is kept to go back to: `promote` keeps the one that it takes over from"
            )
        info = known[kept[-1].generation]
        report = await _switch(runtime, info, live(list(known.values())), force=force)
    return _print_switch(report, json=json)


async def run_drop(settings: Settings, number: int, *, json: bool) -> int:
    """Remove a generation. Returns: the exit status."""
    require_index(settings)
    async with open_store(settings, say) as store:
        is_dropped = await _drop(store, Generation(number))
    if json:
        print_json(DropReport(generation=number, dropped=is_dropped))
    else:
        what = "is dropped" if is_dropped else "is not there"
        print_text(f"generation {number} {what}")
    return 0


_NONE = GenerationInfo(Generation(0), "", "", 0, False)


def _changed(settings: Settings, model: str | None, target_chars: int | None) -> Settings:
    replace = msgspec.structs.replace
    if model is not None:
        settings = replace(settings, embedding=replace(settings.embedding, model=model))
    if target_chars is not None:
        chunking = replace(settings.chunking, target_chars=target_chars)
        settings = replace(settings, chunking=chunking)
    return settings


async def _wanted(runtime: Runtime) -> Generation:
    """The generation of this configuration, found or made. Raises: WrongUse for the live one."""
    generations = runtime.store.generations
    wanted = str(await runtime.models.fingerprint())
    known = await generations.generations()
    live(known)
    match = next((info for info in known if info.fingerprint == wanted), None)
    if match is None:
        return (await make_generation(runtime, wanted, is_by_hand=True)).generation
    if match.is_live:
        raise WrongUse(
            f"generation {match.generation} is live and built with just this:"
            " name another --model or --target-chars, or change the configuration"
        )
    if not match.is_kept:
        await generations.adopt(match.generation)
    return match.generation


async def _fill(runtime: Runtime, generation: Generation) -> None:
    """Have it sent what it lacks of every source that whoever follows, or this process, knows."""
    generations = runtime.store.generations

    async def lacking() -> Mapping[SourceName, int]:
        return await generations.lacking(generation)

    if not (missing := await lacking()):
        return
    say(f"generation {generation} is being built: it lacks {_pages(missing)}")

    async def is_done() -> bool:
        return not await lacking()

    await bring(runtime, sorted(missing), is_done=is_done, everything=True)


async def _switch(
    runtime: Runtime, info: GenerationInfo, before: GenerationInfo, *, force: bool
) -> SwitchReport:
    is_pinned = str(await runtime.models.fingerprint()) != info.fingerprint
    recall: float | None = None
    lacking: Mapping[SourceName, int] = {}
    is_promoted = False
    if not info.is_live:
        lacking = {} if force else await runtime.store.generations.lacking(info.generation)
        if not lacking:
            await PostgresProbe(runtime.store.database).build_vector_index(info.generation)
            recall = await recall_of(runtime, info.generation)
    if force or recall is None or recall >= MIN_RECALL:
        lacking = await _promote(runtime, info.generation, ByHand(is_pinned, force))
        is_promoted = not lacking
    return SwitchReport(
        generation=info.generation,
        before=before.generation,
        promoted=is_promoted,
        lacking={str(name): count for name, count in lacking.items()},
        recall=recall,
        pinned=is_promoted and is_pinned,
    )


async def _promote(
    runtime: Runtime, generation: Generation, by_hand: ByHand
) -> Mapping[SourceName, int]:
    """Promote it as soon as it has all that is under way. Returns: what it still lacks after a while."""
    deadline = time.monotonic() + _CATCH_UP_S
    before: Mapping[SourceName, int] = {}
    while lacking := await runtime.store.generations.promote(generation, by_hand):
        # What is on its way arrives one by one; what nobody sends stays as it is.
        if time.monotonic() > deadline or (
            lacking == before and not await _is_working(runtime, lacking)
        ):
            return lacking
        before = lacking
        await asyncio.sleep(_POLL_S)
    return {}


async def _is_working(runtime: Runtime, names: Iterable[SourceName]) -> bool:
    states = [await runtime.store.ledger.source(name) for name in names]
    return any(state.revision > state.published_revision for state in states)


async def _drop(store: Store, generation: Generation) -> bool:
    """Drop it. Writers that are just at work may stand in its way: then again."""
    for _ in range(_DROP_TRIES):
        try:
            return await store.generations.drop(generation)
        except StoreUnavailable as error:
            failure = error
            await asyncio.sleep(1.0)
    raise failure


def _print_switch(report: SwitchReport, *, json: bool) -> int:
    if json:
        print_json(report)
    elif report.promoted:
        kept = f"; {report.before} is kept" if report.before != report.generation else ""
        print_text(f"generation {report.generation} is live{kept}")
    else:
        print_text(f"generation {report.generation} is not promoted; {report.before} is live")
    if report.lacking:
        say(f"it lacks {_pages(report.lacking)}: `headwater generation build` goes on with it")
    elif not report.promoted:
        say(
            f"its vector index finds {report.recall or 0.0:.2f} of what an exact search finds;"
            f" {MIN_RECALL} is asked for"
        )
    if report.pinned:
        say("it is not what is configured: it stays live until the configuration says the same")
    return 0 if report.promoted else 1


async def _report_of(generation: Generation, store: Store) -> GenerationReport:
    figures = await PostgresProbe(store.database).figures()
    return await _report(next(one for one in figures if one.generation == generation), store)


async def _report(one: GenerationFigures, store: Store) -> GenerationReport:
    built = Fingerprint.parse(one.fingerprint)
    behind: dict[str, int] = {}
    lacking: Mapping[SourceName, int] = {}
    if one.state != "retired":
        statuses = await store.generations.statuses(one.generation)
        behind = {str(status.source): status.behind for status in statuses}
        lacking = await store.generations.lacking(one.generation)
    return GenerationReport(
        generation=one.generation,
        state=one.state,
        complete=one.state != "retired" and not lacking and one.is_indexed,
        model=one.model,
        parser=built.parser if built else "",
        chunker=built.chunker if built else "",
        target_chars=built.target_chars if built else None,
        pages=one.pages,
        chunks=one.chunks,
        vectors=one.vectors,
        behind=behind,
        lacking={str(name): count for name, count in lacking.items()},
        size_bytes=one.size_bytes,
        created_at=one.created_at,
        promoted_at=one.promoted_at,
        by_hand=one.is_by_hand,
        pinned=one.is_pinned,
    )


def _lines(reports: Sequence[GenerationReport]) -> list[str]:
    lines = []
    for one in reports:
        marks = [
            one.state,
            *(["pinned"] if one.pinned else []),
            *(["by hand"] if one.by_hand else []),
        ]
        marks += ["complete"] if one.complete and one.state == "building" else []
        promoted = f", promoted {one.promoted_at:%Y-%m-%d %H:%M}" if one.promoted_at else ""
        lines += [
            f"generation {one.generation}: {', '.join(marks)}",
            f"  model {one.model}, chunks of {one.target_chars} characters, parser {one.parser}, chunker {one.chunker}",
            f"  {one.pages} pages, {one.chunks} chunks, {one.vectors} vectors, {one.size_bytes / 2**20:.1f} MiB;"
            f" made {one.created_at:%Y-%m-%d %H:%M}{promoted}",
        ]
        lines += [f"  behind {name}: {count} pages" for name, count in one.behind.items() if count]
    return lines


def _pages(lacking: Mapping[SourceName, int] | Mapping[str, int]) -> str:
    return ", ".join(f"{count} pages of {name}" for name, count in sorted(lacking.items()))
