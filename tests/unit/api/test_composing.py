"""Composing: who is asked in which order, what may leave, and how an answer says what became of it."""

import asyncio
from contextlib import aclosing
from datetime import UTC, datetime

import pytest
from msgspec.structs import replace

from api.core.draft import Draft
from api.core.ports import ModelLimits, SilentMeter
from api.handlers import Answering, answer_events, answer_question
from api.settings import AnswerSettings
from schemas.answers import (
    AnswerDelta,
    AnswerEvent,
    AnswerMeta,
    QueryRequest,
    QueryResponse,
    Usage,
)
from schemas.errors import BadQuestion, ContextTooLong, ModelUnavailable
from tests.support.models import (
    HELD,
    HIT,
    TEXT,
    TOLD,
    Index,
    MemoryModel,
    Said,
    answering,
    away,
    model,
)

QUESTION = "Do actors keep their state between calls?"
FALSE = (
    "Bananas are grown in Iceland by 42 penguins. Bananas cost 17 dollars in 1999. Penguins fly."
)


def events(at: Answering, **request: object) -> list[AnswerEvent]:
    async def collect() -> list[AnswerEvent]:
        asked = QueryRequest(question=QUESTION, **request)  # type: ignore[arg-type]
        async with aclosing(answer_events(asked, request_id="id", answering=at)) as all_:
            return [event async for event in all_]

    return asyncio.run(collect())


def answer(at: Answering, **request: object) -> QueryResponse:
    last = events(at, **request)[-1]
    assert isinstance(last, QueryResponse)
    return last


@pytest.mark.parametrize(
    "at",
    [
        lambda: answering(),
        lambda: answering(model("cheap", HELD)),
        lambda: answering(away("cheap")),
        lambda: answering(model("cheap", HELD, failure=ModelUnavailable("cheap", "cut"))),
        lambda: answering(model("cheap", FALSE)),
        lambda: answering(model("cheap", "NO_ANSWER")),
    ],
)
def test_the_pieces_in_a_row_are_the_answer_whatever_becomes_of_it(at: object) -> None:
    first, *pieces, last = events(at())  # type: ignore[operator]

    assert isinstance(first, AnswerMeta)
    assert isinstance(last, QueryResponse)
    assert "".join(one.text for one in pieces if isinstance(one, AnswerDelta)) == last.answer
    assert all(isinstance(one, AnswerDelta) for one in pieces)


def test_an_answer_without_a_stream_is_the_last_event_of_one() -> None:
    asked = QueryRequest(question=QUESTION)

    alone = asyncio.run(
        answer_question(asked, request_id="id", answering=answering(model("cheap", HELD)))
    )

    assert alone == answer(answering(model("cheap", HELD)))


def test_a_composed_answer_cites_what_it_was_composed_from() -> None:
    told = answer(answering(model("cheap", HELD)))

    assert TOLD in told.answer
    assert told.llm == "double"
    assert told.route.chosen == "cheap"
    assert told.degraded is None
    (citation,) = told.citations
    assert citation.n == 1
    assert citation.url == "https://docs.example.org/a.html#state"
    assert all(piece in HIT.text for piece in citation.quote.split(" … "))
    assert told.sources == [citation.url]
    assert told.usage == Usage(input_tokens=100, output_tokens=10, cost=0.5)


@pytest.mark.parametrize("models", [(), (model("cheap", HELD),)])
def test_a_citation_carries_the_commit_and_time_of_its_page(
    models: tuple[MemoryModel, ...],
) -> None:
    when = datetime(2026, 11, 22, 22, 32, tzinfo=UTC)
    dated = replace(HIT, committed_at=when)

    told = answer(answering(*models, search=Index(dated).search))

    assert [(one.commit, one.committed_at) for one in told.citations] == [(HIT.commit, when)]


@pytest.mark.parametrize("is_up", [True, False])
def test_a_strong_model_stands_in_for_a_cheap_one_that_is_away(is_up: bool) -> None:
    cheap, strong = away("cheap"), model("strong", HELD)
    cheap.is_up = is_up

    told = answer(answering(cheap, strong))

    assert told.degraded == "fallback_model"
    assert told.route.chosen == "strong"
    assert len(cheap.asked) == is_up


def test_a_cheap_model_stands_in_for_a_strong_one_that_was_asked_for() -> None:
    told = answer(answering(model("cheap", HELD), away("strong")), route="strong")

    assert told.degraded == "fallback_model"
    assert told.route.chosen == "cheap"


def test_quotes_stand_in_where_every_model_is_away() -> None:
    quoted = answer(answering())

    told = answer(answering(away("cheap"), away("strong")))

    assert told.degraded == "model_unavailable"
    assert told.llm is None
    assert told.route.chosen == "extractive"
    assert (told.answer, told.citations) == (quoted.answer, quoted.citations)


@pytest.mark.parametrize(
    "text", [FALSE, "", "I'm sorry, but I can't help with that.", "{}}}<tool_call>"]
)
def test_what_the_docs_do_not_hold_never_leaves(text: str) -> None:
    quoted = answer(answering())

    told = answer(answering(model("cheap", text)))

    assert told.degraded == "ungrounded"
    assert told.llm is None
    assert told.answer == quoted.answer


def test_the_strong_model_composes_anew_what_the_cheap_one_wrote_in_vain() -> None:
    told = answer(answering(model("cheap", FALSE), model("strong", HELD)))

    assert told.route.chosen == "strong"
    assert told.degraded is None
    assert told.usage.input_tokens == 200


def test_a_route_that_is_asked_for_is_not_escalated() -> None:
    strong = model("strong", HELD)

    told = answer(answering(model("cheap", FALSE), strong), route="cheap")

    assert told.degraded == "ungrounded"
    assert not strong.asked


def test_what_has_left_stays_and_quotes_follow_where_the_model_breaks_off() -> None:
    broken = model("cheap", HELD, " And", failure=ModelUnavailable("cheap", "it hangs"))

    told = answer(answering(broken, model("strong", HELD)))

    assert told.answer.startswith(TOLD)
    assert told.degraded == "model_unavailable"
    assert told.llm == "double"
    assert len(told.answer.split("\n\n")) > 1
    assert [one.n for one in told.citations] == [1]


def test_a_fence_that_a_broken_reply_left_open_is_closed() -> None:
    hit = replace(HIT, text="Run it:\n\n    ray start --head\n    ray stop\n")
    written = "Run it:\n\n```\nray start --head\nray stop\n"
    broken = model("cheap", written, failure=ModelUnavailable("cheap", "cut"))

    told = answer(
        answering(broken, search=Index(hit).search, settings=AnswerSettings(refuse_below=0))
    )

    assert told.answer.count("```") % 2 == 0


def test_a_model_that_says_the_docs_do_not_answer_makes_a_refusal() -> None:
    told = answer(answering(model("cheap", "NO_", "ANSWER"), model("strong", "**NO_ANSWER**")))

    assert told.refused
    assert told.citations == []
    assert told.sources == ["https://docs.example.org/a.html#state"]
    assert told.degraded is None


def test_no_model_is_asked_where_the_evidence_is_too_weak() -> None:
    cheap = model("cheap", HELD)

    told = answer(answering(cheap, settings=AnswerSettings(refuse_below=1.0)))

    assert told.refused
    assert not cheap.asked
    assert told.route.chosen == "extractive"


def test_the_extractive_route_asks_no_model() -> None:
    cheap = model("cheap", HELD)

    told = answer(answering(cheap), route="extractive")

    assert not cheap.asked
    assert told.llm is None
    assert told.degraded is None


def test_a_route_that_is_not_there_is_refused_before_anything_is_searched() -> None:
    index = Index()

    with pytest.raises(BadQuestion, match="cheap, extractive"):
        answer(answering(model("cheap", HELD), search=index.search), route="other")

    assert not index.asked


def test_a_model_that_takes_less_is_asked_again_with_less() -> None:
    long = replace(HIT, text=HIT.text + "\n" + "Rows are wide. " * 2_000)
    cheap = MemoryModel("cheap", [Said(failure=ContextTooLong(1_000)), Said([HELD])])

    told = answer(answering(cheap, search=Index(HIT, long).search))

    assert told.degraded is None
    sizes = [sum(len(one.content) for one in asked) for asked in cheap.asked]
    assert sizes[1] < sizes[0]


def test_an_answer_is_composed_once_for_the_same_context() -> None:
    cheap, index = model("cheap", HELD), Index()
    at = answering(cheap, search=index.search)

    first, second = answer(at), answer(at)

    assert len(cheap.asked) == 1
    assert second.answer == first.answer
    assert second.usage == Usage(input_tokens=0, output_tokens=0, cost=0.0, cached=True)


def test_a_changed_page_is_composed_anew() -> None:
    cheap, index = model("cheap", HELD), Index()
    at = answering(cheap, search=index.search)
    answer(at)

    index.hits = [replace(HIT, text=HIT.text + " New.")]
    answer(at)

    assert len(cheap.asked) == 2


@pytest.mark.parametrize(
    "at", [lambda: answering(away("cheap")), lambda: answering(model("cheap", FALSE))]
)
def test_what_falls_short_is_not_kept(at: object) -> None:
    made: Answering = at()  # type: ignore[operator]
    answer(made)

    assert answer(made).usage.cached is False


def test_what_a_reply_took_is_counted_even_where_the_client_leaves() -> None:
    counted: list[tuple[str, int]] = []

    class Tally(SilentMeter):
        def spent(self, *, role: str, usage: Usage) -> None:
            counted.append((role, usage.input_tokens))

    async def leave() -> None:
        at = answering(model("cheap", *(f"{HELD} " for _ in range(50))), meter=Tally())
        all_ = answer_events(QueryRequest(question=QUESTION), request_id="id", answering=at)
        async for event in all_:
            if isinstance(event, AnswerDelta):
                break
        await all_.aclose()

    asyncio.run(leave())

    assert counted == [("cheap", 100)]


def test_neighbours_leave_a_full_prompt_before_any_hit_does() -> None:
    cut_off = [
        replace(
            HIT,
            url=f"https://docs.example.org/{page}.html",
            text=f"{TEXT} {page} {'word ' * 90}goes on:",
            after=(f"{page} {'more ' * 99}",),
        )
        for page in ("one", "two", "three")
    ]
    settings = AnswerSettings(neighbours=3)
    roomy, tight = model("cheap", HELD), model("cheap", HELD)
    answer(answering(roomy, search=Index(*cut_off).search, settings=settings))
    words = sum(len(message.content.split()) for message in roomy.asked[0])
    tight.limits = ModelLimits(8_000, words - 20, 500)

    answer(answering(tight, search=Index(*cut_off).search, settings=settings))

    asked = "\n".join(message.content for message in tight.asked[0])
    assert all(hit.text in asked for hit in cut_off)
    assert [hit.after[0].strip() in asked for hit in cut_off] == [True, True, False]


def test_an_untouched_draft_is_not_degraded() -> None:
    assert Draft().degraded is None
