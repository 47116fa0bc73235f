"""Seeing a deployment at work: one trace and its log lines from a push to the searchable page, and its notices."""

import json
import signal
from collections.abc import Iterator, Mapping, Sequence
from operator import itemgetter
from pathlib import Path
from typing import Any

import msgspec
import pytest
from kafka import KafkaAdminClient, KafkaConsumer

from headwater.cluster.broker import LocalBroker
from schemas.notices import Notice, PageIndexed, PageParked, RecordParked, decode_notice
from schemas.wire import encode_event, key_of
from tests.support.collector import Collector, Span, a_collector
from tests.support.deployment import Deployed, a_deployment
from tests.support.events import changed
from tests.support.program import Serving, poll
from tests.support.repository import page
from tests.support.warm import Warm

SECRET = "between-us"
CONFIG = """
[[source]]
name = "docs"
location = "docs"
poll_s = 3600
webhook_secret_env = "DOCS_SECRET"

[telemetry]
otlp_endpoint = "{}"
"""
HOSTILE = "evil\n{\x1b[31mred.md"
STEPS = ("webhook.received", "sync", "page.publish", "page.consume", "page.read", "page.write")


@pytest.fixture(scope="module")
def collector() -> Iterator[Collector]:
    with a_collector() as collector:
        yield collector


@pytest.fixture(scope="module")
def deployed(
    tmp_path_factory: pytest.TempPathFactory,
    broker: LocalBroker,
    module_database: str,
    warm: Warm,
    collector: Collector,
) -> Iterator[Deployed]:
    """Three pages, indexed, with every part running; only a push makes intake look again."""
    folder: Path = tmp_path_factory.mktemp("seeing")
    with (
        pytest.MonkeyPatch.context() as patch,
        a_deployment(folder, broker, module_database, warm) as deployed,
    ):
        patch.setenv("DOCS_SECRET", SECRET)
        deployed.program.configure(CONFIG.format(collector.address))
        words = deployed.write(3)
        for part in ("worker", "ingest", "serve"):  # so that nothing is sent twice for want of one
            deployed.start(part).ready()
        deployed.check(words)
        yield deployed


@pytest.fixture
def ingest(deployed: Deployed) -> Serving:
    return deployed.started[1]


@pytest.fixture
def worker(deployed: Deployed) -> Serving:
    return deployed.started[0]


def push(deployed: Deployed) -> None:
    assert deployed.started[1].push("docs", secret=SECRET) == 202


def lines_of(serving: Serving) -> list[dict[str, Any]]:
    """The log lines of a process; what it tells a person is no line of the log."""
    told = ("answering on ", "preparing ")
    lines = [line for line in serving.said.splitlines() if line and not line.startswith(told)]
    return [json.loads(line) for line in lines]


def notices(deployed: Deployed, topic: str) -> list[Notice]:
    """Everything on a topic of notices."""
    consumer = KafkaConsumer(
        topic,
        bootstrap_servers=deployed.broker.servers,
        auto_offset_reset="earliest",
        consumer_timeout_ms=1_500,
    )
    try:
        return [decode_notice(record.value) for record in consumer]
    finally:
        consumer.close()


def test_a_push_is_one_trace_from_the_hint_to_the_searchable_page(
    deployed: Deployed, collector: Collector
) -> None:
    words = deployed.write(1)
    before = set(collector.traces())

    push(deployed)
    deployed.wait_for(words | {"canary1turn1", "canary2turn1"})
    poll(lambda: _spans(collector, before).keys() >= {*STEPS, "texts.embed"}, "all spans")

    [(_, spans)] = [pair for pair in collector.traces().items() if pair[0] not in before]
    by_name = {span.name: span for span in spans}
    starts = [by_name[step].start_ns for step in STEPS]
    assert starts == sorted(starts)
    assert len(spans) == len(STEPS) + 1
    services = [by_name[step].service.rpartition("-")[2] for step in STEPS]
    assert services == [*["ingest"] * 3, *["worker"] * 3]
    parents = [_parent(by_name[step], spans) for step in STEPS]
    assert parents == ["", *STEPS[:4], "page.consume"]
    consumed, written = by_name["page.consume"], by_name["page.write"]
    assert written.end_ns <= consumed.end_ns
    assert (
        consumed.facts.items()
        >= {
            "headwater.source": "docs",
            "headwater.page": "docs/page0.md",
            "headwater.kind": "changed",
            "headwater.generation": 1,
            "headwater.outcome": "applied",
        }.items()
    )
    placed = ("headwater.revision", "headwater.partition", "headwater.offset")
    assert [consumed.facts[name] for name in placed] == [
        by_name["page.publish"].facts[name] for name in placed
    ]


def test_no_text_of_a_page_goes_to_the_collector(deployed: Deployed, collector: Collector) -> None:
    assert collector.bodies
    assert not any(b"canary" in body for body in collector.bodies)


def test_what_anybody_writes_into_a_header_is_no_more_than_ignored(
    deployed: Deployed, worker: Serving, collector: Collector
) -> None:
    event = changed("spoofed.md", 1, "# Spoofed\n\nText.\n")
    headers = [
        [("traceparent", b"00-" + b"f" * 5_000)],
        [("traceparent", b"\xff\xfe\n\x00"), ("tenant", b"another")],
        [("traceparent", b"00-" + b"0" * 32 + b"-" + b"0" * 16 + b"-01")],
    ]

    for number, given in enumerate(headers, 1):
        deployed.send_with(key_of(event.page_id), encode_event(event), given)
        poll(
            lambda number=number: len(_consumed(collector, event.page_id)) == number,  # type: ignore[misc]
            "a span of it",
        )

    spans = _consumed(collector, event.page_id)
    assert {span.parent for span in spans} == {""}
    assert [span.facts["headwater.outcome"] for span in spans] == ["applied", "stale", "stale"]
    assert worker.is_running


def test_every_line_about_an_event_says_which(
    deployed: Deployed, ingest: Serving, worker: Serving
) -> None:
    published = [line for line in lines_of(ingest) if line["event"] == "page.published"]
    indexed = [line for line in lines_of(worker) if line["event"] == "page.indexed"]

    names = {"source", "page_id", "revision", "partition", "offset", "level", "timestamp"}
    assert published
    assert indexed
    for line in (*published, *indexed):
        assert line.keys() >= names, line
    place = itemgetter("page_id", "revision", "partition", "offset")
    ours = {place(line) for line in indexed if line["page_id"] != "docs/spoofed.md"}
    assert len(ours) >= 4
    assert ours <= set(map(place, published))


def test_a_path_writes_no_log_line_of_its_own(
    deployed: Deployed, ingest: Serving, worker: Serving
) -> None:
    deployed.docs.write(HOSTILE, page("Evil", "The word is evil."))
    deployed.docs.write("large.md", b"# Large\n\n" + b"word " * 500_000)
    deployed.docs.commit()

    push(deployed)
    poll(lambda: _pages(worker, "page.indexed") >= {f"docs/{HOSTILE}"}, "the page")
    poll(lambda: _pages(ingest, "page.parked") == {"docs/large.md"}, "the parked page")

    assert "\x1b" not in ingest.said + worker.said
    assert _pages(ingest, "page.published") >= {f"docs/{HOSTILE}"}


def test_a_searchable_page_is_told_of_once_it_is(deployed: Deployed) -> None:
    told = [
        notice
        for notice in notices(deployed, deployed.broker.topics.indexed)
        if isinstance(notice, PageIndexed) and notice.page_id == "docs/page0.md"
    ]

    revisions = [notice.revision for notice in told]
    assert len(revisions) == 2
    assert revisions == sorted(set(revisions))
    newest = told[-1]
    assert (newest.source, newest.kind, newest.generation) == ("docs", "changed", 1)
    assert newest.texts_embedded == 1
    assert newest.detected_at is not None
    assert newest.committed_at < newest.detected_at < newest.indexed_at
    assert newest.commit in deployed.docs.git("log", "--format=%H").split()


def test_whatever_is_parked_is_told_of_with_its_reason(deployed: Deployed, worker: Serving) -> None:
    poison = b"\xff\xfe no message"
    cut = changed("cut.ipynb", 1, '{"cells": [')
    unreadable = msgspec.structs.replace(cut, format="notebook")
    deployed.send((b"docs/x.md", poison))
    deployed.send((key_of(unreadable.page_id), encode_event(unreadable)))
    sent = 'headwater_notices_total{about="parked",outcome="sent"}'
    poll(lambda: worker.metric(sent) == 2, "two notices")

    told = notices(deployed, deployed.broker.topics.parked)

    pages = {str(notice.page_id): notice for notice in told if isinstance(notice, PageParked)}
    [record] = [notice for notice in told if isinstance(notice, RecordParked)]
    assert len(told) == 3
    assert (record.value, record.key, record.size_bytes) == (poison, b"docs/x.md", len(poison))
    assert record.topic == deployed.broker.topics.pages
    told_cut, large = pages["docs/cut.ipynb"], pages["docs/large.md"]
    assert (told_cut.generation, told_cut.revision) == (1, 1)
    assert told_cut.offset is not None
    assert "notebook" in told_cut.reason
    assert (large.generation, large.offset) == (0, None)
    assert "too large" in large.reason


def test_every_metric_moves_where_its_work_is_done(deployed: Deployed) -> None:
    worker, ingest, serve = deployed.started
    serve.client.post("/query", json={"question": "What is the word?"})
    kinds = 'kind="changed",source="docs"'

    measured = {
        "processing": worker.metric(f"headwater_processing_seconds_count{{{kinds}}}"),
        "freshness": ingest.metric(f"headwater_freshness_seconds_count{{{kinds}}}"),
        "embedded": worker.metric("headwater_texts_embedded_total"),
        "parked": ingest.metric('headwater_parked{source="docs"}'),
        "claim": ingest.metric("headwater_claim_held"),
        "acknowledged": worker.metric("headwater_acknowledged_timestamp_seconds"),
        "indexed": worker.metric('headwater_notices_total{about="indexed",outcome="sent"}'),
        "query": serve.metric('headwater_query_seconds_count{stage="total"}'),
        "writable": serve.metric("headwater_database_writable"),
        "broker": worker.metric('headwater_ready{part="broker"}'),
        "sources": ingest.metric('headwater_ready{part="sources"}'),
    }

    assert {name: value for name, value in measured.items() if value <= 0} == {}
    assert worker.metric("headwater_claim_held") == 0
    for serving in (ingest, worker):
        assert (
            'headwater_reset_detected_total{reason="unread_gone"} 0.0'
            in serving.client.get("/metrics").text
        )


def test_a_topic_that_takes_no_notice_and_a_collector_that_hangs_or_is_gone_hold_up_nobody(
    deployed: Deployed, ingest: Serving, worker: Serving, collector: Collector
) -> None:
    admin = KafkaAdminClient(bootstrap_servers=deployed.broker.servers)
    admin.delete_topics([deployed.broker.topics.indexed])
    admin.close()
    others = {f"canary{number}turn1" for number in (1, 2)}

    for fail in (collector.hang, collector.close):
        fail()
        words = deployed.write(1)
        push(deployed)
        deployed.wait_for(words | others, within_s=15)
    dropped = 'headwater_notices_total{about="indexed",outcome="dropped"}'
    poll(lambda: worker.metric(dropped) >= 1, "a dropped notice")
    poll(lambda: worker.metric("headwater_spans_lost_total") >= 1, "a lost span")

    assert deployed.in_flight() == 0
    assert worker.end(signal.SIGTERM, within_s=20) == 0
    assert ingest.end(signal.SIGTERM, within_s=20) == 0


def _parent(span: Span, spans: Sequence[Span]) -> str:
    """The name of what a span belongs to."""
    return next((other.name for other in spans if other.id == span.parent), "")


def _spans(collector: Collector, before: set[str]) -> Mapping[str, Span]:
    return {span.name: span for span in collector.spans if span.trace not in before}


def _consumed(collector: Collector, page_id: str) -> list[Span]:
    spans = [span for span in collector.spans if span.name == "page.consume"]
    return [span for span in spans if span.facts["headwater.page"] == page_id]


def _pages(serving: Serving, event: str) -> set[str]:
    return {line["page_id"] for line in lines_of(serving) if line["event"] == event}
