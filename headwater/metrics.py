"""The metrics of a process: made once, handed around, never global."""

from dataclasses import dataclass
from functools import partial
from typing import Any

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, ProcessCollector

from schemas.answers import Usage

_UPDATE_BUCKETS = (0.1, 0.25, 0.5, 1, 2, 5, 10, 30, 60, 120, 300, 900, 3600)
_QUERY_BUCKETS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30)


@dataclass(frozen=True, slots=True)
class Metrics:
    """Every metric but those of HTTP. Label values are our own names or configured ones."""

    registry: CollectorRegistry
    processing_seconds: Histogram
    freshness_seconds: Histogram
    syncs: Counter
    behind_pages: Gauge
    lag_events: Gauge
    texts_embedded: Counter
    texts_reused: Counter
    parked: Gauge
    query_seconds: Histogram
    answers: Counter
    tokens: Counter
    cost: Counter
    source_trouble: Gauge
    claim_held: Gauge
    ready: Gauge
    database_writable: Gauge
    acknowledged: Gauge
    retries: Counter
    resets: Counter
    notices: Counter
    spans_lost: Counter


def make_metrics() -> Metrics:
    """Fresh metrics in a registry of their own, with the process's memory, CPU and open files."""
    registry = CollectorRegistry()
    ProcessCollector(registry=registry)
    counter = partial(Counter, registry=registry)
    gauge = partial(Gauge, registry=registry)
    histogram = partial(Histogram, registry=registry)
    return Metrics(
        registry=registry,
        processing_seconds=histogram(
            "headwater_processing_seconds",
            "From the hint or the detection of a change until it is searchable.",
            ["source", "kind"],
            buckets=_UPDATE_BUCKETS,
        ),
        freshness_seconds=histogram(
            "headwater_freshness_seconds",
            "From the push, or the last check of the old state, until the change is searchable.",
            ["source", "kind"],
            buckets=_UPDATE_BUCKETS,
        ),
        syncs=counter(
            "headwater_syncs",
            "Times a source was looked at, by what came of it: unchanged, published or failed.",
            ["source", "outcome"],
        ),
        behind_pages=gauge(
            "headwater_behind_pages", "Published pages not applied yet.", ["source"]
        ),
        lag_events=gauge("headwater_lag_events", "Events not consumed yet."),
        texts_embedded=counter("headwater_texts_embedded", "Texts embedded."),
        texts_reused=counter("headwater_texts_reused", "Texts whose vector was there."),
        parked=gauge("headwater_parked", "Events parked.", ["source"]),
        query_seconds=histogram(
            "headwater_query_seconds", "Stages of a query.", ["stage"], buckets=_QUERY_BUCKETS
        ),
        answers=counter("headwater_answers", "Answers given.", ["route", "refused"]),
        **_of_language_models(registry),
        **_of_a_deployment(registry),
    )


def _of_language_models(registry: CollectorRegistry) -> dict[str, Any]:
    return {
        "tokens": Counter(
            "headwater_tokens",
            "Tokens that language models took and gave: `kind` is input or output.",
            ["role", "kind"],
            registry=registry,
        ),
        "cost": Counter(
            "headwater_cost",
            "What language models cost, by their prices.",
            ["role"],
            registry=registry,
        ),
    }


def _of_a_deployment(registry: CollectorRegistry) -> dict[str, Any]:
    """What alarms need, beside what users of the docs see."""
    counter, gauge = partial(Counter, registry=registry), partial(Gauge, registry=registry)
    return {
        "source_trouble": gauge(
            "headwater_source_trouble",
            "1 while the last sync of a source failed, else 0.",
            ["source"],
        ),
        "claim_held": gauge(
            "headwater_claim_held", "1 while this process is the one that follows the sources."
        ),
        "ready": gauge("headwater_ready", "1 while a part that /readyz asks is ready.", ["part"]),
        "database_writable": gauge(
            "headwater_database_writable", "1 while the database takes writes."
        ),
        "acknowledged": gauge(
            "headwater_acknowledged_timestamp_seconds",
            "When this worker last acknowledged a batch, or began; 0 where nothing is consumed from a broker.",
        ),
        "retries": counter(
            "headwater_retries", "Attempts that failed and are made again, by kind.", ["reason"]
        ),
        "resets": counter(
            "headwater_reset_detected", "Times the workers lost their place, by how.", ["reason"]
        ),
        "notices": counter(
            "headwater_notices", "Notices, by topic and by what came of them.", ["about", "outcome"]
        ),
        "spans_lost": counter("headwater_spans_lost", "Spans that no collector took."),
    }


@dataclass(frozen=True, slots=True)
class QueryMeter:
    """Counts answering into the metrics of the process."""

    metrics: Metrics

    def stage(self, name: str, seconds: float) -> None:
        """A stage of one query took this long."""
        self.metrics.query_seconds.labels(stage=name).observe(seconds)

    def answered(self, *, route: str, refused: bool) -> None:
        """One answer left by `route`."""
        self.metrics.answers.labels(route=route, refused=str(refused).lower()).inc()

    def spent(self, *, role: str, usage: Usage) -> None:
        """The model of `role` took this for one reply."""
        tokens = self.metrics.tokens
        tokens.labels(role=role, kind="input").inc(usage.input_tokens)
        tokens.labels(role=role, kind="output").inc(usage.output_tokens)
        self.metrics.cost.labels(role=role).inc(usage.cost)


@dataclass(frozen=True, slots=True)
class HttpMetrics:
    """Requests by the route's template, so that a path from outside never becomes a label."""

    requests: Counter
    seconds: Histogram


def make_http_metrics(registry: CollectorRegistry) -> HttpMetrics:
    """The metrics of the one app that counts into `registry`."""
    return HttpMetrics(
        Counter(
            "headwater_http_requests", "Requests.", ["route", "method", "status"], registry=registry
        ),
        Histogram(
            "headwater_http_seconds",
            "Time to answer.",
            ["route"],
            buckets=_QUERY_BUCKETS,
            registry=registry,
        ),
    )
