"""`headwater status` and `headwater verify`: how far the index is, and whether it is right."""

import asyncio
from collections.abc import Mapping
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path

import msgspec
import numpy as np

from api.adapters.router_file import configured_router
from headwater.commands.remembered import remembered_sources
from headwater.config_hash import config_hash
from headwater.console import print_json, print_text, say
from headwater.home import is_followed, require_index
from headwater.indexing import open_source
from headwater.models import configured_fingerprint
from headwater.republishing import republish
from headwater.runtime import Runtime, live, open_runtime, open_store, utc_now
from headwater.seeing.logs import held_back
from headwater.settings import Settings
from headwater.transport import broker_of, require_clients
from index.core.embedding import cosines
from index.core.generations import Fingerprint, GenerationInfo, differences
from index.core.ledger import Delays, SourceStatus
from ingest.handlers.verify import Verified, Verifier, verify_source
from schemas.errors import BadConfiguration, BrokerUnavailable, WrongUse
from schemas.ids import SourceName, TextHash, page_id
from stream.core.progress import lag_of

_MIN_COSINE = 0.999
_NO_DELAYS = Delays(None, None, None, None)


class Percentiles(msgspec.Struct, frozen=True, kw_only=True):
    """Median and 95th percentile over the last week, in seconds; None where nothing changed."""

    p50: float | None = None
    p95: float | None = None


class SourceReport(msgspec.Struct, frozen=True, kw_only=True):
    """One source as `headwater status` prints it."""

    source: str
    commit: str | None
    committed_at: datetime | None
    indexed_at: datetime | None
    checked_at: datetime | None
    revision: int
    pages: int
    chunks: int
    behind: int
    parked: dict[str, str]
    processing_s: Percentiles
    freshness_s: Percentiles


class StatusReport(msgspec.Struct, frozen=True, kw_only=True):
    """What `headwater status` prints. `followed`: a process keeps the sources in step.

    `pinned`: a person chose the live generation. `differs` says how it is not what is configured here. `beside` are the
    other generations that receive changes. `lag` counts events that no worker has acknowledged; None without a broker.
    `config_hash` is one of all that is configured here and may change an answer; None where the router's file cannot be
    read.
    """

    generation: int
    model: str
    pinned: bool
    differs: tuple[str, ...]
    beside: dict[int, str]
    lag: int | None
    followed: bool
    config_hash: str | None
    sources: list[SourceReport]


class VerifyReport(msgspec.Struct, frozen=True, kw_only=True):
    """What `headwater verify` prints of one source; lists hold page paths.

    `parked` pages and those whose parking a person `dropped` stay as they were, and are not compared.
    """

    source: str
    ok: bool
    pages: int
    chunks: int
    missing: tuple[str, ...]
    extra: tuple[str, ...]
    stale: tuple[str, ...]
    behind: tuple[str, ...]
    parked: dict[str, str]
    dropped: dict[str, str]
    orphan_vectors: int
    vectors_off: int


async def run_status(settings: Settings, *, env: Mapping[str, str], json: bool) -> int:
    """Print how far every source is. Returns: the exit status."""
    require_index(settings)
    async with open_store(settings, say) as store:
        known = await store.generations.generations()
        info = live(known)
        delays = await store.generations.delays(info.generation)
        statuses = await store.generations.statuses(info.generation)
        sources = [_source_report(one, delays.get(one.source, _NO_DELAYS)) for one in statuses]
    report = StatusReport(
        generation=info.generation,
        model=info.model,
        pinned=info.is_pinned,
        differs=await asyncio.to_thread(_differs, info, settings),
        beside={
            one.generation: "kept" if one.is_kept else "building"
            for one in known
            if not one.is_live
        },
        lag=await _lag(settings, env),
        followed=await asyncio.to_thread(is_followed, settings),
        config_hash=await asyncio.to_thread(_config_hash, settings),
        sources=sources,
    )
    if json:
        print_json(report)
    else:
        print_text("\n".join(_status_lines(report, utc_now())))
    return 0


def _config_hash(settings: Settings) -> str | None:
    """What cannot be told of the configuration hides nothing else."""
    try:
        return config_hash(settings, router=configured_router(settings.router))
    except BadConfiguration as error:
        say(str(error))
        return None


def _source_report(status: SourceStatus, delay: Delays) -> SourceReport:
    return SourceReport(
        source=status.source,
        commit=status.published_commit,
        committed_at=status.committed_at,
        indexed_at=status.published_at,
        checked_at=status.checked_at,
        revision=status.revision,
        pages=status.pages,
        chunks=status.chunks,
        behind=status.behind,
        parked=dict(status.parked),
        processing_s=Percentiles(p50=delay.processing_p50, p95=delay.processing_p95),
        freshness_s=Percentiles(p50=delay.freshness_p50, p95=delay.freshness_p95),
    )


def _differs(info: GenerationInfo, settings: Settings) -> tuple[str, ...]:
    """How the live generation is not what is configured here, as far as can be told without fetching a model."""
    configured = settings.embedding.model
    wanted = configured_fingerprint(settings)
    if wanted is None:
        return (f"model {info.model}, configured {configured}",)
    built = Fingerprint.parse(info.fingerprint)
    return differences(built, wanted, model=info.model, wanted_model=configured)


async def _lag(settings: Settings, env: Mapping[str, str]) -> int | None:
    """What the workers have not acknowledged; a broker that cannot be asked is told of, and hides nothing else."""
    if not settings.kafka.servers:
        return None
    require_clients()
    from headwater.adapters.kafka_group import KafkaGroup

    group = KafkaGroup(broker_of(settings.kafka, env))
    try:
        with held_back("kafka", is_debugging=bool(env.get("HEADWATER_DEBUG"))):
            return lag_of(await group.standings(), {}, {})
    except BrokerUnavailable as error:
        say(str(error))
        return None
    finally:
        group.close()


async def run_verify(
    settings: Settings, *, env: Mapping[str, str], repair: bool, vectors: int, json: bool
) -> int:
    """Compare every source with the index. Returns: 0, or 1 when something differs."""
    require_index(settings)
    if is_recalled := not settings.source:
        settings = msgspec.structs.replace(settings, source=remembered_sources(settings))
    async with open_runtime(settings, say, env=env if repair else None, answers=False) as runtime:
        indexed = await _indexed(runtime) if is_recalled else set[str]()
        lacking = sorted(indexed - {source.name for source in settings.source})
        reports = [
            await _verify(runtime, index, repair=repair, vectors=vectors)
            for index, source in enumerate(settings.source)
            if not is_recalled or source.name in indexed
        ]
    if is_recalled and not reports:
        name = f" --name {lacking[0]}" if lacking else ""
        raise BadConfiguration(
            f"no source: say where the docs are, `headwater verify LOCATION{name}`,"
            " or write a headwater.toml with [[source]]"
        )
    for name in lacking:
        say(f"{name} is not verified: say where it is, `headwater verify LOCATION --name {name}`")
    if json:
        print_json(reports[0] if len(reports) == 1 else reports)
    else:
        print_text("\n".join(_verify_line(report) for report in reports))
    return 0 if all(report.ok for report in reports) and not lacking else 1


async def _indexed(runtime: Runtime) -> set[str]:
    """The names of the sources that the live generation has. Raises: WrongUse before the first index."""
    generations = runtime.store.generations
    info = live(await generations.generations())
    return {str(status.source) for status in await generations.statuses(info.generation)}


async def _verify(runtime: Runtime, index: int, *, repair: bool, vectors: int) -> VerifyReport:
    settings = runtime.settings.source[index]
    info = live(await runtime.store.generations.generations())
    name = SourceName(settings.name)
    if (await runtime.store.ledger.source(name)).revision == 0:
        raise WrongUse(f"source {name} is not indexed yet: run `headwater index` with it first")
    verifier = await verifier_of(runtime, info, name, vectors)
    async with open_source(settings, Path(runtime.settings.home), runtime.examine) as source:
        verified = await verify_source(source, verifier)
    if repair and not verified.audit.is_equal:
        await republish(runtime, [page_id(name, path) for path in verified.audit.broken])
        async with open_source(settings, Path(runtime.settings.home), runtime.examine) as source:
            verified = await verify_source(source, verifier)
    off = await _vectors_off(runtime, info, verified.texts)
    orphans = await runtime.store.generations.orphan_vectors(info.generation)
    return _report(settings.name, verified, orphans, off)


async def verifier_of(
    runtime: Runtime, info: GenerationInfo, name: SourceName, sample: int = 0
) -> Verifier:
    """What compares a source with one generation, cut as that one is."""
    generations, generation = runtime.store.generations, info.generation
    built = Fingerprint.parse(info.fingerprint)

    async def parked() -> Mapping[str, str]:
        return (await generations.parked(generation)).get(name, {})

    async def dropped() -> Mapping[str, str]:
        return (await generations.dropped_parkings(generation)).get(name, {})

    return Verifier(
        runtime.store.ledger,
        partial(generations.dump, generation, name),
        parked,
        await runtime.models.reader(info.model, built.target_chars if built else None),
        behind=partial(generations.behind, generation, name),
        dropped=dropped,
        sample=sample,
    )


async def _vectors_off(
    runtime: Runtime, info: GenerationInfo, texts: Mapping[TextHash, str]
) -> int:
    """How many of the sampled texts have a stored vector that is not what the model makes of them now."""
    stored = await runtime.store.generations.vectors(info.generation, list(texts))
    if not stored:
        return 0
    embedder = await runtime.models.embedder(info.model)
    fresh = await embedder.embed_texts([texts[key] for key in stored])
    return int(np.count_nonzero(cosines(fresh, np.stack(list(stored.values()))) < _MIN_COSINE))


def _report(source: str, verified: Verified, orphans: int, off: int) -> VerifyReport:
    return VerifyReport(
        source=source,
        ok=verified.audit.is_equal and off == 0,
        pages=verified.pages,
        chunks=verified.chunks,
        missing=verified.audit.missing,
        extra=verified.audit.extra,
        stale=verified.audit.stale,
        behind=verified.behind,
        parked=dict(verified.parked),
        dropped=dict(verified.dropped),
        orphan_vectors=orphans,
        vectors_off=off,
    )


def _status_lines(report: StatusReport, now: datetime) -> list[str]:
    following = "a process follows it" if report.followed else "no process follows it"
    lines = [f"generation {report.generation}, model {report.model}"]
    if report.pinned:
        lines.append(
            "  pinned: it stays live until it is what is configured, or another is promoted"
        )
    if report.config_hash is not None:
        lines.append(f"  configuration {report.config_hash}")
    lines += [f"  not as configured: {what}" for what in report.differs]
    lines += [f"  beside it: generation {one}, {state}" for one, state in report.beside.items()]
    if report.lag is not None:
        lines.append(f"  {report.lag} events are not acknowledged by the workers")
    for source in report.sources:
        lines.append(
            f"{source.source} at {(source.commit or 'nothing yet')[:12]}, revision {source.revision}:"
            f" {source.pages} pages, {source.chunks} chunks, {source.behind} behind, {len(source.parked)} parked"
        )
        checked = "never" if source.checked_at is None else f"{_age(now - source.checked_at)} ago"
        lines.append(f"  last checked {checked}; {following}")
        if source.processing_s.p50 is not None:
            lines.append(
                f"  changes searchable in {source.processing_s.p50:.2f} s (median, last week)"
            )
        lines += [f"  parked {path}: {reason}" for path, reason in sorted(source.parked.items())]
    return lines


def _age(age: timedelta) -> str:
    seconds = max(0, round(age.total_seconds()))
    for unit, length in (("days", 86_400), ("h", 3_600), ("min", 60)):
        if seconds >= 2 * length:
            return f"{seconds // length} {unit}"
    return f"{seconds} s"


def _verify_line(report: VerifyReport) -> str:
    verdict = "equal to a rebuild" if report.ok else "NOT equal to a rebuild"
    lines = [
        f"{report.source}: {verdict}; {report.pages} pages, {report.chunks} chunks, {len(report.behind)} behind,"
        f" {len(report.parked)} parked, {report.orphan_vectors} unused vectors, {report.vectors_off} vectors off"
    ]
    for word in ("missing", "extra", "stale"):
        lines += [f"  {word} {path}" for path in getattr(report, word)]
    lines += [f"  left as it was, its parking dropped: {path}" for path in report.dropped]
    return "\n".join(lines)
