"""What looks on in one process, as it is configured: traces to a collector, notices to a broker."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager

from headwater.metrics import Metrics
from headwater.seeing.notices import INDEXED, PARKED, Outbox
from headwater.seeing.tracing import NoTracer, Tracer
from headwater.seeing.watch import Notify, PageWatch
from headwater.settings import Settings
from headwater.transport import broker_of, require_clients
from schemas.errors import WrongUse


@asynccontextmanager
async def open_watch(
    settings: Settings, env: Mapping[str, str], *, part: str, metrics: Metrics
) -> AsyncIterator[PageWatch]:
    """A watch as long as the block runs; `part` tells the processes of a deployment apart, "" is all of them in one.

    Raises: WrongUse where something is configured that is not installed.
    """
    async with AsyncExitStack() as stack:
        tracer = _tracer(settings, part, metrics, stack)
        notify = _notify(settings, env, metrics, stack)
        yield PageWatch(tracer, notify, logs_pages=bool(settings.kafka.servers))


def _tracer(settings: Settings, part: str, metrics: Metrics, stack: AsyncExitStack) -> Tracer:
    if not settings.telemetry.otlp_endpoint:
        return NoTracer()
    try:
        from headwater.adapters.otel import OtelTracer
    except ImportError as error:
        raise WrongUse(
            "[telemetry] needs OpenTelemetry, which the extra `telemetry` brings:"
            " pip install 'headwater[telemetry]'"
        ) from error

    tracer = OtelTracer(settings.telemetry, part=part, lost=metrics.spans_lost.inc)
    stack.push_async_callback(asyncio.to_thread, tracer.close)
    return tracer


def _notify(
    settings: Settings, env: Mapping[str, str], metrics: Metrics, stack: AsyncExitStack
) -> Notify:
    if not settings.kafka.servers:
        return lambda _: None
    require_clients()
    from headwater.adapters.kafka_notices import KafkaPost

    outbox = Outbox(
        KafkaPost(broker_of(settings.kafka, env)),
        sent=lambda about: metrics.notices.labels(about=about, outcome="sent").inc(),
        dropped=lambda about: metrics.notices.labels(about=about, outcome="dropped").inc(),
    )
    for about in (INDEXED, PARKED):
        for outcome in ("sent", "dropped"):
            metrics.notices.labels(about=about, outcome=outcome)  # there from the start, at nothing
    stack.push_async_callback(asyncio.to_thread, outbox.close)
    return outbox
