"""What stands around every route: names, origins, ids, headers, probes."""

import asyncio
import json
import time
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

import httpx
import pytest
from litestar import Litestar, Request, post
from litestar.testing import AsyncTestClient

from headwater.http import Check, make_app
from headwater.metrics import make_metrics
from schemas.errors import StoreUnavailable


def make(
    checks: Mapping[str, Check] | None = None, lesser: Mapping[str, Check] | None = None
) -> Litestar:
    @post("/echo", status_code=200)
    async def echo(request: Request[Any, Any, Any]) -> object:
        return await request.json()

    return make_app(
        routes=[echo],
        checks=checks or {},
        lesser=lesser,
        hosts=["docs.example.org"],
        metrics_registry=make_metrics().registry,
    )


Talk = Callable[[AsyncTestClient[Any]], Awaitable[httpx.Response]]


def ask(talk: Talk, **parts: Any) -> httpx.Response:
    async def run() -> httpx.Response:
        async with AsyncTestClient(make(**parts), base_url="http://127.0.0.1:8000") as client:
            return await talk(client)

    return asyncio.run(run())


def post_json(
    path: str, body: bytes | object, headers: Mapping[str, str] | None = None
) -> httpx.Response:
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    return ask(lambda client: client.post(path, content=content, headers=dict(headers or {})))


def get_json(path: str, headers: Mapping[str, str] | None = None, **parts: Any) -> httpx.Response:
    return ask(lambda client: client.get(path, headers=dict(headers or {})), **parts)


def assert_problem(response: httpx.Response, status: int) -> None:
    assert response.status_code == status
    assert response.headers["content-type"].startswith("application/problem+json")
    assert response.json()["status"] == status
    assert response.json()["request_id"] == response.headers["x-request-id"]


@pytest.mark.parametrize("given_id", ["abc_DEF-7", "x" * 64])
def test_a_plain_request_id_is_kept(given_id: str) -> None:
    response = get_json("/healthz", {"X-Request-Id": given_id})

    assert response.headers["x-request-id"] == given_id


@pytest.mark.parametrize("given_id", ["", "x" * 65, "a b", "id;drop", "<b>"])
def test_s32_any_other_request_id_is_replaced(given_id: str) -> None:
    response = get_json("/healthz", {"X-Request-Id": given_id})

    assert response.headers["x-request-id"] != given_id
    assert len(response.headers["x-request-id"]) == 32


@pytest.mark.parametrize("path", ["/healthz", "/nothing", "/schema", "/metrics"])
def test_every_answer_has_a_request_id_and_the_security_headers(path: str) -> None:
    response = get_json(path)

    assert response.headers["x-request-id"]
    assert response.headers["x-content-type-options"] == "nosniff"
    assert response.headers["content-security-policy"].startswith("default-src 'none'")
    assert "access-control-allow-origin" not in response.headers


@pytest.mark.parametrize(
    "host", ["127.0.0.1", "localhost:1", "[::1]:8000", "LOCALHOST", "docs.example.org:443"]
)
def test_our_own_names_are_answered(host: str) -> None:
    assert get_json("/healthz", {"Host": host}).status_code == 200


@pytest.mark.parametrize(
    "host", ["evil.example", "localhost.evil.example", "127.0.0.1.evil.example", "a/b", "", "::1"]
)
def test_a_foreign_name_is_refused(host: str) -> None:
    assert_problem(get_json("/healthz", {"Host": host}), 421)


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "https://evil.example"},
        {"Origin": "null"},
        {"Origin": "http://127.0.0.1:9999"},
        {"Sec-Fetch-Site": "cross-site"},
    ],
)
def test_s27_pages_of_other_origins_may_not_post(headers: dict[str, str]) -> None:
    assert_problem(post_json("/echo", {"question": "autoscaling"}, headers), 403)


def test_s27_our_own_pages_may_post_and_nobody_gets_cors() -> None:
    headers = {"Origin": "http://127.0.0.1:8000", "Sec-Fetch-Site": "same-origin"}

    response = post_json("/echo", {"question": "autoscaling"}, headers)

    assert response.status_code == 200
    assert not [name for name in response.headers if name.startswith("access-control")]


async def ready() -> str | None:
    return None


async def missing() -> str | None:
    return "no generation is live"


async def broken() -> str | None:
    raise StoreUnavailable("password=hunter2")


async def hanging() -> str | None:
    await asyncio.Event().wait()
    return None


def test_a_live_process_says_so_whatever_its_parts_do() -> None:
    response = get_json("/healthz", checks={"store": broken})

    assert (response.status_code, response.json()) == (200, {"live": True})


def test_ready_means_every_part_is() -> None:
    response = get_json("/readyz", checks={"store": ready, "model": ready})

    assert response.status_code == 200
    assert response.json() == {"ready": True, "parts": {"store": "ok", "model": "ok"}}


def test_a_part_that_can_be_done_without_is_told_and_takes_nobody_out_of_service() -> None:
    response = get_json("/readyz", checks={"store": ready}, lesser={"questions": missing})

    assert response.status_code == 200
    assert response.json() == {
        "ready": True,
        "parts": {"store": "ok", "questions": "no generation is live"},
    }


def test_not_ready_has_a_reason_a_part_and_does_not_hang() -> None:
    started_s = time.monotonic()

    response = get_json("/readyz", checks={"a": ready, "b": missing, "c": broken, "d": hanging})

    assert_problem(response, 503)
    assert time.monotonic() - started_s < 5
    assert response.headers["retry-after"]
    assert response.json()["ready"] is False
    assert response.json()["parts"] == {
        "a": "ok",
        "b": "no generation is live",
        "c": "StoreUnavailable",
        "d": "no answer within 2 s",
    }
