"""What the API does: answer, search, show a page."""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import msgspec

from api.core.ports import Meter, PageAt, Search
from api.core.question import read_query, read_search, read_url
from api.core.quote import Quoted, compose_answer, nearest_addresses
from api.settings import AnswerSettings
from schemas.answers import (
    Hit,
    PageResponse,
    QueryRequest,
    QueryResponse,
    Route,
    SearchRequest,
    SearchResponse,
    Usage,
)

EXTRACTIVE = "extractive"
_WHY_EXTRACTIVE = "no language model is configured"


@dataclass(frozen=True, slots=True)
class Answering:
    """All that an answer is made with; `now_s` is a clock that only goes forward."""

    search: Search
    settings: AnswerSettings
    meter: Meter
    now_s: Callable[[], float]


async def answer_question(
    request: QueryRequest, *, request_id: str, answering: Answering
) -> QueryResponse:
    """Answer from what one search finds. Raises: BadQuestion, and what the search raises."""
    asked = read_query(request, default_k=answering.settings.k)
    start_s = answering.now_s()
    found = await answering.search(asked.question, k=asked.k, sources=asked.sources)
    found_s = answering.now_s()
    # In a thread: what a page holds may take long to cut up, and others are answered meanwhile.
    quoted = await asyncio.to_thread(quote_hits, asked.question, found.hits, answering.settings)
    done_s = answering.now_s()
    for stage, seconds in (
        ("search", found_s - start_s),
        ("compose", done_s - found_s),
        ("total", done_s - start_s),
    ):
        answering.meter.stage(stage, seconds)
    answering.meter.answered(route=EXTRACTIVE, refused=quoted.refused)
    return _response(request_id, found, quoted, latency_ms=round((done_s - start_s) * 1000, 1))


async def search_docs(
    request: SearchRequest, *, search: Search, settings: AnswerSettings
) -> SearchResponse:
    """Retrieval alone: the chunks without what stands around them.

    Raises: BadQuestion, and what the search raises.
    """
    asked = read_search(request, default_k=settings.k)
    found = await search(asked.question, k=asked.k, sources=asked.sources)
    hits = [msgspec.structs.replace(hit, before=(), after=()) for hit in found.hits]
    return msgspec.structs.replace(found, hits=hits)


async def find_page(url: str, *, page_at: PageAt) -> PageResponse | None:
    """The indexed page at `url`, whatever anchor that has. Raises: BadQuestion."""
    return await page_at(read_url(url))


def quote_hits(question: str, hits: Sequence[Hit], settings: AnswerSettings) -> Quoted:
    """The answer that `hits` (best first) give, as the settings have it."""
    return compose_answer(
        question,
        hits,
        threshold=settings.refuse_below,
        max_sentences=settings.max_sentences,
        max_chars=settings.max_chars,
    )


def _response(
    request_id: str, found: SearchResponse, quoted: Quoted, *, latency_ms: float
) -> QueryResponse:
    cited = list(dict.fromkeys(citation.url for citation in quoted.citations))
    return QueryResponse(
        request_id=request_id,
        question=found.question,
        answer=quoted.answer,
        sources=nearest_addresses(found.hits) if quoted.refused else cited,
        citations=list(quoted.citations),
        llm=None,
        route=Route(chosen=EXTRACTIVE, reason=_WHY_EXTRACTIVE, score=round(quoted.score, 4)),
        as_of=found.as_of,
        refused=quoted.refused,
        latency_ms=latency_ms,
        usage=Usage(),
        degraded=found.degraded,
    )
