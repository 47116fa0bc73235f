"""A real language model, end to end: what it writes of a short context leaves, cited, as it comes."""

import asyncio
import stat
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
from tests.support.local_model import Served, a_local_model
from tests.support.models import Index

T = TypeVar("T")
TRIES = 30
WORD = "anachronism "


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with a_local_model(tmp_path_factory.mktemp("home")) as served:
        yield served


def with_model(served: Served, work: Callable[[OpenAiModel], Coroutine[Any, Any, T]]) -> T:
    async def run() -> T:
        llm = LlmSettings(
            role="cheap",
            base_url=served.base_url,
            model="SmolLM2-135M-Instruct",
            first_token_s=120,
            total_s=240,
            output_tokens=60,
        )
        async with AsyncExitStack() as stack:
            (model,) = open_models([llm], {"cheap": served.key}, stack)
            return await work(model)

    return asyncio.run(run())


@pytest.mark.parametrize("path", ["/v1/models", "/props"])
def test_pages_of_other_origins_may_not_read_it(served: Served, path: str) -> None:
    url = f"{served.base_url.removesuffix('/v1')}{path}"
    foreign = {"Origin": "http://evil.example", "Access-Control-Request-Method": "POST"}

    for method in ("GET", "OPTIONS"):
        headers = httpx.request(method, url, headers=foreign | served.headers()).headers
        assert headers.get("access-control-allow-origin", "") == ""
        assert headers.get("access-control-allow-credentials", "false") == "false"
    slots = httpx.get(url.replace(path, "/slots"), headers=served.headers())
    assert slots.is_error  # what others have asked


ASKED = {"messages": [{"role": "user", "content": "Say yes."}], "max_tokens": 1}


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/v1/chat/completions", ASKED),
        ("/v1/completions", {"prompt": "Yes", "max_tokens": 1}),
        ("/completion", {"prompt": "Yes", "n_predict": 1}),
        ("/tokenize", {"content": "Yes"}),
        ("/v1/embeddings", {"input": "Yes"}),
    ],
)
def test_nothing_is_computed_for_who_has_not_its_key(
    served: Served, path: str, body: dict[str, object]
) -> None:
    url = f"{served.base_url.removesuffix('/v1')}{path}"
    plain = {"Content-Type": "text/plain"}  # as a page of any site may post it
    wrong = {"Authorization": "Bearer none"}

    statuses = {httpx.post(url, json=body, headers=sent).status_code for sent in ({}, plain, wrong)}

    assert statuses == {401}


def test_who_has_its_key_is_answered(served: Served) -> None:
    url = f"{served.base_url}/chat/completions"

    response = httpx.post(url, json=ASKED, headers=served.headers(), timeout=60)

    assert response.status_code == 200
    assert response.json()["choices"]


def test_its_key_is_for_its_user_alone_and_the_same_at_the_next_start(served: Served) -> None:
    folder = served.key_file.parents[1]

    with a_local_model(folder) as again:
        assert (again.key_file, again.key) == (served.key_file, served.key)
    assert len(served.key) >= 32
    assert stat.S_IMODE(served.key_file.stat().st_mode) == 0o600
    assert stat.S_IMODE(served.key_file.parent.stat().st_mode) == 0o700


def test_it_composes_a_cited_answer_piece_by_piece(served: Served) -> None:
    """So small a model says "Yes." to one mark and a sentence to the next: it holds in about a third of the tries."""

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

    first, *pieces, last = with_model(served, work)

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


def test_its_own_tokens_are_counted_and_its_window_is_known(served: Served) -> None:
    async def work(model: OpenAiModel) -> tuple[list[int], int]:
        await model.probe()
        return list(await model.count([WORD, WORD * 100])), model.limits.window_tokens

    (one, many), window = with_model(served, work)

    told = httpx.post(
        f"{served.base_url.removesuffix('/v1')}/tokenize",
        json={"content": WORD * 100},
        headers=served.headers(),
        timeout=30,
    ).json()
    assert many == len(told["tokens"])
    assert 0 < one < many
    assert window == 4_096


def test_it_says_when_it_is_sent_too_much_and_how_much_it_takes(served: Served) -> None:
    async def work(model: OpenAiModel) -> int:
        async with model.reply([Message("user", WORD * 9_000)]) as reply:
            with pytest.raises(ContextTooLong):
                await anext(aiter(reply))
        return model.limits.window_tokens

    assert with_model(served, work) == 4_096
