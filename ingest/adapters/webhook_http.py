"""The route that takes push webhooks."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import nullcontext
from typing import Any

from litestar import Request, post
from litestar.exceptions import NotFoundException
from litestar.handlers import HTTPRouteHandler
from litestar.params import FromPath

from ingest.core.webhook import Delivery, read_delivery, verify_signature
from schemas.errors import BadConfiguration
from schemas.ids import SourceName

StoreDelivery = Callable[[Delivery], Awaitable[bool]]
"""Commits a delivery, False when its id was there. Raises: StoreUnavailable, nothing stored."""

MAX_BODY_BYTES = 25 * 2**20
SMALL_BODY_BYTES = 256 * 1024
MAX_LARGE_BODIES = 4
"""A body is kept in memory until its signature is checked, and anyone may send one; small ones
do not wait, so that slow senders of large ones hold up no ordinary push."""


def webhook_routes(
    secrets: Mapping[str, Sequence[bytes]], store_delivery: StoreDelivery
) -> list[HTTPRouteHandler]:
    """POST /webhooks/{source}: 202 once stored, for sources that have `secrets`; 404 for all others
    alike.

    Raises: BadConfiguration when a secret is empty.
    """
    for name, of_source in secrets.items():
        if any(not secret for secret in of_source):
            raise BadConfiguration(f"source {name}: the webhook secret is empty")
    return [
        _webhook_route(
            {name: tuple(given) for name, given in secrets.items() if given}, store_delivery
        )
    ]


def _webhook_route(
    secrets: Mapping[str, Sequence[bytes]], store_delivery: StoreDelivery
) -> HTTPRouteHandler:
    room = asyncio.Semaphore(MAX_LARGE_BODIES)

    @post(
        "/webhooks/{source:str}",
        status_code=202,
        summary="Take a push",
        request_max_body_size=MAX_BODY_BYTES,
    )
    async def webhook(
        source: FromPath[str], request: Request[Any, Any, Any]
    ) -> dict[str, bool | str]:
        if source not in secrets:
            raise NotFoundException("no webhook is taken here")
        async with nullcontext() if _is_small(request) else room:
            delivery = _read(SourceName(source), request, await request.body(), secrets[source])
        await store_delivery(delivery)
        return {"accepted": True, "delivery": delivery.delivery_id}

    return webhook


def _is_small(request: Request[Any, Any, Any]) -> bool:
    """What the sender announces is what it gets: the server reads no more than that."""
    length = request.content_length
    return length is not None and length <= SMALL_BODY_BYTES


def _read(
    source: SourceName, request: Request[Any, Any, Any], body: bytes, secrets: Sequence[bytes]
) -> Delivery:
    signatures = request.headers.getall("x-hub-signature-256", [])
    verify_signature(body, signatures[0] if len(signatures) == 1 else None, secrets)
    return read_delivery(
        source, {name.lower(): value for name, value in request.headers.items()}, body
    )
