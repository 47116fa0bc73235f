"""Measures that nobody's work moves: taken every few seconds, for alarms."""

import asyncio
from collections.abc import Container, Mapping
from functools import partial

import stamina.instrumentation
import structlog
from stamina.instrumentation import RetryDetails

from headwater.following import Following, measure_behind
from headwater.http import Check, check_parts
from headwater.metrics import Metrics
from headwater.runtime import Runtime
from headwater.seeing.places import PlaceWatch
from headwater.transport import broker_of
from schemas.errors import HeadwaterError

_log = structlog.get_logger()

_EVERY_S = 5.0
_CHECK_TIMEOUT_S = 2.0


async def see(
    following: Following, group: asyncio.TaskGroup, env: Mapping[str, str], *, parts: Container[str]
) -> asyncio.Task[None]:
    """Begin to measure, before anything is consumed. Returns: the task that goes on until it is cancelled."""
    runtime, metrics = following.runtime, following.metrics
    count_retries(metrics)
    checks: dict[str, Check] = {"database": partial(_ping, runtime)}
    if "ingest" in parts:
        checks["sources"] = following.ready
    places = None
    if not runtime.transport.is_local and ("ingest" in parts or "worker" in parts):
        checks["broker"] = runtime.transport.ready
        metrics.acknowledged.set_function(lambda: runtime.transport.acknowledged_at)
        from headwater.adapters.kafka_group import KafkaGroup

        places = PlaceWatch(KafkaGroup(broker_of(runtime.settings.kafka, env)), metrics)
        await places.begin()
    return group.create_task(_keep_gauges(following, checks, places))


async def _keep_gauges(
    following: Following, checks: Mapping[str, Check], places: PlaceWatch | None
) -> None:
    try:
        await keep_gauges(following, checks)
    finally:
        if places is not None:
            places.end()


async def keep_gauges(following: Following, checks: Mapping[str, Check]) -> None:
    """Measure for ever; what cannot be measured waits for the next time."""
    while True:
        states = await check_parts(checks, timeout_s=_CHECK_TIMEOUT_S)
        for part, state in states.items():
            following.metrics.ready.labels(part=part).set(state == "ok")
        following.metrics.database_writable.set(await _is_writable(following.runtime))
        if states.get("database") == "ok" and following.is_ours:
            for source in following.hints:
                await measure_behind(source, following)
        await asyncio.sleep(_EVERY_S)


async def _ping(runtime: Runtime) -> str | None:
    await runtime.store.database.ping()
    return None


async def _is_writable(runtime: Runtime) -> bool:
    try:
        async with asyncio.timeout(_CHECK_TIMEOUT_S):
            return await runtime.store.database.is_writable()
    except (HeadwaterError, TimeoutError):
        return False


def kind_of_failure(error: BaseException) -> str:
    """The name in `schemas.errors` that it goes by: an adapter's own kind of it is not what alarms ask for."""
    named = (kind for kind in type(error).__mro__ if kind.__module__ == HeadwaterError.__module__)
    return next((kind.__name__ for kind in named), "other")


def count_retries(metrics: Metrics) -> None:
    """Have every retry of this process counted and logged."""

    def retried(details: RetryDetails) -> None:
        error = details.caused_by
        metrics.retries.labels(reason=kind_of_failure(error)).inc()
        _log.warning(
            "retry.waits", reason=str(error), number=details.retry_num, wait_s=details.wait_for
        )

    stamina.instrumentation.set_on_retry_hooks([retried])
