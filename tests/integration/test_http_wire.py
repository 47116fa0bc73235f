"""The server over real sockets, where sizes, slowness and departures happen."""

import asyncio
import hashlib
import hmac
import json
import signal
import socket
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any

import httpx
import pytest
from litestar import Litestar

from api.core.ports import Search
from api.main import make_answering
from api.main import routes as api_routes
from api.settings import AnswerSettings
from headwater.gate import GateRules
from headwater.http import make_app
from headwater.metrics import make_metrics
from headwater.server import ServerLimits, bind, serve, serve_on
from ingest.adapters.webhook_http import webhook_routes
from ingest.core.webhook import Delivery
from schemas.answers import PageResponse, SearchResponse
from schemas.errors import WrongUse


async def search(
    question: str, *, k: int, sources: Sequence[str] | None, paths: Sequence[str] = ()
) -> SearchResponse:
    return SearchResponse(question=question, hits=[], as_of={})


async def page_at(url: str) -> PageResponse | None:
    return None


async def store(delivery: Delivery) -> bool:
    return True


def make(search: Search = search, rules: GateRules | None = None) -> Litestar:
    return make_app(
        routes=[
            *api_routes(make_answering(search, AnswerSettings()), page_at),
            *webhook_routes({"docs": [b"a secret"]}, store),
        ],
        checks={},
        hosts=[],
        metrics_registry=make_metrics().registry,
        rules=rules,
    )


@asynccontextmanager
async def running(
    app: Litestar, limits: ServerLimits | None = None, host: str = "127.0.0.1"
) -> AsyncIterator[int]:
    stop, started = asyncio.Event(), asyncio.Event()
    with bind(host, 0) as listening:
        port = listening.getsockname()[1]
        server = asyncio.create_task(
            serve_on(listening, app, stop=stop, started=started.set, limits=limits)
        )
        await started.wait()
        try:
            yield port
        finally:
            stop.set()
            await server


async def exchange(port: int, *writes: bytes, timeout_s: float = 8.0) -> bytes:
    """Send bytes, then read until the server closes."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        for data in writes:
            writer.write(data)
            await writer.drain()
        return await asyncio.wait_for(reader.read(), timeout_s)
    finally:
        writer.close()


async def send_for(seconds: float, writer: asyncio.StreamWriter) -> None:
    until_s = time.monotonic() + seconds
    while time.monotonic() < until_s:
        writer.write(b"10000\r\n" + b" " * 65_536 + b"\r\n")
        await writer.drain()


def signed(body: bytes) -> dict[str, str]:
    digest = hmac.new(b"a secret", body, hashlib.sha256).hexdigest()
    return {"X-Hub-Signature-256": f"sha256={digest}"}


@pytest.mark.parametrize(
    ("host", "status"), [("127.0.0.2", 200), ("127.0.0.3", 421), ("docs.example", 421)]
)
def test_a_server_is_addressed_by_the_address_that_it_was_reached_at(
    host: str, status: int
) -> None:
    """As monitoring does, which finds its targets as addresses."""

    async def run() -> httpx.Response:
        async with running(make(), host="127.0.0.2") as port, httpx.AsyncClient() as client:
            url = f"http://127.0.0.2:{port}/metrics"
            return await client.get(url, headers={"Host": f"{host}:{port}"})

    assert asyncio.run(run()).status_code == status


HEAD = b"POST /query HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n"


def test_s9_an_announced_body_over_the_cap_is_refused_unread() -> None:
    async def run() -> bytes:
        async with running(make()) as port:
            return await exchange(port, HEAD + b"Content-Length: 1048577\r\n\r\n")

    assert asyncio.run(run()).startswith(b"HTTP/1.1 413")


def test_s9_a_chunked_body_over_the_cap_is_refused_on_the_way() -> None:
    chunk = b"10000\r\n" + b" " * 65_536 + b"\r\n"

    async def run() -> bytes:
        async with running(make()) as port:
            return await exchange(port, HEAD + b"Transfer-Encoding: chunked\r\n\r\n", chunk * 17)

    assert asyncio.run(run()).startswith(b"HTTP/1.1 413")


def test_s9_a_webhook_over_25_mib_is_refused_unread_and_one_below_is_read() -> None:
    body = json.dumps({"ref": "refs/heads/main", "pad": "x" * 3_000_000}).encode()

    async def run() -> tuple[bytes, int]:
        async with running(make()) as port:
            head = HEAD.replace(b"/query", b"/webhooks/docs")
            refused = await exchange(port, head + b"Content-Length: 26214401\r\n\r\n")
            async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}") as client:
                read = await client.post("/webhooks/docs", content=body, headers=signed(body))
            return refused, read.status_code

    refused, accepted = asyncio.run(run())

    assert refused.startswith(b"HTTP/1.1 413")
    assert accepted == 202


@pytest.mark.parametrize("order", [(0, 1), (1, 0)])
def test_s4_a_good_signature_does_not_rescue_a_bad_one_beside_it(order: tuple[int, int]) -> None:
    good = f"X-Hub-Signature-256: {signed(b'{}')['X-Hub-Signature-256']}\r\n".encode()
    lines = (good, b"X-Hub-Signature-256: sha256=" + b"0" * 64 + b"\r\n")
    head = HEAD.replace(b"/query", b"/webhooks/docs") + b"Content-Length: 2\r\n"

    async def run() -> tuple[bytes, bytes]:
        async with running(make()) as port:
            alone = await exchange(port, head + good + b"\r\n{}")
            both = await exchange(port, head + lines[order[0]] + lines[order[1]] + b"\r\n{}")
            return alone, both

    alone, both = asyncio.run(run())

    assert alone.startswith(b"HTTP/1.1 202")
    assert both.startswith(b"HTTP/1.1 401")


def test_s15_a_slow_body_ends_with_a_408() -> None:
    async def run() -> bytes:
        async with running(make(rules=GateRules(body_timeout_s=0.3))) as port:
            return await exchange(port, HEAD + b'Content-Length: 99\r\n\r\n{"que')

    assert asyncio.run(run()).startswith(b"HTTP/1.1 408")


@pytest.mark.parametrize("first", [b"", b"POST /query HTTP/1.1\r\nHost: 127"])
def test_s15_a_slow_head_loses_its_connection(first: bytes) -> None:
    async def run() -> bytes:
        async with running(make(), ServerLimits(head_timeout_s=0.3)) as port:
            return await exchange(port, first)

    assert asyncio.run(run()) == b""


def test_s15_an_endless_body_after_a_413_is_cut_off() -> None:
    async def run() -> float:
        async with running(make(), ServerLimits(head_timeout_s=0.4)) as port:
            _, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.write(b"POST /query HTTP/1.1\r\nHost: 127.0.0.1\r\n")
            writer.write(b"Transfer-Encoding: chunked\r\n\r\n")
            started_s = time.monotonic()
            with pytest.raises(ConnectionError):
                await send_for(8, writer)
            return time.monotonic() - started_s

    assert asyncio.run(run()) < 6


def test_what_is_no_http_is_told_so_as_a_problem() -> None:
    async def run() -> bytes:
        async with running(make()) as port:
            return await exchange(port, b"\x16\x03\x01 not http\r\n\r\n")

    answer = asyncio.run(run())

    assert answer.startswith(b"HTTP/1.1 400")
    assert b"application/problem+json" in answer
    assert b"X-Request-Id" in answer


def test_a_connection_too_many_is_told_so_as_a_problem() -> None:
    async def run() -> list[httpx.Response]:
        async with (
            running(make(), ServerLimits(max_connections=2)) as port,
            httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}") as first,
            httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}") as second,
        ):
            answers = [await first.get("/healthz"), await second.get("/healthz")]
            return [*answers, await first.get("/healthz")]

    before, refused, after = asyncio.run(run())

    assert (before.status_code, refused.status_code, after.status_code) == (200, 503, 200)
    assert refused.headers["content-type"] == "application/problem+json"
    assert refused.json()["request_id"] == refused.headers["x-request-id"]
    assert refused.headers["retry-after"]


def test_a_client_that_leaves_mid_body_is_no_failure_of_ours() -> None:
    async def run() -> str:
        async with running(make()) as port:
            _, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.write(HEAD + b'Content-Length: 99\r\n\r\n{"que')
            await writer.drain()
            writer.close()
            await writer.wait_closed()
            async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}") as client:
                for _ in range(100):
                    text = (await client.get("/metrics")).text
                    if 'route="/query"' in text:
                        break
            return text

    text = asyncio.run(run())

    assert 'route="/query",status="499"' in text
    assert 'status="500"' not in text


def test_a_stop_finishes_the_request_under_way_and_then_nobody_listens() -> None:
    async def run() -> int:
        entered, release = asyncio.Event(), asyncio.Event()

        async def slow(
            question: str, *, k: int, sources: Sequence[str] | None, paths: Sequence[str] = ()
        ) -> SearchResponse:
            entered.set()
            await release.wait()
            return SearchResponse(question=question, hits=[], as_of={})

        stop, port = asyncio.Event(), asyncio.get_running_loop().create_future()
        server = asyncio.create_task(
            serve(make(slow), host="127.0.0.1", port=0, stop=stop, announce=port.set_result)
        )
        async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{await port}") as client:
            asked = asyncio.create_task(client.post("/query", json={"question": "autoscaling"}))
            await entered.wait()
            stop.set()
            release.set()
            status = (await asked).status_code
        await server
        with pytest.raises(ConnectionError):
            await asyncio.open_connection("127.0.0.1", port.result())
        return status

    assert asyncio.run(run()) == 200


def test_a_port_that_is_taken_is_told_in_one_line() -> None:
    with bind("127.0.0.1", 0) as taken, pytest.raises(WrongUse, match="in use; port 0 takes"):
        bind("127.0.0.1", taken.getsockname()[1])


def test_serving_leaves_signals_to_the_process() -> None:
    before = signal.getsignal(signal.SIGTERM)

    async def run() -> Any:
        async with running(make()):
            return signal.getsignal(signal.SIGTERM)

    assert asyncio.run(run()) is before


def test_a_small_answer_leaves_at_once_on_a_connection_kept_alive() -> None:
    """asyncio turns the delay of small writes off for sockets it knows for TCP, and no others."""
    with bind("127.0.0.1", 0) as listening:
        assert listening.proto == socket.IPPROTO_TCP

    async def accepted() -> int:
        options: asyncio.Queue[int] = asyncio.Queue()

        async def note(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            taken = writer.get_extra_info("socket")
            options.put_nowait(taken.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY))
            writer.close()

        async with await asyncio.start_server(note, sock=bind("127.0.0.1", 0)) as server:
            _, writer = await asyncio.open_connection(*server.sockets[0].getsockname())
            option = await asyncio.wait_for(options.get(), timeout=5)
            writer.close()
            return option

    assert asyncio.run(accepted()) != 0
