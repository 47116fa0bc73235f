"""A collector of traces on loopback that keeps what it is sent, and may hang or be closed for good."""

import contextlib
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from gzip import decompress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest


@dataclass(frozen=True, slots=True)
class Span:
    """A span as it was sent."""

    name: str
    service: str
    trace: str
    id: str
    parent: str
    start_ns: int
    end_ns: int
    links: tuple[str, ...]
    facts: dict[str, str | int]


@dataclass(slots=True)
class Collector:
    """All that has come in; `address` is what to configure."""

    address: str = ""
    spans: list[Span] = field(default_factory=list)
    bodies: list[bytes] = field(default_factory=list)
    hang: Callable[[], None] = lambda: None
    close: Callable[[], None] = lambda: None

    def traces(self) -> dict[str, list[Span]]:
        """The spans of each trace, in the order of their beginning."""
        found: dict[str, list[Span]] = {}
        for span in sorted(self.spans, key=lambda span: span.start_ns):
            found.setdefault(span.trace, []).append(span)
        return found


@contextmanager
def a_collector() -> Iterator[Collector]:
    """A collector as long as the block runs."""
    collector = Collector()
    answers = threading.Event()
    answers.set()
    collector.hang = answers.clear

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            if self.headers.get("content-encoding") == "gzip":
                body = decompress(body)
            answers.wait()
            collector.bodies.append(body)
            collector.spans += _spans(body)
            self.send_response(200 if self.path == "/v1/traces" else 404)
            self.send_header("content-length", "0")
            with contextlib.suppress(OSError):  # who hung up while it hung
                self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        collector.address = f"http://127.0.0.1:{server.server_address[1]}"
        thread = threading.Thread(target=server.serve_forever)
        thread.start()

        def close() -> None:
            answers.set()
            server.shutdown()
            server.server_close()

        collector.close = close
        try:
            yield collector
        finally:
            answers.set()
            server.shutdown()
            thread.join()


def _spans(body: bytes) -> Sequence[Span]:
    found = []
    for resource in ExportTraceServiceRequest.FromString(body).resource_spans:
        names = {pair.key: pair.value.string_value for pair in resource.resource.attributes}
        for scope in resource.scope_spans:
            for span in scope.spans:
                facts = {
                    pair.key: pair.value.string_value or pair.value.int_value
                    for pair in span.attributes
                }
                found.append(
                    Span(
                        span.name,
                        names["service.name"],
                        span.trace_id.hex(),
                        span.span_id.hex(),
                        span.parent_span_id.hex(),
                        span.start_time_unix_nano,
                        span.end_time_unix_nano,
                        tuple(link.trace_id.hex() for link in span.links),
                        facts,
                    )
                )
    return found
