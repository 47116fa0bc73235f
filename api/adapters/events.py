"""Answers as server-sent events, and what happens when nobody waits for one any more."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable
from contextlib import aclosing, suppress
from http import HTTPStatus
from typing import Any, TypeVar

import msgspec
import structlog
from litestar.exceptions import HTTPException
from litestar.response.base import ASGIResponse, Response
from litestar.response.streaming import ASGIStreamingResponse
from litestar.types import Receive, Scope, Send

from schemas.answers import AnswerDelta, AnswerEvent, AnswerMeta, Problem, QueryResponse

_log = structlog.get_logger()

MEDIA_TYPE = "text/event-stream"
KEEP_ALIVE_S = 15.0
"""Proxies close what has been silent for 30 to 60 s."""
_KEEP_ALIVE = b": no news yet\n\n"
_CLIENT_CLOSED = 499
_HEADERS = {
    "Cache-Control": "no-store",
    "X-Accel-Buffering": "no",  # nginx would keep the pieces until there are enough of them
}
Events = AsyncGenerator[AnswerEvent, None]
_Result = TypeVar("_Result")


class ClientGone(HTTPException):
    """Nobody waits for the answer any more."""

    status_code = _CLIENT_CLOSED


async def whole_of(events: Events, receive: Receive) -> QueryResponse:
    """The last event. Raises: ClientGone, after which the answer has been broken off; what the events raise."""
    async with aclosing(events):
        return await while_awaited(_last(events), receive)


async def stream_of(events: Events, receive: Receive, *, request_id: str) -> Response[Any]:
    """The events as they come.

    Raises: ClientGone where it goes before the first; what that raises, while there still is a status to tell it by.
    """
    first = await while_awaited(anext(events), receive)
    return _EventStream(_encoded(first, events, request_id))


async def while_awaited(work: Awaitable[_Result], receive: Receive) -> _Result:
    """What `work` gives. Raises: ClientGone, after which it has been broken off, once; what it raises."""
    working = asyncio.ensure_future(work)
    watching = asyncio.create_task(_disconnect(receive))
    try:
        await asyncio.wait({working, watching}, return_when=asyncio.FIRST_COMPLETED)
        if working.done():
            return working.result()
        watching.result()
        raise ClientGone("the client went away")
    finally:
        working.cancel()
        watching.cancel()
        await asyncio.gather(working, watching, return_exceptions=True)


async def _disconnect(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


async def _last(events: Events) -> QueryResponse:
    async for event in events:
        if isinstance(event, QueryResponse):
            return event
    raise AssertionError("an answer ends with the whole of it")


async def _encoded(
    first: AnswerEvent, events: Events, request_id: str
) -> AsyncGenerator[bytes, None]:
    """The events as bytes, and a comment after each `KEEP_ALIVE_S` in which there was none."""
    pieces = asyncio.Queue[bytes | None](1)
    async with aclosing(events):
        # No task group: what holds one may not yield. The events are made in one task from here to their end.
        making = asyncio.create_task(_make(events, pieces, request_id))
        try:
            yield encode_event(first)
            while (piece := await _next(pieces)) is not None:
                yield piece
        finally:
            making.cancel()
            await asyncio.wait({making})


async def _make(events: Events, pieces: asyncio.Queue[bytes | None], request_id: str) -> None:
    """Make the next event while the last one is sent, and no more ahead; None is the end."""
    try:
        async with aclosing(events):
            async for event in events:
                await pieces.put(encode_event(event))
    except Exception as error:  # the head has been sent: no error table is asked any more
        _log.error("http.failed", request_id=request_id, exc_info=error)
        await pieces.put(_failure(request_id))
    await pieces.put(None)


async def _next(pieces: asyncio.Queue[bytes | None]) -> bytes | None:
    try:
        async with asyncio.timeout(KEEP_ALIVE_S):
            return await pieces.get()
    except TimeoutError:
        return _KEEP_ALIVE


def _failure(request_id: str) -> bytes:
    status = HTTPStatus.INTERNAL_SERVER_ERROR
    told = Problem(
        title=status.phrase,
        status=int(status),
        detail="something went wrong here; the log has it under the request id",
        request_id=request_id,
    )
    return _encode("error", told)


def encode_event(event: AnswerEvent) -> bytes:
    """One event as it is sent."""
    match event:
        case AnswerMeta():
            return _encode("meta", event)
        case AnswerDelta():
            return _encode("delta", event)
        case QueryResponse():
            return _encode("done", event)


def _encode(name: str, value: object) -> bytes:
    """JSON has no line breaks of its own, so that one line holds it."""
    return b"event: " + name.encode() + b"\ndata: " + msgspec.json.encode(value) + b"\n\n"


class _EventStream(Response[Any]):
    """Sends what a generator yields, and closes it when the client leaves."""

    def __init__(self, chunks: AsyncGenerator[bytes, None]) -> None:
        super().__init__(None, media_type=MEDIA_TYPE, headers=_HEADERS)
        self._chunks = chunks

    def to_asgi_response(self, *_: Any, **__: Any) -> ASGIResponse:
        """See `Response`."""
        return _ClosingResponse(
            iterator=self._chunks, media_type=MEDIA_TYPE, headers=dict(_HEADERS), status_code=200
        )


class _ClosingResponse(ASGIStreamingResponse):
    iterator: AsyncIterator[bytes]

    async def send_body(self, send: Send, receive: Receive) -> None:
        """Send the pieces, until there are no more or nobody waits for them."""
        # Not by the framework's task group: that cancels over and over, also what closes the pieces.
        with suppress(ClientGone):
            await while_awaited(self._stream(send), receive)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send all of it. What a client that leaves has not waited for is closed at once, not at some time."""
        try:
            await super().__call__(scope, receive, send)
        finally:
            if isinstance(self.iterator, AsyncGenerator):
                await self.iterator.aclose()
