"""What a docs team has a say in: how refusals are worded, and what is refused before a model is asked."""

import asyncio
from collections.abc import Sequence
from datetime import timedelta

import pytest
from msgspec.structs import replace

from api.core.ground import Grounding
from api.core.phrases import phrases_in
from api.core.prompt import NO_ANSWER, Persona, answer_messages
from api.core.quote import Wording, refuse, refuse_topic
from api.handlers import answer_question, quote_hits, search_docs
from api.main import make_answering, make_composing
from api.settings import AnswerSettings
from index.adapters.memory_conversations import MemoryConversations
from index.core.synonyms import synonyms_of
from schemas.answers import (
    Explanation,
    QueryRequest,
    QueryResponse,
    SearchRequest,
    SearchResponse,
    Why,
)
from schemas.languages import Language
from tests.support.models import HELD, HIT, Index, MemoryModel, model

FORUM = "https://forum.example.org/c/docs?sort=new"
QUESTION = "Do actors keep their state between calls?"


def asked(
    settings: AnswerSettings,
    *models: MemoryModel,
    index: Index | None = None,
    route: str | None = None,
) -> QueryResponse:
    composing = make_composing(models, settings, ground=Grounding)
    search = (index or Index()).search
    answering = make_answering(search, settings, composing=composing)
    request = QueryRequest(question=QUESTION, route=route)
    return asyncio.run(answer_question(request, request_id="id", answering=answering))


@pytest.mark.parametrize("language", list(Language))
def test_a_refusal_in_any_language_ends_with_where_else_to_ask(language: Language) -> None:
    wording = Wording(language, FORUM)

    unknown, topic = refuse([HIT], 0.0, wording), refuse_topic("legal *advice*", wording)

    for refusal in (unknown, topic):
        assert refusal.refused
        assert refusal.answer.endswith(f"<{FORUM}>")
        assert "{" not in refusal.answer
    assert phrases_in(language).nearest in unknown.answer
    assert "legal \\*advice\\*" in topic.answer


def test_every_language_has_sentences_of_its_own() -> None:
    all_ = [phrases_in(language) for language in Language if language is not Language.AUTO]

    assert len({phrases.no_answer for phrases in all_}) == len(all_)
    assert len({phrases.name for phrases in all_}) == len(all_)


def test_without_a_fallback_a_refusal_names_no_address() -> None:
    refusal = asked(AnswerSettings(refuse_below=1.0))

    assert refusal.answer == (
        "The documentation does not answer this question. The nearest pages are listed as sources."
    )
    assert refusal.fallback_url is None


def test_a_refusal_says_where_else_to_ask_and_an_answer_does_not() -> None:
    refusal = asked(AnswerSettings(refuse_below=1.0, fallback_url=FORUM, language=Language.DE))
    answer = asked(AnswerSettings(fallback_url=FORUM))

    assert refusal.answer.startswith("Die Dokumentation beantwortet diese Frage nicht.")
    assert FORUM in refusal.answer
    assert refusal.fallback_url == FORUM
    assert refusal.sources
    assert not answer.refused
    assert FORUM not in answer.answer
    assert answer.fallback_url is None


def test_a_model_that_declines_is_worded_the_same() -> None:
    settings = AnswerSettings(fallback_url=FORUM, language=Language.FR)

    told = asked(settings, model("cheap", NO_ANSWER))

    assert told.answer.startswith("La documentation ne répond pas")
    assert told.fallback_url == FORUM


def test_a_topic_is_refused_before_a_model_is_asked() -> None:
    cheap = model("cheap", HELD)

    told = asked(AnswerSettings(refuse_topics=("actor state",)), cheap)

    assert told.refused
    assert told.answer == "Questions about “actor state” are not answered here."
    assert (told.sources, told.citations) == ([], [])
    assert told.route.chosen == "extractive"
    assert told.route.reason == "the question is about a topic that is not answered here"
    assert cheap.asked == []


def test_a_question_beside_the_topics_reaches_the_model() -> None:
    cheap = model("cheap", HELD)

    told = asked(AnswerSettings(refuse_topics=("legal advice",)), cheap)

    assert not told.refused
    assert len(cheap.asked) == 1


def test_a_model_is_told_who_it_is_and_what_it_leaves_alone() -> None:
    persona = Persona("Ripple", Language.DE, ("pricing", "legal advice"), "Say you.")

    system, _ = answer_messages("Why?", [], boundary="m4rk", persona=persona)

    assert system.content.startswith("You are Ripple. You answer questions")
    assert "in Markdown, in German." in system.content
    assert "about these topics" in system.content
    assert "pricing; legal advice" in system.content
    assert system.content.endswith("\nSay you.")


def test_a_model_that_is_told_nothing_more_answers_in_the_language_of_the_question() -> None:
    system, _ = answer_messages("Why?", [], boundary="m4rk")

    assert system.content.startswith("You answer questions")
    assert "in the language of the question" in system.content
    assert "topics" not in system.content


def test_what_follows_a_refused_topic_is_not_read_as_going_on_about_it() -> None:
    conversations = MemoryConversations(turns=3, age=timedelta(hours=1))
    settings = AnswerSettings(refuse_topics=("actor state",))
    at = make_answering(Index().search, settings, conversations=conversations)

    def ask(question: str, conversation_id: str) -> QueryResponse:
        request = QueryRequest(question=question, conversation_id=conversation_id)
        return asyncio.run(answer_question(request, request_id="id", answering=at))

    first = ask("Tell me about actor state", "new")
    second = ask("Do actors keep it between calls?", first.conversation_id or "")

    assert first.refused
    assert second.conversation_id != first.conversation_id  # it begins a conversation of its own
    assert not second.refused


PINNED = replace(
    HIT,
    url="https://faq.example.org/state",
    text="Yes, they do. See the portal\n\n- They keep it.\n- Until they die.\n\nAsk us!",
    pinned=True,
)


def test_a_curated_answer_is_quoted_alone_and_as_a_whole() -> None:
    cheap = model("cheap", HELD)

    told = asked(AnswerSettings(max_sentences=1, max_chars=100), cheap, index=Index(PINNED, HIT))

    for said in ("Yes, they do.", "See the portal", "They keep it.", "Until they die.", "Ask us!"):
        assert said in told.answer
    assert told.sources == ["https://faq.example.org/state#state"]
    assert (told.route.chosen, told.route.reason) == (
        "extractive",
        "a curated answer to the question is at hand",
    )
    assert told.llm is None
    assert cheap.asked == []


def test_what_is_searched_for_has_what_is_asked_now_in_its_last_line() -> None:
    index = Index()
    conversations = MemoryConversations(turns=3, age=timedelta(hours=1))
    at = make_answering(index.search, AnswerSettings(), conversations=conversations)

    def ask(question: str, conversation_id: str) -> QueryResponse:
        request = QueryRequest(question=question, conversation_id=conversation_id)
        return asyncio.run(answer_question(request, request_id="id", answering=at))

    first = ask("Do actors keep state?\nThanks!", "new")
    ask("I lost it.\nDo actors keep state?", first.conversation_id or "")
    found = asyncio.run(search_docs(SearchRequest(question="Actors?\nState?"), answering=at))

    assert index.asked[0] == "Do actors keep state? Thanks!"
    assert index.asked[1].rpartition("\n")[2] == "I lost it. Do actors keep state?"
    assert index.asked[-1] == "Actors? State?"
    assert (first.question, found.question) == ("Do actors keep state?\nThanks!", "Actors?\nState?")


def test_a_model_that_is_asked_for_composes_from_the_curated_answer_too() -> None:
    cheap = model("cheap", "See the portal [1].")

    told = asked(AnswerSettings(), cheap, index=Index(PINNED, HIT), route="cheap")

    assert len(cheap.asked) == 1
    assert told.route.chosen == "cheap"


def test_a_curated_answer_is_no_way_around_a_refused_topic() -> None:
    told = asked(AnswerSettings(refuse_topics=("actor state",)), index=Index(PINNED))

    assert told.refused
    assert "portal" not in told.answer


def test_an_explanation_is_told_only_to_those_who_ask_for_it() -> None:
    why = Why(path="a.md", cosine=0.8, lexical=0.5, lexical_share=1.0)
    found = SearchResponse(
        question=QUESTION,
        hits=[replace(HIT, why=why, before=("Before.",))],
        as_of={},
        explanation=Explanation(question=QUESTION, terms=("actor",)),
    )

    async def search(
        question: str, *, k: int, sources: Sequence[str] | None, paths: Sequence[str] = ()
    ) -> SearchResponse:
        return found

    def ask(*, explain: bool) -> tuple[QueryResponse, SearchResponse]:
        at = make_answering(search, AnswerSettings())
        query = QueryRequest(question=QUESTION, explain=explain)
        answer = asyncio.run(answer_question(query, request_id="id", answering=at))
        request = SearchRequest(question=QUESTION, explain=explain)
        hits = asyncio.run(search_docs(request, answering=at))
        return answer, hits

    silent, told = ask(explain=False), ask(explain=True)

    assert silent[0].explanation is None
    assert silent[1].explanation is None
    assert silent[1].hits[0].why is None
    assert told[0].explanation is not None
    assert told[0].explanation.hits == (replace(HIT, why=why),)
    assert told[1].explanation == found.explanation
    assert told[1].hits[0] == replace(HIT, why=why)


def test_evidence_is_weighed_in_every_way_that_a_question_can_be_read() -> None:
    question = "Do agents retain state between calls?"
    settings = AnswerSettings()
    synonyms = synonyms_of([["agent", "actor"], ["retain", "keep"]])

    plain = quote_hits(question, [HIT], settings)
    widened = quote_hits(question, [HIT], settings, synonyms=synonyms)
    elsewhere = quote_hits(question, [HIT], settings, synonyms=synonyms_of([["cpu", "core"]]))

    assert widened.score > plain.score
    assert elsewhere == plain
