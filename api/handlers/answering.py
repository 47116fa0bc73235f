"""Answering one question, from the request to the last event."""

import asyncio
from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial

import msgspec

from api.core.citations import citations_of
from api.core.context import Block, Packing, blocks_of
from api.core.conversation import joined_question, searched_text
from api.core.draft import Draft
from api.core.explained import explanation_of
from api.core.ports import Meter, Search, WaitForCommits
from api.core.question import Asked, read_query
from api.core.quote import (
    Quoted,
    Wording,
    compose_answer,
    nearest_addresses,
    refuse,
    refuse_topic,
)
from api.core.route import EXTRACTIVE, STRONG, Chosen, Reason, decide_route, evidence_of
from api.core.topics import Topic, topic_of
from api.handlers.composing import Composing, Task, compose
from api.handlers.talking import Talk, Talking, begin_talk, keep_turn, standing_question
from api.settings import AnswerSettings
from index.core.synonyms import Synonyms, variants_of
from schemas.answers import (
    AnswerDelta,
    AnswerEvent,
    AnswerMeta,
    Citation,
    Hit,
    QueryRequest,
    QueryResponse,
    SearchResponse,
    Turn,
)
from schemas.errors import BadQuestion


async def refuse_to_wait(wanted: Mapping[str, str]) -> None:
    """A `WaitForCommits` of whoever knows of no commits. Raises: BadQuestion where there are any to wait for."""
    if wanted:
        raise BadQuestion("`min_commit` is not served here: leave it out")


@dataclass(frozen=True, slots=True)
class Answering:
    """All that an answer is made with; `now_s` is a clock that only goes forward, `now` tells the time of day.

    Without `composing` answers are quoted, without `talking` each question stands alone. A question about one of
    `topics` is refused; what a question means is known by its `synonyms` too. `versions` has that of each source that
    is of one. `glance` is the search where only the state of the docs is asked for, if that can be had for less.
    """

    search: Search
    settings: AnswerSettings
    meter: Meter
    now_s: Callable[[], float]
    now: Callable[[], datetime]
    composing: Composing | None = None
    talking: Talking | None = None
    topics: Sequence[Topic] = ()
    synonyms: Synonyms = ()
    glance: Search | None = None
    wait: WaitForCommits = refuse_to_wait
    versions: Mapping[str, str] = field(default_factory=dict)

    @property
    def roles(self) -> tuple[str, ...]:
        """The roles that may compose."""
        return self.composing.roles if self.composing else ()


@dataclass(frozen=True, slots=True)
class _Looked:
    """What was found, and what would be quoted of it, for the question as it was looked for."""

    question: str
    found: SearchResponse
    quoted: Quoted
    topic: Topic | None = None


@dataclass(slots=True)
class _Ending:
    """What follows the composed text: quotes, or nothing."""

    quoted: Quoted | None = None


async def answer_question(
    request: QueryRequest, *, request_id: str, answering: Answering
) -> QueryResponse:
    """The whole answer. Raises: BadQuestion, and what the wait and the search raise."""
    async with aclosing(answer_events(request, request_id=request_id, answering=answering)) as all_:
        async for event in all_:
            if isinstance(event, QueryResponse):
                return event
    raise AssertionError("an answer ends with the whole of it")


async def answer_events(
    request: QueryRequest, *, request_id: str, answering: Answering
) -> AsyncGenerator[AnswerEvent, None]:
    """The answer as it is made: one `AnswerMeta`, pieces, the whole.

    Raises: before the first event BadQuestion and what the wait and the search raise; after it nothing on purpose.
    """
    start_s = answering.now_s()
    routes = (*answering.roles, EXTRACTIVE)
    k, versions = answering.settings.k, answering.versions
    asked = read_query(request, default_k=k, routes=routes, versions=versions)
    await answering.wait(asked.min_commit)
    asked_s = answering.now_s() if asked.min_commit else start_s
    draft, ending = Draft(), _Ending()
    talk = await begin_talk(asked.conversation_id, answering.talking)
    looked = await _look(asked, talk, answering, draft)
    found_s = answering.now_s()
    answering.meter.stage("search", found_s - asked_s)
    chosen = _choose(asked, looked, answering)
    yield _meta(request_id, asked, chosen, looked, talk)
    first_s: float | None = None
    blocks = blocks_of(looked.found.hits, packing_of(asked.k, answering.settings))
    task = Task(asked.question, talk.past, blocks, chosen)
    async with aclosing(_texts(task, looked, answering, draft, ending)) as texts:
        async for text in texts:
            first_s = answering.now_s() if first_s is None else first_s
            yield AnswerDelta(text=text)
    done_s = answering.now_s()
    latency_ms = round((done_s - start_s) * 1000, 1)
    fallback_url = answering.settings.fallback_url
    whole = _Whole(asked, task, looked, talk, draft, ending.quoted, fallback_url)
    response = _response(request_id, whole, latency_ms=latency_ms)
    _count(response, answering, first_s=(first_s or done_s) - start_s, compose_s=done_s - found_s)
    turn = Turn(question=asked.question, answer=response.answer)
    if looked.topic is None:  # nothing that follows is to be read as going on about it
        await keep_turn(talk, turn, answering.talking)
    yield response


def quote_hits(
    question: str,
    hits: Sequence[Hit],
    settings: AnswerSettings,
    numbered: Mapping[str, int] | None = None,
    *,
    synonyms: Synonyms = (),
) -> Quoted:
    """The answer that `hits` (best first) give, as the settings have it: of all ways to ask, by the one they bear out
    best.
    """
    answers = [
        compose_answer(
            variant,
            hits,
            threshold=settings.refuse_below,
            max_sentences=settings.max_sentences,
            max_chars=settings.max_chars,
            numbered=numbered,
            wording=_wording(settings),
        )
        for variant in variants_of(question, synonyms)
    ]
    return max(answers, key=lambda quoted: quoted.score)


def _wording(settings: AnswerSettings) -> Wording:
    return Wording(settings.language, settings.fallback_url)


def packing_of(k: int, settings: AnswerSettings) -> Packing:
    """How `k` chunks are placed in the context, as the settings have it."""
    return Packing(k, neighboured=settings.neighbours, tokens=settings.context_tokens)


async def _look(asked: Asked, talk: Talk, answering: Answering, draft: Draft) -> _Looked:
    """Search for what is asked. A question that has left its conversation's subject is looked for alone."""
    if topic := topic_of(asked.question, answering.topics):
        return await _look_aside(asked.question, topic, asked, answering)
    composing = answering.composing if asked.route in (None, STRONG) else None
    question = await standing_question(asked.question, talk.past, composing, draft)
    is_rewritten = question not in (asked.question, joined_question(asked.question, talk.past))
    if is_rewritten and (topic := topic_of(question, answering.topics)):
        return await _look_aside(question, topic, asked, answering)
    looked = await _look_for(question, asked, answering, draft)
    if looked.quoted.refused and question != asked.question:
        alone = await _look_for(asked.question, asked, answering, draft)
        return looked if alone.quoted.refused else alone
    return looked


async def _look_aside(question: str, topic: Topic, asked: Asked, answering: Answering) -> _Looked:
    """Refuse a topic; the search tells which state of the docs that is true of, and nothing else."""
    search = answering.glance or answering.search
    found = await search(question, k=asked.k, sources=asked.sources, paths=asked.paths)
    found = msgspec.structs.replace(found, hits=[])
    return _Looked(question, found, refuse_topic(topic.phrase, _wording(answering.settings)), topic)


async def _look_for(question: str, asked: Asked, answering: Answering, draft: Draft) -> _Looked:
    searched = searched_text(question, asked.question)
    found = await answering.search(searched, k=asked.k, sources=asked.sources, paths=asked.paths)
    if found.usage is not None:
        draft.add(found.usage)
    # In a thread: what a page holds may take long to cut up, and others are answered meanwhile.
    quote = partial(quote_hits, synonyms=answering.synonyms)
    quoted = await asyncio.to_thread(quote, question, found.hits, answering.settings)
    return _Looked(question, found, quoted)


def _choose(asked: Asked, looked: _Looked, answering: Answering) -> Chosen:
    """Nothing is composed where the evidence is too weak: a model would be asked in vain, or say more than it knows."""
    score = looked.quoted.score
    if looked.topic is not None:
        return Chosen(EXTRACTIVE, Reason.TOPIC, score)
    if asked.route is None and any(hit.pinned for hit in looked.found.hits[:1]):
        return Chosen(EXTRACTIVE, Reason.PINNED, score)
    if looked.quoted.refused and answering.roles:
        return Chosen(EXTRACTIVE, Reason.REFUSED, score)
    if answering.composing is None:
        return Chosen(EXTRACTIVE, Reason.NO_MODEL, score)
    return decide_route(
        evidence_of(looked.found.hits, now=answering.now()),
        question=asked.question,
        asked=asked.route,
        roles=answering.roles,
        routing=answering.composing.routing,
    )


async def _texts(
    task: Task, looked: _Looked, answering: Answering, draft: Draft, ending: _Ending
) -> AsyncGenerator[str, None]:
    """What a model composes; then, or instead, quotes."""
    if answering.composing is not None:
        async with aclosing(compose(task, answering.composing, draft)) as pieces:
            async for piece in pieces:
                yield piece.text
    if draft.is_whole:
        return
    quoted = looked.quoted
    if draft.pieces:
        numbers = {block.url: block.n for block in task.blocks}
        hits, settings = looked.found.hits, answering.settings
        quote = partial(quote_hits, synonyms=answering.synonyms)
        quoted = await asyncio.to_thread(quote, looked.question, hits, settings, numbers)
    elif draft.is_declined:
        quoted = refuse(looked.found.hits, quoted.score, _wording(answering.settings))
    ending.quoted = quoted
    for text in _paragraphs(quoted.answer, goes_on=bool(draft.pieces)):
        yield text


def _paragraphs(answer: str, *, goes_on: bool) -> list[str]:
    """An answer in pieces that are the answer again, one after the other."""
    first, *others = answer.split("\n\n")
    return [f"\n\n{first}" if goes_on else first, *(f"\n\n{other}" for other in others)]


@dataclass(frozen=True, slots=True)
class _Whole:
    """Everything that the last event is made of."""

    asked: Asked
    task: Task
    looked: _Looked
    talk: Talk
    draft: Draft
    quoted: Quoted | None
    fallback_url: str


def _meta(request_id: str, asked: Asked, chosen: Chosen, looked: _Looked, talk: Talk) -> AnswerMeta:
    return AnswerMeta(
        request_id=request_id,
        question=asked.question,
        route=Draft().route(chosen),
        as_of=looked.found.as_of,
        conversation_id=talk.id,
    )


def _response(request_id: str, whole: _Whole, *, latency_ms: float) -> QueryResponse:
    draft, found, quoted = whole.draft, whole.looked.found, whole.quoted
    citations = _citations(draft, whole.task.blocks, quoted)
    refused = quoted is not None and quoted.refused and not draft.pieces
    ending = [] if quoted is None else [quoted.answer]
    cited = list(dict.fromkeys(citation.url for citation in citations))
    route = draft.route(whole.task.chosen)
    return QueryResponse(
        request_id=request_id,
        question=whole.task.question,
        answer="\n\n".join([*([draft.text] if draft.pieces else []), *ending]),
        sources=nearest_addresses(found.hits) if refused else cited,
        citations=citations,
        llm=draft.names.get(route.chosen) if draft.pieces else None,
        route=route,
        as_of=found.as_of,
        refused=refused,
        latency_ms=latency_ms,
        usage=draft.usage,
        degraded=draft.degraded or found.degraded,
        conversation_id=whole.talk.id,
        fallback_url=whole.fallback_url or None if refused else None,
        explanation=explanation_of(found) if whole.asked.explain else None,
    )


def _citations(draft: Draft, blocks: Sequence[Block], quoted: Quoted | None) -> list[Citation]:
    """By number; a section that is both cited and quoted is one."""
    by_number = {one.n: one for one in citations_of(draft.pieces, blocks)}
    for citation in quoted.citations if quoted else ():
        by_number.setdefault(citation.n, citation)
    return [by_number[n] for n in sorted(by_number)]


def _count(
    response: QueryResponse, answering: Answering, *, first_s: float, compose_s: float
) -> None:
    meter = answering.meter
    meter.stage("first_text", first_s)
    meter.stage("compose", compose_s)
    meter.stage("total", response.latency_ms / 1000)
    meter.answered(route=response.route.chosen, refused=response.refused)
