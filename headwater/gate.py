"""What stands around the app: request ids, Host and Origin rules, deadlines, headers, counting."""

import asyncio
import re
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from http import HTTPMethod, HTTPStatus
from typing import Any, cast
from uuid import uuid4

from litestar.enums import ScopeType
from litestar.exceptions import HTTPException
from litestar.types import ASGIApp, HTTPScope, Message, Receive, Scope, Send

from headwater.metrics import HttpMetrics
from headwater.problems import MEDIA_TYPE, problem, problem_bytes

LOOPBACK = ("127.0.0.1", "localhost", "[::1]")
BODY_TIMEOUT_S = 30.0
CLIENT_CLOSED = 499

_REQUEST_ID = re.compile(rb"[A-Za-z0-9_-]{1,64}")
_HOST = re.compile(r"(\[[0-9a-f:.]{2,45}\]|[a-z0-9._-]{1,253})(?::\d{1,5})?")
_SAFE = frozenset({"GET", "HEAD", "OPTIONS"})
_METHODS = frozenset(method.value for method in HTTPMethod)
_HEADERS = (
    (b"x-content-type-options", b"nosniff"),
    (
        b"content-security-policy",
        b"default-src 'none'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'",
    ),
    (b"referrer-policy", b"no-referrer"),
    (b"cache-control", b"no-store"),
)


class ClientGone(HTTPException):
    """The client went away before its body was there: nobody is left to be answered."""

    status_code = CLIENT_CLOSED


class BodyTooSlow(HTTPException):
    """The body was not there in time."""

    status_code = HTTPStatus.REQUEST_TIMEOUT


@dataclass(frozen=True, slots=True)
class GateRules:
    """`hosts` may be addressed beside the loopback ones; one with a port, at that port alone."""

    hosts: Sequence[str] = ()
    body_timeout_s: float = BODY_TIMEOUT_S


@dataclass(slots=True)
class _Exchange:
    """One request as it goes: what is known of its body and its answer."""

    request_id: str
    deadline_s: float
    body_is_read: bool = False
    status: int = HTTPStatus.INTERNAL_SERVER_ERROR
    started_s: float = field(default_factory=time.perf_counter)


def gate(app: ASGIApp, *, rules: GateRules, metrics: HttpMetrics) -> ASGIApp:
    """Let through to `app` only what is meant for our hosts and no foreign page sends.

    Every answer gets `X-Request-Id`, the client's own when it is plain, and the security headers
    that it does not set itself.
    """
    allowed = frozenset(host.lower() for host in (*LOOPBACK, *rules.hosts))

    async def guarded(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == ScopeType.WEBSOCKET:
            await app(scope, receive, send)
            return
        exchange = _Exchange(_request_id(scope), time.monotonic() + rules.body_timeout_s)
        scope.setdefault("state", {})["request_id"] = exchange.request_id
        finishing = _finishing(exchange, send)
        try:
            if refusal := _refusal(scope, allowed):
                await _refuse(exchange, *refusal, send=finishing)
            else:
                await app(scope, _in_time(exchange, receive), finishing)
        finally:
            _count(metrics, scope, exchange)

    return guarded


def _values(scope: HTTPScope, name: bytes) -> list[bytes]:
    return [value for key, value in scope["headers"] if key.lower() == name]


def _request_id(scope: HTTPScope) -> str:
    given = _values(scope, b"x-request-id")
    if len(given) == 1 and _REQUEST_ID.fullmatch(given[0]):
        return given[0].decode()
    return uuid4().hex


def _refusal(scope: HTTPScope, allowed: frozenset[str]) -> tuple[HTTPStatus, str] | None:
    """A foreign page could reach a loopback server through a DNS name of its own."""
    hosts = _values(scope, b"host")
    host = hosts[0].decode("latin-1").lower() if len(hosts) == 1 else ""
    parsed = _HOST.fullmatch(host)
    if parsed is None or not ({host, parsed[1]} & allowed or _is_own_address(scope, parsed[1])):
        return HTTPStatus.MISDIRECTED_REQUEST, "this server is not addressed by that name"
    if scope["method"] not in _SAFE and _is_foreign(scope, host):
        return HTTPStatus.FORBIDDEN, "pages of other sites may not post here"
    return None


def _is_own_address(scope: HTTPScope, host: str) -> bool:
    """Whether it is addressed by the very address it was reached at, as monitoring does: no name can stand for that."""
    server = scope.get("server")
    return server is not None and host.strip("[]") == str(server[0]).lower()


def _is_foreign(scope: HTTPScope, host: str) -> bool:
    """Whether a browser says that another origin's page sends this; programs say nothing."""
    if _values(scope, b"sec-fetch-site")[:1] == [b"cross-site"]:
        return True
    origins = [origin.decode("latin-1").lower() for origin in _values(scope, b"origin")]
    return any(origin.partition("://")[2] != host for origin in origins)


async def _refuse(exchange: _Exchange, status: HTTPStatus, detail: str, *, send: Send) -> None:
    body = problem_bytes(problem(status, detail, exchange.request_id))
    headers = [(b"content-type", MEDIA_TYPE.encode()), (b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": int(status), "headers": headers})
    await send({"type": "http.response.body", "body": body, "more_body": False})


def _in_time(exchange: _Exchange, receive: Receive) -> Receive:
    """Bound the whole of the body, so that a byte now and then does not hold a request open."""

    async def bounded() -> Any:
        if exchange.body_is_read:
            return await receive()
        try:
            async with asyncio.timeout(exchange.deadline_s - time.monotonic()):
                message = await receive()
        except TimeoutError as error:
            raise BodyTooSlow("the body took too long") from error
        if message["type"] == "http.disconnect":
            raise ClientGone("the client went away")
        exchange.body_is_read = not message.get("more_body", False)
        return message

    return cast(Receive, bounded)


def _finishing(exchange: _Exchange, send: Send) -> Send:
    async def finished(message: Message) -> None:
        if message["type"] == "http.response.start":
            exchange.status = message["status"]
            message["headers"] = [
                *message.get("headers", ()),
                *_missing(message.get("headers", ()), exchange),
            ]
        await send(message)

    return finished


def _missing(
    present: Iterable[tuple[bytes, bytes]], exchange: _Exchange
) -> list[tuple[bytes, bytes]]:
    names = {name.lower() for name, _ in present}
    own = [(b"x-request-id", exchange.request_id.encode())]
    return own + [header for header in _HEADERS if header[0] not in names]


def _count(metrics: HttpMetrics, scope: HTTPScope, exchange: _Exchange) -> None:
    route = str(scope.get("path_template") or "unmatched")
    method = str(scope["method"])
    method = method if method in _METHODS else "other"
    metrics.requests.labels(route=route, method=method, status=str(exchange.status)).inc()
    metrics.seconds.labels(route=route).observe(time.perf_counter() - exchange.started_s)
