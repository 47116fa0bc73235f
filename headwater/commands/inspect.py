"""`headwater status` and `headwater verify`: how far the index is, and whether it is right."""

import asyncio
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, nullcontext
from datetime import datetime, timedelta
from pathlib import Path

import msgspec
import numpy as np

from headwater.console import print_json, print_text, say, sync_progress
from headwater.home import claim_of, is_followed, require_index
from headwater.indexing import ignore, open_source, sync_until_complete
from headwater.runtime import Runtime, consuming, live, open_runtime, open_store, utc_now
from headwater.settings import Settings
from index.core.embedding import cosines
from index.core.ledger import Delays
from index.core.ports import GenerationInfo
from ingest.handlers.sync import Syncer
from ingest.handlers.verify import Verified, Verifier, verify_source
from schemas.errors import WrongUse
from schemas.ids import SourceName, TextHash

_MIN_COSINE = 0.999
_OTHER_COMMAND_WAIT_S = 0.5
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
    """What `headwater status` prints. `followed`: a process of this home keeps the sources in step."""

    generation: int
    model: str
    followed: bool
    sources: list[SourceReport]


class VerifyReport(msgspec.Struct, frozen=True, kw_only=True):
    """What `headwater verify` prints of one source; lists hold page paths."""

    source: str
    ok: bool
    pages: int
    chunks: int
    missing: tuple[str, ...]
    extra: tuple[str, ...]
    stale: tuple[str, ...]
    behind: tuple[str, ...]
    parked: dict[str, str]
    orphan_vectors: int
    vectors_off: int


async def run_status(settings: Settings, *, json: bool) -> int:
    """Print how far every source is. Returns: the exit status."""
    require_index(settings)
    async with open_store(settings, say) as store:
        info = live(await store.generations.generations())
        reports = []
        delays = await store.generations.delays(info.generation)
        for status in await store.generations.statuses(info.generation):
            delay = delays.get(status.source, _NO_DELAYS)
            reports.append(
                SourceReport(
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
            )
    report = StatusReport(
        generation=info.generation,
        model=info.model,
        followed=await asyncio.to_thread(is_followed, settings),
        sources=reports,
    )
    if json:
        print_json(report)
    else:
        print_text("\n".join(_status_lines(report, utc_now())))
    return 0


async def run_verify(
    settings: Settings, *, env: Mapping[str, str], repair: bool, vectors: int, json: bool
) -> int:
    """Compare every source with the index. Returns: 0, or 1 when something differs."""
    require_index(settings)
    with _alone(settings) if repair else nullcontext():
        async with open_runtime(settings, say, env=env if repair else None) as runtime:
            reports = [
                await _verify(runtime, index, repair=repair, vectors=vectors)
                for index in range(len(settings.source))
            ]
    if json:
        print_json(reports[0] if len(reports) == 1 else reports)
    else:
        print_text("\n".join(_verify_line(report) for report in reports))
    return 0 if all(report.ok for report in reports) else 1


@contextmanager
def _alone(settings: Settings) -> Iterator[None]:
    """Hold the claim to follow: two processes that publish would overtake each other. Raises: WrongUse."""
    claim = claim_of(settings)
    if not claim.take_exclusive(timeout_s=_OTHER_COMMAND_WAIT_S):
        raise WrongUse("another process follows these sources: stop it to repair them")
    try:
        yield
    finally:
        claim.release()


async def _verify(runtime: Runtime, index: int, *, repair: bool, vectors: int) -> VerifyReport:
    settings = runtime.settings.source[index]
    generations = runtime.store.generations
    info = live(await generations.generations())
    name = SourceName(settings.name)
    if (await runtime.store.ledger.source(name)).revision == 0:
        raise WrongUse(f"source {name} is not indexed yet: run `headwater index` with it first")

    async def parked() -> dict[str, str]:
        return dict((await generations.parked(info.generation)).get(name, {}))

    async with open_source(settings, Path(runtime.settings.home), runtime.examine) as source:
        reader = await runtime.models.reader(info.model)
        verifier = Verifier(
            runtime.store.ledger,
            lambda: generations.dump(info.generation, name),
            parked,
            reader,
            vectors,
        )
        verified = await verify_source(source, verifier)
        if repair and not verified.audit.is_equal:
            async with consuming(runtime, ignore):
                with sync_progress() as progress:
                    publish = runtime.transport.publish
                    syncer = Syncer(runtime.store.ledger, publish, utc_now, progress=progress)
                    await sync_until_complete(source, syncer, broken=verified.audit.broken)
            verified = await verify_source(source, verifier)
    off = await _vectors_off(runtime, info, verified.texts)
    orphans = await generations.orphan_vectors(info.generation)
    return _report(settings.name, verified, orphans, off)


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
        orphan_vectors=orphans,
        vectors_off=off,
    )


def _status_lines(report: StatusReport, now: datetime) -> list[str]:
    following = "a process follows it" if report.followed else "no process follows it"
    lines = [f"generation {report.generation}, model {report.model}"]
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
    return "\n".join(lines)
