"""Row S24: whatever is asked, a real store searches for it as text, answers, and stays as it was."""

import asyncio
from collections.abc import Sequence

import pytest

from api.handlers import answer_question
from api.main import make_answering
from api.settings import AnswerSettings
from index.adapters.embed.hashed import HashedEmbedder
from index.adapters.postgres.database import Database
from index.adapters.postgres.search import PostgresSearch
from index.core.ports import QueryVector
from index.core.rank import RankWeights
from index.handlers import Searcher, Within, search_index
from schemas.answers import MAX_QUESTION_CHARS, QueryRequest, SearchResponse
from schemas.ids import Generation
from tests.support.events import DIM, SOURCE, changed, put
from tests.support.shelves import PostgresShelf

PAGE = "# Actors\n\nActors keep their state. Пауки плетут сети. الممثلون يحتفظون بالحالة. 演员保持状态。\n"
EMBEDDER = HashedEmbedder(DIM)
HOSTILE = {
    "SQL": "actors'; DROP TABLE chunk_g1; --",
    "a quoted name": '"chunk_g1" actors',
    "placeholders": "actors %s %(limit)s {chunk} {0} $1 :name",
    "tsquery": "actors & | ! <-> (:*) 'a b':C",
    "like": "actors % _ \\ %%",
    "a vector": "[0,0,0,1] actors ::vector(3)",
    "an array": '{"actors",NULL}',
    "a regular expression": "(a+)+$ actors .*",
    "a long run": "a" * MAX_QUESTION_CHARS,
    "many words": ("actors " * MAX_QUESTION_CHARS)[:MAX_QUESTION_CHARS],
    "many distinct words": " ".join(f"w{n}" for n in range(700)),
    "combining marks": "a\u0301\u0302" * 1_000,
    "astral": "\U0001f600 actors \U0001f468\u200d\U0001f469\u200d\U0001f467",
    "noncharacters": "actors \ufffe\uffff\U0010ffff",
    "controls": "actors \x01\x1b[31m\x7f\x9b",
    "zero width": "act\u200bors",
    "tags": "actors" + "".join(chr(0xE0000 + ord(one)) for one in "drop"),
    "overrides": "\u202eactors\u202c \u2066state\u2069",
}
ASKED = {
    "Cyrillic": "Что плетут пауки?",
    "right to left": "بماذا يحتفظ الممثلون؟ الحالة",
    "right to left and left to right": "הפקודה actors מה עושה?",
    "Chinese": "演员保持什么状态",
    "wide letters": "\uff41\uff43\uff54\uff4f\uff52\uff53",
    "code alone": "actors.state()",
    "a block of code": "```python\n@ray.remote\nclass Actors:\n    def __init__(self): ...\n```",
    "an error": "RuntimeError: actors['state'] -> None\n  File \"a.py\", line 1",
}


@pytest.fixture
def shelf(postgres: Database, runner: asyncio.Runner) -> PostgresShelf:
    shelf = PostgresShelf(postgres)
    info = runner.run(shelf.generations.create(fingerprint="f", model="m", dim=DIM))
    runner.run(shelf.generations.promote(info.generation))
    runner.run(put(changed("a.md", 1, PAGE), info.generation, shelf.pages))
    return shelf


async def embed_query(question: str) -> QueryVector:
    return QueryVector(await EMBEDDER.embed_query(question), Generation(1))


@pytest.mark.parametrize("question", [*HOSTILE.values(), *ASKED.values()], ids=[*HOSTILE, *ASKED])
def test_s24_a_question_is_text_and_nothing_else(
    question: str, shelf: PostgresShelf, postgres: Database, runner: asyncio.Runner
) -> None:
    store = PostgresSearch(postgres, weights=RankWeights())
    searcher = Searcher(store, embed_query, RankWeights(), 100)
    before = runner.run(shelf.generations.dump(Generation(1), SOURCE))

    async def search(
        question: str, *, k: int, sources: Sequence[str] | None, paths: Sequence[str] = ()
    ) -> SearchResponse:
        within = Within(sources, paths)
        return await search_index(question, k=k, within=within, searcher=searcher)

    answering = make_answering(search, AnswerSettings(refuse_below=0.0))
    told = runner.run(
        answer_question(QueryRequest(question=question), request_id="id", answering=answering)
    )
    found = runner.run(search(question, k=7, sources=None))

    assert told.question == question.strip()
    assert [hit.url for hit in found.hits] == ["https://docs.example/a.md"]
    assert runner.run(shelf.generations.dump(Generation(1), SOURCE)) == before
    if question in ASKED.values():
        assert found.hits[0].lexical is not None
