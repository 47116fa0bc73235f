"""The one Litestar app of a process, and the server that runs it."""

import asyncio
import json
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any

from litestar import Litestar, Request, Response, get
from litestar.exceptions import ClientException
from litestar.openapi import OpenAPIConfig
from litestar.openapi.plugins import JsonRenderPlugin
from litestar.types import ControllerRouterHandler
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest

from headwater.gate import GateRules, gate
from headwater.metrics import make_http_metrics
from headwater.problems import exception_handlers, problem_response, request_id_of
from schemas.answers import Problem, Readiness
from schemas.errors import HeadwaterError

Check = Callable[[], Awaitable[str | None]]
"""One part's state: None when it is ready, else the reason why not, fit to be shown."""

MAX_BODY_BYTES = 2**20
CHECK_TIMEOUT_S = 2.0


def make_app(
    *,
    routes: Sequence[ControllerRouterHandler],
    checks: Mapping[str, Check],
    hosts: Sequence[str],
    metrics_registry: CollectorRegistry,
    lesser: Mapping[str, Check] | None = None,
    rules: GateRules | None = None,
) -> Litestar:
    """The app with `routes`, `/healthz`, `/readyz`, `/metrics` and, at `/schema`, OpenAPI.

    Ready means that all of `checks` hold; what is told of `lesser` parts, without which it answers all the same, does
    not count. Bodies are capped at 1 MiB where a route sets no cap of its own. `hosts` are the names it may
    be addressed by beside the loopback ones; `rules` replaces them and the gate's other limits.
    """
    app = Litestar(
        route_handlers=[
            *routes,
            _healthz(),
            _readyz(checks, lesser or {}),
            _metrics(metrics_registry),
        ],
        request_class=StrictRequest,
        request_max_body_size=MAX_BODY_BYTES,
        exception_handlers=exception_handlers(),
        openapi_config=_openapi(),
        logging_config=None,
        debug=False,
    )
    app.asgi_handler = gate(
        app.asgi_handler,
        rules=rules or GateRules(hosts=hosts),
        metrics=make_http_metrics(metrics_registry),
    )
    return app


class StrictRequest(Request[Any, Any, Any]):
    """A request whose JSON is UTF-8, of finite numbers and unique keys, and not absurdly deep."""

    async def json(self) -> Any:
        """Raises: ClientException."""
        return strict_json(await self.body())


def strict_json(body: bytes) -> object:
    """Decode one JSON value. Raises: ClientException, without a word of the body."""
    try:
        value = json.loads(
            body.decode(), object_pairs_hook=_unique_keys, parse_constant=_no_constant
        )
        if b"\\u" in body:
            json.dumps(value, ensure_ascii=False).encode()
    except (ValueError, RecursionError) as error:
        raise ClientException("the body is no valid JSON") from error
    return value


def _unique_keys(pairs: list[tuple[str, object]]) -> dict[str, object]:
    fields = dict(pairs)
    if len(fields) != len(pairs):
        raise ValueError("a key is there twice")
    return fields


def _no_constant(name: str) -> object:
    raise ValueError(f"{name} is no JSON")


def _openapi() -> OpenAPIConfig:
    """The document alone: the usual pages over it load scripts from other sites."""
    return OpenAPIConfig(
        title="Headwater",
        version="1",
        path="/schema",
        render_plugins=[JsonRenderPlugin(path=["/", "/openapi.json"])],
    )


def _healthz() -> ControllerRouterHandler:
    @get("/healthz", summary="Whether the process answers")
    async def healthz() -> dict[str, bool]:
        return {"live": True}

    return healthz


def _metrics(registry: CollectorRegistry) -> ControllerRouterHandler:
    @get("/metrics", media_type=CONTENT_TYPE_LATEST, include_in_schema=False)
    async def metrics() -> bytes:
        return generate_latest(registry)

    return metrics


def _readyz(checks: Mapping[str, Check], lesser: Mapping[str, Check]) -> ControllerRouterHandler:
    @get("/readyz", summary="Whether every part answers, with a reason for each that does not")
    async def readyz(request: Request[Any, Any, Any]) -> Response[Readiness] | Response[Problem]:
        parts = await check_parts({**checks, **lesser}, timeout_s=CHECK_TIMEOUT_S)
        if all(parts[name] == "ok" for name in checks):
            return Response(Readiness(ready=True, parts=parts))
        detail = "; ".join(f"{name}: {state}" for name, state in parts.items() if state != "ok")
        told = Problem(
            title="Not ready",
            status=503,
            detail=detail,
            request_id=request_id_of(request),
            ready=False,
            parts=parts,
        )
        return problem_response(told)

    return readyz


async def check_parts(checks: Mapping[str, Check], *, timeout_s: float) -> dict[str, str]:
    """Ask all parts at once, each for at most `timeout_s`: "ok" or the reason, by name."""
    async with asyncio.TaskGroup() as group:
        asked = {name: group.create_task(_ask(check, timeout_s)) for name, check in checks.items()}
    return {name: task.result() for name, task in asked.items()}


async def _ask(check: Check, timeout_s: float) -> str:
    try:
        async with asyncio.timeout(timeout_s):
            return await check() or "ok"
    except TimeoutError:
        return f"no answer within {timeout_s:g} s"
    except (HeadwaterError, OSError) as error:
        return f"{type(error).__name__}"
