"""Traces to a collector, by OpenTelemetry; a collector that is away costs spans and nothing else."""

import logging
import threading
from collections.abc import Callable, Sequence
from importlib import metadata

import structlog
from opentelemetry import trace
from opentelemetry.context import Context
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter, SpanExportResult
from opentelemetry.sdk.trace.sampling import ParentBased, TraceIdRatioBased
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from headwater.seeing.settings import TelemetrySettings
from headwater.seeing.tracing import HEADER, Carrier, Facts, Span

_log = structlog.get_logger()

_EXPORT_TIMEOUT_S = 5.0
_CLOSE_WITHIN_S = 3.0
_QUEUE_SPANS, _BATCH_SPANS, _DELAY_MS = 4096, 512, 1000.0
_PATH = "/v1/traces"
_PROPAGATOR = TraceContextTextMapPropagator()


class OtelTracer:
    """`headwater.seeing.tracing.Tracer` over a bounded queue and a thread of its own; `lost` counts spans."""

    def __init__(self, settings: TelemetrySettings, *, part: str, lost: Callable[[int], None]):
        # The exporter tells each failure several times, in lines of its own form: `_Counted` tells it once.
        logging.getLogger("opentelemetry").setLevel(logging.CRITICAL)
        endpoint = settings.otlp_endpoint.rstrip("/")
        exporter = OTLPSpanExporter(
            endpoint if endpoint.endswith(_PATH) else endpoint + _PATH, timeout=_EXPORT_TIMEOUT_S
        )
        version = metadata.version("headwater")
        name = f"{settings.service_name}-{part}" if part else settings.service_name
        self._provider = TracerProvider(
            sampler=ParentBased(TraceIdRatioBased(settings.sample_ratio)),
            resource=Resource.create({"service.name": name, "service.version": version}),
            shutdown_on_exit=False,  # it would wait for a collector that is away
        )
        self._provider.add_span_processor(
            BatchSpanProcessor(
                _Counted(exporter, lost),
                max_queue_size=_QUEUE_SPANS,
                schedule_delay_millis=_DELAY_MS,
                max_export_batch_size=_BATCH_SPANS,
            )
        )
        self._tracer = self._provider.get_tracer("headwater", version)

    def start(
        self,
        name: str,
        facts: Facts,
        *,
        parent: Carrier = "",
        links: Sequence[Carrier] = (),
        start_ns: int | None = None,
    ) -> Span:
        """See `Tracer.start`."""
        linked = [trace.get_current_span(_context(link)).get_span_context() for link in links]
        span = self._tracer.start_span(
            name,
            _context(parent),
            attributes=dict(facts),
            links=[trace.Link(context) for context in linked if context.is_valid],
            start_time=start_ns,
        )
        return OtelSpan(span)

    def close(self) -> None:
        """Send what is left, for a few seconds at most."""
        closing = threading.Thread(target=self._provider.shutdown, daemon=True)
        closing.start()
        closing.join(_CLOSE_WITHIN_S)


class OtelSpan:
    """`headwater.seeing.tracing.Span`."""

    def __init__(self, span: trace.Span) -> None:
        self._span = span
        carrier: dict[str, str] = {}
        _PROPAGATOR.inject(carrier, trace.set_span_in_context(span))
        self.carrier = carrier.get(HEADER, "")

    def note(self, facts: Facts) -> None:
        """See `Span.note`."""
        self._span.set_attributes(dict(facts))

    def end(self, failed: str = "") -> None:
        """See `Span.end`."""
        if failed:
            self._span.set_status(trace.StatusCode.ERROR, failed)
        self._span.end()


class _Counted(SpanExporter):
    """Counts the spans that could not be sent, and says so once until some can be."""

    def __init__(self, exporter: SpanExporter, lost: Callable[[int], None]) -> None:
        self._exporter = exporter
        self._lost = lost
        self._is_away = False

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        """Send; called in the processor's thread."""
        sent = self._exporter.export(spans)
        if sent is not SpanExportResult.SUCCESS:
            self._lost(len(spans))
            if not self._is_away:
                _log.warning("telemetry.away", spans=len(spans))
        self._is_away = sent is not SpanExportResult.SUCCESS
        return sent

    def shutdown(self) -> None:
        """Let go of the connection."""
        self._exporter.shutdown()

    def force_flush(self, timeout_millis: int = 30_000) -> bool:
        """Nothing waits here."""
        return True


def _context(carrier: Carrier) -> Context:
    """A context of its own: whatever this task happens to be in has no say."""
    return _PROPAGATOR.extract({HEADER: carrier} if carrier else {}, Context())
