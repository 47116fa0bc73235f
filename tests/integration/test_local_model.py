"""A real language model, end to end: what it writes of a short context leaves, cited, as it comes."""

import asyncio
from collections.abc import Callable, Coroutine, Iterator
from contextlib import AsyncExitStack
from typing import Any, TypeVar

import httpx
import pytest

from api.adapters.llm import OpenAiModel
from api.core.ground import Grounding
from api.core.prompt import Message
from api.handlers import answer_events
from api.main import make_answering, make_composing, open_models
from api.settings import AnswerSettings, LlmSettings
from schemas.answers import AnswerDelta, AnswerEvent, AnswerMeta, QueryRequest, QueryResponse
from schemas.errors import ContextTooLong
from tests.support.local_model import a_local_model
from tests.support.models import Index

T = TypeVar("T")
TRIES = 6
WORD = "anachronism "


@pytest.fixture(scope="module")
def base_url() -> Iterator[str]:
    with a_local_model() as base_url:
        yield base_url


def with_model(base_url: str, work: Callable[[OpenAiModel], Coroutine[Any, Any, T]]) -> T:
    async def run() -> T:
        llm = LlmSettings(
            role="cheap",
            base_url=base_url,
            model="SmolLM2-135M-Instruct",
            first_token_s=120,
            total_s=240,
            output_tokens=60,
        )
        async with AsyncExitStack() as stack:
            (model,) = open_models([llm], {}, stack)
            return await work(model)

    return asyncio.run(run())


@pytest.mark.parametrize("path", ["/v1/models", "/props"])
def test_pages_of_other_origins_may_not_read_it(base_url: str, path: str) -> None:
    url = f"{base_url.removesuffix('/v1')}{path}"
    foreign = {"Origin": "http://evil.example", "Access-Control-Request-Method": "POST"}

    for method in ("GET", "OPTIONS"):
        headers = httpx.request(method, url, headers=foreign).headers
        assert headers.get("access-control-allow-origin", "") == ""
        assert headers.get("access-control-allow-credentials", "false") == "false"
    assert httpx.get(url.replace(path, "/slots")).is_error  # what others have asked


def test_it_composes_a_cited_answer_piece_by_piece(base_url: str) -> None:
    """So small a model says "Yes." to one mark and a sentence to the next: one of a few tries has to hold."""

    async def work(model: OpenAiModel) -> list[AnswerEvent]:
        composing = make_composing([model], AnswerSettings(), ground=Grounding)
        answering = make_answering(Index().search, AnswerSettings(), composing=composing)
        asked = QueryRequest(question="What do actors keep between calls?")
        for _ in range(TRIES):
            events = [
                event async for event in answer_events(asked, request_id="id", answering=answering)
            ]
            if isinstance(events[-1], QueryResponse) and events[-1].degraded is None:
                break
        return events

    first, *pieces, last = with_model(base_url, work)

    assert isinstance(first, AnswerMeta)
    assert isinstance(last, QueryResponse)
    texts = [piece.text for piece in pieces if isinstance(piece, AnswerDelta)]
    assert len(texts) == len(pieces)
    assert "".join(texts) == last.answer
    assert last.llm == "SmolLM2-135M-Instruct"
    assert last.degraded is None
    assert [one.url for one in last.citations] == ["https://docs.example.org/a.html#state"]
    assert last.usage.input_tokens > 100
    assert not last.usage.estimated


def test_its_own_tokens_are_counted_and_its_window_is_known(base_url: str) -> None:
    async def work(model: OpenAiModel) -> tuple[list[int], int]:
        await model.probe()
        return list(await model.count([WORD, WORD * 100])), model.limits.window_tokens

    (one, many), window = with_model(base_url, work)

    told = httpx.post(
        f"{base_url.removesuffix('/v1')}/tokenize", json={"content": WORD * 100}, timeout=30
    ).json()
    assert many == len(told["tokens"])
    assert 0 < one < many
    assert window == 4_096


def test_it_says_when_it_is_sent_too_much_and_how_much_it_takes(base_url: str) -> None:
    async def work(model: OpenAiModel) -> int:
        async with model.reply([Message("user", WORD * 9_000)]) as reply:
            with pytest.raises(ContextTooLong):
                await anext(aiter(reply))
        return model.limits.window_tokens

    assert with_model(base_url, work) == 4_096
