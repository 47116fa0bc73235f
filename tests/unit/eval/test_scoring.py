"""Scoring retrieval: what goes wrong with one question is told beside it, and the others are scored."""

import asyncio
from collections.abc import Sequence

import pytest

from eval.core.retrieval import Question
from eval.handlers import score_retrieval
from schemas.answers import SearchResponse
from schemas.errors import StoreUnavailable

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

    report = asyncio.run(score_retrieval(QUESTIONS, k=3, search=search, is_indexed=is_indexed))

    assert (report.n, report.unmeasured, report.covered) == (2, 1, 1.0)
    assert [told in (item.error or "") for item in report.items] == [False, True, False]
