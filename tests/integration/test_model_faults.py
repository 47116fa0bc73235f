"""Row R35: whatever a model's endpoint does, a question is answered, marked, and nothing of the noise leaves."""

import asyncio
import json
import logging
import socket
import time
from dataclasses import dataclass

import httpx
import pytest
from structlog.testing import capture_logs

from api.adapters.llm import OpenAiModel
from api.core.ground import Grounding
from api.handlers import answer_question
from api.main import make_answering, make_composing
from api.settings import AnswerSettings, LlmSettings
from schemas.answers import QueryRequest, QueryResponse
from tests.support.model_double import (
    Double,
    Exchange,
    Script,
    a_double,
    fails,
    hangs,
    says,
    sends,
    texts_of,
)
from tests.support.models import HELD, TOLD, Index
from tests.support.served import Served, parsed, served

QUESTION = {"question": "Do actors keep their state between calls?"}
HOUR_S = 3_600.0
MOST_PROBES = 130
"""One about every 30 seconds for an hour, and the first few that come sooner."""
CALL = {"index": 0, "id": "x", "type": "function", "function": {"name": "f", "arguments": "{}"}}
NOISE = ("tool_call", "noise", "It works", "help with that", "out of memory")


async def noise_alone(exchange: Exchange) -> None:
    """Calls of tools and a refusal where a text was asked for."""
    await exchange.head()
    await exchange.event(delta={"role": "assistant", "content": None, "tool_calls": [CALL]})
    await exchange.event(delta={"refusal": "I can't help with that"})
    await exchange.done("tool_calls")


async def noise_around_a_text(exchange: Exchange) -> None:
    await exchange.head()
    await exchange.event(delta={"role": "assistant", "content": None, "tool_calls": [CALL]})
    await exchange.send(": noise\n\n")
    await exchange.event(delta={"reasoning_content": "noise"})
    await exchange.text(HELD)
    await exchange.done()


def broken_off(*pieces: str) -> Script:
    """Says this much, then is gone."""

    async def script(exchange: Exchange) -> None:
        await exchange.head()
        await exchange.text(*pieces)

    return script


FAULTS = {
    "a hang before the head": (hangs(), "model_unavailable"),
    "a hang in the middle": (hangs(HELD, " And"), "model_unavailable"),
    "broken off in the middle": (broken_off(HELD, " And"), "model_unavailable"),
    "another page": (sends("<html>It works!</html>", "text/html"), "model_unavailable"),
    "half of a JSON": (sends("data: {noise\n\n"), "model_unavailable"),
    "an error in the stream": (
        sends('data: {"error": {"message": "out of memory"}}\n\n'),
        "model_unavailable",
    ),
    "bytes": (sends("\x00\x01\x02" * 500), "model_unavailable"),
    "nothing at all": (sends(""), "model_unavailable"),
    "a refusal": (says("I'm sorry, but I can't help with that."), "ungrounded"),
    "a call of a tool in the text": (
        says('<tool_call>{"name": "noise"}</tool_call>'),
        "ungrounded",
    ),
    "calls of tools alone": (noise_alone, "ungrounded"),
    "a storm of 429": (fails(429), "model_unavailable"),
    "a 429 for an hour": (fails(429, Retry_After="3600"), "model_unavailable"),
    "a 500": (fails(500), "model_unavailable"),
    "a content filter": (fails(400), "model_unavailable"),
    "a key that is none": (fails(401), "model_unavailable"),
}


@pytest.mark.parametrize(("script", "degraded"), FAULTS.values(), ids=FAULTS.keys())
def test_r35_whatever_a_model_does_a_question_is_answered_and_marked(
    script: Script, degraded: str
) -> None:
    async def work(double: Double) -> tuple[httpx.Response, httpx.Response]:
        async with served(double, first_token_s=0.5, retries=1) as at:
            streamed = await at.client.post("/query", json=QUESTION | {"stream": True})
            return streamed, await at.client.post("/query", json=QUESTION)

    with a_double(script) as double:
        streamed, alone = asyncio.run(work(double))

    events = parsed(streamed.text)
    assert [name for name, _ in events if name != "delta"] == ["meta", "done"]
    assert "".join(str(one["text"]) for name, one in events if name == "delta") == str(
        events[-1][1]["answer"]
    )
    assert (streamed.status_code, alone.status_code) == (200, 200)
    for told in (events[-1][1], alone.json()):
        assert told["degraded"] == degraded
        assert TOLD in str(told["answer"])
        assert told["refused"] is False
        assert not any(noise in str(told["answer"]) for noise in NOISE)


def test_r35_noise_around_a_text_leaves_the_text() -> None:
    async def work(double: Double) -> dict[str, object]:
        async with served(double) as at:
            told: dict[str, object] = (await at.client.post("/query", json=QUESTION)).json()
            return told

    with a_double(noise_around_a_text) as double:
        told = asyncio.run(work(double))

    assert "degraded" not in told
    assert told["llm"] == "double"
    assert TOLD in str(told["answer"])
    assert "noise" not in str(told["answer"])


def test_r35_a_storm_of_429_costs_each_question_its_retries_once() -> None:
    """Those that are under way when it begins may try again; nobody after them asks at all."""

    async def ask(at: Served) -> dict[str, object]:
        told: dict[str, object] = (await at.client.post("/query", json=QUESTION)).json()
        return told

    async def work(double: Double) -> tuple[list[dict[str, object]], int, float]:
        async with served(double, retries=2) as at:
            told = await asyncio.gather(*(ask(at) for _ in range(20)))
            asked, start_s = len(questions_of(double)), time.monotonic()
            told += await asyncio.gather(*(ask(at) for _ in range(20)))
            assert len(questions_of(double)) == asked
            return told, asked, time.monotonic() - start_s

    with a_double(fails(429)) as double:
        told, asked, took_s = asyncio.run(work(double))

    assert asked <= 3 * 20
    assert took_s < 5
    assert [one["degraded"] for one in told] == ["model_unavailable"] * 40


@dataclass
class Clock:
    """Passes as fast as it is slept by, so that an hour takes as long as what is done in it."""

    at_s: float = 0.0

    def now_s(self) -> float:
        return self.at_s

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(0)
        self.at_s += seconds


def test_r35_an_hour_without_the_endpoint_is_answered_by_quotes_and_ends_alone() -> None:
    clock = Clock()

    async def work() -> tuple[list[QueryResponse], Double, QueryResponse]:
        port = free_port()
        model = OpenAiModel(
            llm(f"http://127.0.0.1:{port}/v1"),
            api_key="",
            now_s=clock.now_s,
            sleep=clock.sleep,
        )
        composing = make_composing([model], AnswerSettings(), ground=Grounding)
        at = make_answering(Index().search, AnswerSettings(), composing=composing)
        asked = QueryRequest(question=QUESTION["question"])
        away = [await answer_question(asked, request_id="id", answering=at)]
        keeping = asyncio.ensure_future(model.keep())
        async with asyncio.timeout(60):
            while clock.at_s < HOUR_S:
                away.append(await answer_question(asked, request_id="id", answering=at))
        with a_double(says(HELD), port=port) as double:
            async with asyncio.timeout(30):
                while not model.is_up:
                    await asyncio.sleep(0.01)
            back = await answer_question(asked, request_id="id", answering=at)
        keeping.cancel()
        await model.close()
        return away, double, back

    away, double, back = asyncio.run(work())

    assert len(away) > 20
    assert {one.degraded for one in away} == {"model_unavailable"}
    assert {one.llm for one in away} == {None}
    assert {one.answer for one in away} == {away[0].answer}
    assert TOLD in away[0].answer
    assert back.degraded is None
    assert back.llm == "double"
    assert len(questions_of(double)) == 1


def test_r35_an_endpoint_that_fails_for_an_hour_is_asked_by_its_probes_alone() -> None:
    clock = Clock()

    async def work(double: Double) -> int:
        model = OpenAiModel(llm(double.base_url), api_key="", now_s=clock.now_s, sleep=clock.sleep)
        composing = make_composing([model], AnswerSettings(), ground=Grounding)
        at = make_answering(Index().search, AnswerSettings(), composing=composing)
        asked, answers = QueryRequest(question=QUESTION["question"]), 0
        await answer_question(asked, request_id="id", answering=at)
        keeping = asyncio.ensure_future(model.keep())
        while clock.at_s < HOUR_S and answers < 100_000:
            told = await answer_question(asked, request_id="id", answering=at)
            assert told.degraded == "model_unavailable"
            answers += 1
        keeping.cancel()
        await model.close()
        return answers

    with a_double(fails(503)) as double:
        answers = asyncio.run(work(double))

    assert answers > 20
    assert len(questions_of(double)) == 1
    assert 10 < double.calls - 1 <= MOST_PROBES


LOGGED = [
    says(HELD),
    hangs(),
    fails(500, {"error": {"message": "no answer to ada@example.org, whose card is 4111"}}),
    fails(400, {"error": {"message": "the filter objects to ada@example.org"}}),
    sends("data: {ada@example.org\n\n"),
]


@pytest.mark.parametrize("script", LOGGED)
def test_s24_what_is_asked_is_in_no_log_line(
    script: Script, caplog: pytest.LogCaptureFixture
) -> None:
    """Nor is it where the endpoint repeats it in an error, or the search fails."""
    private = "ada@example.org"

    async def work(double: Double) -> None:
        async with served(double, first_token_s=0.5, retries=0) as at:
            for text in (QUESTION["question"], "Is there an outage"):
                body = {"question": f"{text} for {private}?", "conversation_id": private}
                for stream in (True, False):
                    await at.client.post("/query", json=body | {"stream": stream})

    caplog.set_level(logging.INFO)
    with capture_logs() as told, a_double(script) as double:
        asyncio.run(work(double))

    assert private in texts_of(double.bodies)
    assert private not in f"{told}{caplog.text}"


def test_s17_no_secret_and_no_configuration_is_in_a_prompt() -> None:
    async def work(double: Double) -> None:
        model = OpenAiModel(llm(double.base_url), api_key="hunter2")
        composing = make_composing([model], AnswerSettings(), ground=Grounding)
        at = make_answering(Index().search, AnswerSettings(), composing=composing)
        await answer_question(
            QueryRequest(question=QUESTION["question"]), request_id="the-id", answering=at
        )
        await model.close()

    with a_double(says(HELD)) as double:
        asyncio.run(work(double))

    (body,) = double.bodies
    assert set(body) == {
        *("messages", "model", "stream", "stream_options", "max_tokens", "temperature"),
    }
    assert not any(one in json.dumps(body) for one in ("hunter2", "the-id", "127.0.0.1"))


def llm(base_url: str) -> LlmSettings:
    return LlmSettings(role="cheap", base_url=base_url, model="double", retries=0)


def questions_of(double: Double) -> list[object]:
    """The completions that were asked for questions, not to find out whether it is up."""
    return [body for body in double.bodies if QUESTION["question"] in texts_of([body])]


def free_port() -> int:
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        port: int = listening.getsockname()[1]
        return port
