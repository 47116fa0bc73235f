"""The query routes."""

from typing import Annotated, Any, Protocol
from uuid import uuid4

import msgspec
from litestar import Request, Response, get, post
from litestar.exceptions import NotFoundException, ValidationException
from litestar.handlers import HTTPRouteHandler
from litestar.openapi import ResponseSpec
from litestar.params import JSONBody, QueryParameter

from api.adapters.events import MEDIA_TYPE, Events, stream_of, while_awaited, whole_of
from api.core.ports import PageAt
from schemas.answers import (
    PageResponse,
    Problem,
    QueryRequest,
    QueryResponse,
    SearchRequest,
    SearchResponse,
)

MAX_BODY_BYTES = 2**20


class Answer(Protocol):
    """Answers one request, event by event."""

    def __call__(self, request: QueryRequest, *, request_id: str) -> Events: ...


class Find(Protocol):
    """Retrieves for one request."""

    async def __call__(self, request: SearchRequest) -> SearchResponse: ...


def _problems(**statuses: str) -> dict[int, ResponseSpec]:
    return {
        int(status.removeprefix("on_")): ResponseSpec(
            Problem, description=line, media_type="application/problem+json"
        )
        for status, line in statuses.items()
    }


_ASKING = _problems(
    on_400="The body is no valid request.",
    on_404="`in` or `min_commit` names a source that is not there, or `version` one that no source is of.",
    on_409="A commit in `min_commit` is not searchable yet; `as_of` says what is.",
    on_413="The body is over its cap.",
    on_503="A part it needs does not answer: try again.",
)


def query_route(answer: Answer) -> HTTPRouteHandler:
    """POST /query: the whole answer, or server-sent events where they are asked for."""

    @post(
        "/query",
        status_code=200,
        summary="Answer a question",
        description="With `stream`, or `Accept: text/event-stream`, the answer comes as server-sent events:"
        " `meta`, any number of `delta`, then `done`, whose data is the whole answer.",
        responses=_ASKING,
        request_max_body_size=MAX_BODY_BYTES,
    )
    async def query(
        data: JSONBody[QueryRequest], request: Request[Any, Any, Any]
    ) -> Response[QueryResponse]:
        await _refuse_loose(request, QueryRequest)
        request_id = request.state.get("request_id") or uuid4().hex
        events = answer(data, request_id=request_id)
        if data.stream or _wants_events(request.headers.get("accept", "")):
            return await stream_of(events, request.receive, request_id=request_id)
        return Response(await whole_of(events, request.receive))

    return query


async def _refuse_loose(request: Request[Any, Any, Any], shape: type[msgspec.Struct]) -> None:
    """The framework takes text for a number, and either for true or false. Raises: ValidationException."""
    try:
        msgspec.convert(await request.json(), shape)
    except msgspec.ValidationError as error:
        message, _, where = str(error).partition(" - at `$.")
        raise ValidationException(extra=[{"message": message, "key": where.rstrip("`")}]) from error


def _wants_events(accept: str) -> bool:
    return any(kind.partition(";")[0].strip() == MEDIA_TYPE for kind in accept.lower().split(","))


def search_route(find: Find) -> HTTPRouteHandler:
    """POST /search."""

    @post(
        "/search",
        status_code=200,
        summary="Find chunks",
        responses=_ASKING,
        request_max_body_size=MAX_BODY_BYTES,
    )
    async def search(
        data: JSONBody[SearchRequest], request: Request[Any, Any, Any]
    ) -> SearchResponse:
        await _refuse_loose(request, SearchRequest)
        return await while_awaited(find(data), request.receive)

    return search


def page_route(page_at: PageAt) -> HTTPRouteHandler:
    """GET /pages?url=."""

    @get(
        "/pages",
        summary="An indexed page",
        responses=_problems(on_400="`url` is no address.", on_404="No such page."),
    )
    async def pages(
        url: Annotated[str, QueryParameter(description="Where the page is published.")],
    ) -> PageResponse:
        page = await page_at(url)
        if page is None:
            raise NotFoundException("no page is indexed at that URL")
        return page

    return pages
