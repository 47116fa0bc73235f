"""Errors as a client sees them: problem+json with a request id, and nothing of our insides."""

import re
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any, cast

import msgspec
import structlog
from litestar import Request, Response
from litestar.exceptions import HTTPException
from litestar.types import ExceptionHandlersMap

from schemas.answers import Problem
from schemas.errors import CommitNotSearchable, HeadwaterError, TransientError, status_of

MEDIA_TYPE = "application/problem+json"
RETRY_AFTER_S = 5
MAX_DETAIL_CHARS = 300

_UNAVAILABLE = "a part this needs does not answer at the moment"
_BUG = "something went wrong here; the log has it under the request id"
_BODY = "data"  # what the handlers call it
_TYPES = re.compile(r"`([^`]+)`")
_UNKNOWN_FIELD = re.compile(r"Object contains unknown field `([^`]+)`")
_WORDS = {
    "str": "text",
    "int": "a whole number",
    "float": "a number",
    "bool": "true or false",
    "array": "a list",
    "object": "an object",
    "null": "null",
}
_log = structlog.get_logger()


def problem(status: int, detail: str, request_id: str) -> Problem:
    """A problem named after its status."""
    return Problem(
        title=_phrase(status),
        status=status,
        detail=detail[:MAX_DETAIL_CHARS],
        request_id=request_id,
    )


def problem_response(told: Problem, headers: Mapping[str, str] | None = None) -> Response[Problem]:
    """The answer that carries a problem; one that will pass says when to come back."""
    is_for_now = told.status in (HTTPStatus.SERVICE_UNAVAILABLE, HTTPStatus.CONFLICT)
    retry = {"Retry-After": str(RETRY_AFTER_S)} if is_for_now else {}
    return Response(
        told, status_code=told.status, media_type=MEDIA_TYPE, headers={**(headers or {}), **retry}
    )


def problem_bytes(told: Problem) -> bytes:
    """The body alone, for answers made below the framework."""
    return msgspec.json.encode(told)


def exception_handlers() -> ExceptionHandlersMap:
    """The error table of the app; nothing raised in a handler leaves it otherwise."""
    return cast(
        ExceptionHandlersMap,
        {HTTPException: _on_http, HeadwaterError: _on_ours, Exception: _on_bug},
    )


def request_id_of(request: Request[Any, Any, Any]) -> str:
    """The id under which the request is answered and logged."""
    return str(request.state.get("request_id", ""))


def _on_http(request: Request[Any, Any, Any], error: HTTPException) -> Response[Problem]:
    if error.status_code >= HTTPStatus.INTERNAL_SERVER_ERROR:
        return _on_bug(request, error)
    told = problem(error.status_code, _http_detail(error), request_id_of(request))
    return problem_response(told, error.headers)


def _on_ours(request: Request[Any, Any, Any], error: HeadwaterError) -> Response[Problem]:
    status = status_of(error)
    if isinstance(error, TransientError):
        _log.warning("http.unavailable", request_id=request_id_of(request), error=repr(error))
        return problem_response(problem(status, _UNAVAILABLE, request_id_of(request)))
    if status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        return _on_bug(request, error)
    told = problem(status, str(error), request_id_of(request))
    if isinstance(error, CommitNotSearchable):
        return problem_response(msgspec.structs.replace(told, as_of=dict(error.as_of)))
    return problem_response(told)


def _on_bug(request: Request[Any, Any, Any], error: Exception) -> Response[Problem]:
    ours = _only_ours(error)
    if ours is not None:
        return _on_ours(request, ours)
    _log.error("http.failed", request_id=request_id_of(request), exc_info=error)
    return problem_response(problem(HTTPStatus.INTERNAL_SERVER_ERROR, _BUG, request_id_of(request)))


def _only_ours(error: BaseException) -> HeadwaterError | None:
    """What a task group raised, if all of it are errors we name: a permanent one first."""
    if not isinstance(error, BaseExceptionGroup):
        return None
    named, rest = error.split(HeadwaterError)
    if rest is not None or named is None:
        return None
    leaves = _leaves(named)
    return next((leaf for leaf in leaves if not isinstance(leaf, TransientError)), leaves[0])


def _leaves(group: BaseExceptionGroup[HeadwaterError]) -> list[HeadwaterError]:
    return [
        leaf
        for member in group.exceptions
        for leaf in (_leaves(member) if isinstance(member, BaseExceptionGroup) else [member])
    ]


def _http_detail(error: HTTPException) -> str:
    """Which field is wrong and how, where validation tells, without its value, in the words of the reference."""
    if error.status_code == HTTPStatus.METHOD_NOT_ALLOWED and error.headers:
        allowed = [one for one in error.headers.get("allow", "").split(", ") if one != "OPTIONS"]
        return f"ask this route with {' or '.join(allowed)}" if allowed else error.detail
    if not isinstance(error.extra, list):
        return error.detail or _phrase(error.status_code)
    lines = [_field_detail(entry.get("key", ""), entry["message"]) for entry in error.extra]
    return "; ".join(lines) or error.detail


def _field_detail(key: str, message: str) -> str:
    if message == f"'{key}'":  # what the framework says of a field that is not there
        return "the body is empty: send a JSON object" if key == _BODY else f"{key}: is missing"
    if told := _UNKNOWN_FIELD.fullmatch(message):
        return f"{told[1]}: there is no such field"
    where = "the body" if key == _BODY else key
    words = _TYPES.sub(lambda types: _words_of(types[1]), message)
    return ": ".join(filter(None, (where, words[:1].lower() + words[1:])))


def _words_of(types: str) -> str:
    """`int | null`, as the reference says it: who may leave a field out need not be told so."""
    names = types.split(" | ")
    shown = [name for name in names if name != "null"] or names
    return " or ".join(_WORDS.get(name, f"`{name}`") for name in shown)


def _phrase(status: int) -> str:
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return "Client Closed Request"
