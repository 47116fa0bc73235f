"""One question: one search, one answer, and the numbers that say so."""

import asyncio
import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from api.core.ports import SilentMeter
from api.handlers import Answering, answer_question, find_page, search_docs
from api.settings import AnswerSettings
from schemas.answers import Hit, PageResponse, QueryRequest, SearchRequest, SearchResponse
from schemas.errors import BadQuestion, StoreUnavailable

NOW = datetime(2024, 1, 1, tzinfo=UTC)
HIT = Hit(
    url="https://docs.example.org/a.html",
    title="A",
    section="A",
    anchor="",
    text="Actors keep state between calls.",
    score=1.0,
    source="docs",
    commit="c0ffee",
    similarity=0.8,
)


class Index:
    """Finds one chunk for everything and remembers what it was asked."""

    def __init__(self, *, degraded: str | None = None) -> None:
        self.asked: list[tuple[str, int, Sequence[str] | None]] = []
        self.paths: Sequence[str] = ()
        self.degraded = degraded

    async def search(
        self, question: str, *, k: int, sources: Sequence[str] | None, paths: Sequence[str] = ()
    ) -> SearchResponse:
        self.asked.append((question, k, sources))
        self.paths = paths
        return SearchResponse(question=question, hits=[HIT], as_of={}, degraded=self.degraded)


class Tally(SilentMeter):
    """Keeps what it is told."""

    def __init__(self) -> None:
        self.stages: dict[str, float] = {}
        self.answers: list[tuple[str, bool]] = []

    def stage(self, name: str, seconds: float) -> None:
        self.stages[name] = seconds

    def answered(self, *, route: str, refused: bool) -> None:
        self.answers.append((route, refused))


def answering(index: Index, tally: Tally | None = None) -> Answering:
    ticks = iter([10.0, 10.25, 10.4, 10.5])
    return Answering(
        index.search, AnswerSettings(k=3), tally or Tally(), lambda: next(ticks), lambda: NOW
    )


def test_an_answer_carries_its_time_and_counts_its_stages() -> None:
    tally = Tally()

    response = asyncio.run(
        answer_question(
            QueryRequest(question="Do actors keep state?"),
            request_id="id",
            answering=answering(Index(), tally),
        )
    )

    assert response.latency_ms == 500.0
    first = pytest.approx(0.4)
    assert tally.stages == {"search": 0.25, "first_text": first, "compose": 0.25, "total": 0.5}
    assert tally.answers == [("extractive", False)]
    assert response.sources == ["https://docs.example.org/a.html"]


def test_a_refusal_lists_the_nearest_pages() -> None:
    index = Index()

    response = asyncio.run(
        answer_question(
            QueryRequest(question="bread"),
            request_id="id",
            answering=Answering(
                index.search,
                AnswerSettings(refuse_below=1.0),
                SilentMeter(),
                lambda: 0.0,
                lambda: NOW,
            ),
        )
    )

    assert response.refused
    assert response.citations == []
    assert response.sources == ["https://docs.example.org/a.html"]


def test_what_degraded_the_search_shows_in_the_answer() -> None:
    index = Index(degraded="lexical_only")

    response = asyncio.run(
        answer_question(
            QueryRequest(question="Do actors keep state?"),
            request_id="id",
            answering=answering(index),
        )
    )

    assert response.degraded == "lexical_only"


def test_a_search_is_asked_what_the_request_says() -> None:
    index = Index()
    request = SearchRequest(question=" actors ", in_=("docs",), k=9)

    asyncio.run(search_docs(request, answering=answering(index)))

    assert index.asked == [("actors", 9, ("docs",))]


def test_a_bad_question_never_reaches_the_index() -> None:
    index = Index()

    with pytest.raises(BadQuestion):
        asyncio.run(answer_question(QueryRequest(), request_id="id", answering=answering(index)))

    assert index.asked == []


def test_an_outage_is_the_callers_to_see() -> None:
    async def down(
        question: str, *, k: int, sources: Sequence[str] | None, paths: Sequence[str] = ()
    ) -> SearchResponse:
        raise StoreUnavailable("gone")

    with pytest.raises(StoreUnavailable):
        asyncio.run(
            search_docs(
                SearchRequest(question="a"), answering=replace(answering(Index()), search=down)
            )
        )


def test_a_page_is_looked_up_without_its_anchor() -> None:
    looked_up: list[str] = []

    async def page_at(url: str) -> PageResponse | None:
        looked_up.append(url)
        return None

    asyncio.run(find_page("https://docs.example.org/a.html#top", page_at=page_at))

    assert looked_up == ["https://docs.example.org/a.html"]


def test_paths_and_the_sources_of_a_version_are_what_is_looked_in() -> None:
    index = Index()
    versioned = replace(answering(index), versions={"docs": "2.9", "new": "3.0", "old": "2.9"})
    request = SearchRequest(question="actors", version="2.9", path=("data/", "data/"))

    asyncio.run(search_docs(request, answering=versioned))

    assert index.asked == [("actors", 3, ("docs", "old"))]
    assert index.paths == ("data/",)


def test_a_commit_is_waited_for_before_anything_is_looked_for() -> None:
    index, done = Index(), list[str]()

    async def wait(wanted: Mapping[str, str]) -> None:
        done.append(f"waited for {wanted['docs']}")
        assert not index.asked

    patient = replace(answering(index), wait=wait, now_s=time.perf_counter)
    request = QueryRequest(question="Do actors keep state?", min_commit={"docs": "C0FFEE12"})

    asyncio.run(answer_question(request, request_id="id", answering=patient))

    assert done == ["waited for c0ffee12"]
    assert len(index.asked) == 1
