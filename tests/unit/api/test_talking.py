"""Questions that follow others: what is looked for, and which model is asked to make it out."""

import asyncio
from datetime import timedelta

import pytest
from msgspec.structs import replace

from api.handlers import answer_question
from index.adapters.memory_conversations import MemoryConversations
from schemas.answers import QueryRequest, QueryResponse, SearchResponse
from tests.support.models import HELD, HIT, Index, MemoryModel, Said, answering, model

FIRST, SECOND = "Do actors keep their state?", "And after a restart?"
REWRITTEN = "Do actors keep their state after a restart?"


def talk(*models: MemoryModel, route: str | None = None) -> tuple[list[str], QueryResponse]:
    """Ask twice, the second time by `route`. Returns: what was looked for the second time, and its answer."""

    async def run() -> tuple[list[str], QueryResponse]:
        index = Index()
        talks = MemoryConversations(turns=6, age=timedelta(hours=1))
        at = answering(*models, search=index.search, conversations=talks)
        first = QueryRequest(question=FIRST, conversation_id="new", route="extractive")
        known = (await answer_question(first, request_id="1", answering=at)).conversation_id
        index.asked.clear()
        second = QueryRequest(question=SECOND, conversation_id=known, route=route)
        return index.asked, await answer_question(second, request_id="2", answering=at)

    return asyncio.run(run())


@pytest.mark.parametrize("route", [None, "strong"])
def test_a_strong_model_rewrites_what_follows(route: str | None) -> None:
    strong = MemoryModel("strong", [Said([REWRITTEN]), Said([HELD])])

    asked, _ = talk(model("cheap", HELD), strong, route=route)

    assert asked == [REWRITTEN]


@pytest.mark.parametrize("route", ["cheap", "extractive", "code"])
def test_no_strong_model_is_asked_where_the_request_is_for_another_route(route: str) -> None:
    strong = model("strong", REWRITTEN)

    asked, told = talk(model("cheap", HELD), strong, model("code", HELD), route=route)

    assert asked[0] == f"{FIRST}\n{SECOND}"
    assert not strong.asked
    assert told.route.chosen == route


def test_where_only_words_are_compared_the_cheap_model_is_asked_first() -> None:
    hit = replace(HIT, similarity=None, vector_rank=None)

    async def search(
        question: str, *, k: int, sources: object, paths: object = ()
    ) -> SearchResponse:
        return SearchResponse(question=question, hits=[hit], as_of={}, degraded="lexical_only")

    cheap, strong = model("cheap", HELD), model("strong", HELD)
    told = asyncio.run(
        answer_question(
            QueryRequest(question="Do actors keep their state between calls?"),
            request_id="id",
            answering=answering(cheap, strong, search=search),
        )
    )

    assert told.route.chosen == "cheap"
    assert told.degraded == "lexical_only"
    assert not strong.asked
