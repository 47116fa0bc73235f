"""Scoring retrieval: what goes wrong with one question is told beside it, and the others are scored."""

import asyncio
from collections.abc import Sequence

import pytest

from api.core.context import Packing
from eval.core.retrieval import Question
from eval.handlers import score_retrieval
from schemas.answers import SearchResponse
from schemas.errors import StoreUnavailable
from tests.support.hits import hit

QUESTIONS = [Question(question=text, source="https://x/a") for text in ("good", "bad", "good")]


@pytest.mark.parametrize(
    ("error", "told"),
    [(StoreUnavailable("gone"), "gone"), (KeyError("a bug"), "KeyError: 'a bug'")],
)
@pytest.mark.parametrize("where", ["search", "is_indexed"])
def test_an_error_leaves_its_question_unmeasured_and_the_others_scored(
    error: Exception, told: str, where: str
) -> None:
    asked: list[str] = []

    async def search(
        question: str, *, k: int, sources: Sequence[str] | None, paths: Sequence[str] = ()
    ) -> SearchResponse:
        asked.append(question)
        if where == "search" and question == "bad":
            raise error
        return SearchResponse(question=question, hits=[], as_of={})

    async def is_indexed(_url: str) -> bool:
        if where == "is_indexed" and asked[-1] == "bad":
            raise error
        return True

    report = asyncio.run(
        score_retrieval(QUESTIONS, packing=Packing(3), search=search, is_indexed=is_indexed)
    )

    assert (report.n, report.unmeasured, report.covered) == (2, 1, 1.0)
    assert [told in (item.error or "") for item in report.items] == [False, True, False]


@pytest.mark.parametrize(
    ("neighboured", "pages", "rank"), [(0, ("a", "b", "c"), 3), (1, ("a", "b"), None)]
)
def test_a_page_counts_where_a_chunk_of_it_is_placed_and_not_where_it_was_only_found(
    neighboured: int, pages: tuple[str, ...], rank: int | None
) -> None:
    cut_off = hit("Set these options:", page="a", after=["workers: how many"])
    found = [
        cut_off,
        hit("Another page.", page="b", score=0.9),
        hit("A third.", page="c", score=0.3),
    ]

    async def search(
        question: str, *, k: int, sources: Sequence[str] | None, paths: Sequence[str] = ()
    ) -> SearchResponse:
        return SearchResponse(question=question, hits=found[:k], as_of={})

    async def is_indexed(_url: str) -> bool:
        return True

    report = asyncio.run(
        score_retrieval(
            [Question(question="Which?", source="https://x/c#s")],
            packing=Packing(3, neighboured=neighboured),
            search=search,
            is_indexed=is_indexed,
        )
    )

    placed = [*(one.text for one in found[: len(pages)]), *cut_off.after[:neighboured]]
    assert report.items[0].urls == tuple(f"https://x/{page}" for page in pages)
    assert report.items[0].rank == rank
    assert report.retrieval_score == float(rank is not None)
    assert report.distinct_pages == len(pages)
    assert report.context_chars == sum(map(len, placed))
