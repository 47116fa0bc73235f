"""The client of language models against a server that does what none should."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from typing import Any, TypeVar

import pytest

from api.adapters.llm import OpenAiModel
from api.core.prompt import Message
from api.settings import LlmSettings, PriceSettings
from schemas.answers import NOTHING_USED, Usage
from schemas.errors import ContextTooLong, ModelUnavailable
from tests.support.model_double import Double, Exchange, a_double, fails, hangs, says, sends

T = TypeVar("T")
ASK = [Message("user", "Why?")]
USAGE = {"prompt_tokens": 1_000, "completion_tokens": 200, "total_tokens": 1_200}


@asynccontextmanager
async def client(double: Double, **more: object) -> AsyncIterator[OpenAiModel]:
    settings = LlmSettings(
        role="cheap",
        base_url=double.base_url,
        model="double",
        price_per_million=PriceSettings(input=1.0, output=2.0),
        **{"first_token_s": 20.0, "total_s": 60.0, "retries": 2} | more,  # type: ignore[arg-type]
    )
    model = OpenAiModel(settings, api_key="secret")
    try:
        yield model
    finally:
        await model.close()


async def ask(model: OpenAiModel) -> tuple[str, Usage]:
    async with model.reply(ASK) as reply:
        text = "".join([piece async for piece in reply])
    return text, reply.spent


def run(double: Double, work: Callable[[OpenAiModel], Coroutine[Any, Any, T]], **more: object) -> T:
    async def with_client() -> T:
        async with client(double, **more) as model:
            return await work(model)

    return asyncio.run(with_client())


def test_text_comes_in_pieces_with_what_it_took() -> None:
    with a_double(says("Because ", "of it.", usage=USAGE)) as double:
        told = run(double, ask)

    assert told == ("Because of it.", Usage(input_tokens=1_000, output_tokens=200, cost=0.0014))
    assert double.bodies[0]["stream"] is True
    assert double.bodies[0]["temperature"] == 0


def test_what_a_server_does_not_tell_is_estimated_and_says_so() -> None:
    with a_double(says("Because of it.")) as double:
        _, spent = run(double, ask)

    assert spent.estimated
    assert spent.input_tokens > 0
    assert spent.output_tokens > 0
    assert spent.cost > 0


@pytest.mark.parametrize("status", [429, 500, 503])
def test_a_busy_server_is_asked_again(status: int) -> None:
    with a_double(fails(status), fails(status), says("Yes.")) as double:
        text, _ = run(double, ask)

    assert text == "Yes."
    assert double.calls == 3


@pytest.mark.parametrize("script", [fails(429), fails(500), fails(429, Retry_After="3600")])
def test_a_storm_ends_in_a_failure_and_further_calls_do_not_wait(script: object) -> None:
    async def twice(model: OpenAiModel) -> bool:
        with pytest.raises(ModelUnavailable):
            await ask(model)
        return model.is_up

    with a_double(script) as double:  # type: ignore[arg-type]
        is_up = run(double, twice)

    assert is_up is False
    assert double.calls <= 3


def test_a_pause_of_an_hour_is_not_waited_for() -> None:
    with a_double(fails(429, Retry_After="3600")) as double, pytest.raises(ModelUnavailable):
        run(double, ask)

    assert double.calls == 1


@pytest.mark.parametrize(
    "script",
    [
        sends("<html>It works!</html>", "text/html"),
        sends("data: {not json\n\n"),
        sends("data: [1, 2]\n\n"),
        sends('data: {"choices": 7}\n\n'),
        sends('data: {"choices": [{"delta": "text"}]}\n\n'),
        sends('data: {"error": {"message": "out of memory"}}\n\n'),
        sends("\x00\x01\x02" * 500),
        sends(""),
        fails(404),
        fails(401),
        fails(302, Location="http://127.0.0.1:9/"),
    ],
)
def test_garbage_is_a_failure_of_ours(script: object) -> None:
    with a_double(script) as double, pytest.raises(ModelUnavailable):  # type: ignore[arg-type]
        run(double, ask)


def test_a_reply_that_is_broken_off_is_a_failure() -> None:
    async def script(exchange: Exchange) -> None:
        await exchange.head()
        await exchange.text("Because")

    with a_double(script) as double, pytest.raises(ModelUnavailable):
        run(double, ask)


@pytest.mark.parametrize("pieces", [(), ("Because ",)])
def test_a_server_that_hangs_is_left_in_time(pieces: tuple[str, ...]) -> None:
    with (
        a_double(hangs(*pieces)) as double,
        pytest.raises(ModelUnavailable, match="token came in time"),
    ):
        run(double, ask, first_token_s=0.5)


def test_the_whole_reply_has_a_time_too() -> None:
    async def drip(exchange: Exchange) -> None:
        await exchange.head()
        while not exchange.gone.is_set():
            await exchange.text("and ")
            await asyncio.sleep(0.05)

    with a_double(drip) as double, pytest.raises(ModelUnavailable, match="no token came in time"):
        run(double, ask, total_s=1.0)


def test_the_time_that_a_reader_takes_is_not_the_models() -> None:
    async def slowly(model: OpenAiModel) -> str:
        text = ""
        async with model.reply(ASK) as reply:
            async for piece in reply:
                await asyncio.sleep(0.4)
                text += piece
        return text

    with a_double(says("a", "b", "c", "d")) as double:
        assert run(double, slowly, total_s=1.0) == "abcd"


def test_calls_of_tools_are_no_text() -> None:
    async def script(exchange: Exchange) -> None:
        await exchange.head()
        call = {
            "index": 0,
            "id": "x",
            "type": "function",
            "function": {"name": "f", "arguments": "{}"},
        }
        await exchange.event(delta={"role": "assistant", "content": None, "tool_calls": [call]})
        await exchange.event(delta={"refusal": "I cannot"})
        await exchange.done("tool_calls")

    with a_double(script) as double:
        text, _ = run(double, ask)

    assert text == ""


LLAMA_CPP = {
    "code": 400,
    "type": "exceed_context_size_error",
    "message": "request (9031 tokens) exceeds the available context size (4096 tokens), try increasing it",
    "n_ctx": 4096,
}
OPENAI = {
    "message": "This model's maximum context length is 8192 tokens. However, you requested 9000.",
    "code": "context_length_exceeded",
}


@pytest.mark.parametrize(
    ("error", "window"),
    [(LLAMA_CPP, 4_096), (OPENAI, 8_192), ({"message": "the context length is exceeded"}, 4_096)],
)
def test_a_server_tells_how_much_it_takes(error: object, window: int) -> None:
    async def learn(model: OpenAiModel) -> int:
        with pytest.raises(ContextTooLong):
            await ask(model)
        assert model.is_up
        return model.limits.window_tokens

    with a_double(fails(400, {"error": error})) as double:
        assert run(double, learn) == window


def test_a_window_is_read_from_the_list_of_models() -> None:
    async def learn(model: OpenAiModel) -> int:
        await model.probe()
        return model.limits.window_tokens

    with a_double(says("Yes.")) as double:
        double.models = {"data": [{"id": "double", "max_model_len": 16_000}]}
        assert run(double, learn) == 16_000


def test_an_option_that_a_server_does_not_know_is_left_out() -> None:
    def refuses(option: str) -> object:
        return {"error": {"message": f"Unsupported parameter: '{option}'", "param": option}}

    scripts = [fails(400, refuses("max_tokens")), fails(400, refuses("temperature")), says("Yes.")]
    with a_double(*scripts) as double:
        text, _ = run(double, ask)

    assert text == "Yes."
    assert "max_tokens" not in double.bodies[-1]
    assert "temperature" not in double.bodies[-1]
    assert double.bodies[-1]["max_completion_tokens"] > 0


def test_leaving_a_reply_ends_it_at_the_server() -> None:
    async def leave(model: OpenAiModel) -> None:
        async with model.reply(ASK) as reply:
            async for _ in reply:
                break

    with a_double(hangs("Because ", "of ")) as double:
        start_s = time.monotonic()
        run(double, leave)
        while not double.gone:
            assert time.monotonic() < start_s + 10
            time.sleep(0.01)


@pytest.mark.parametrize("status", [400, 413, 422])
def test_one_question_that_is_refused_keeps_no_other_from_the_model(status: int) -> None:
    async def refused(model: OpenAiModel) -> bool:
        with pytest.raises(ModelUnavailable, match=f"status {status}"):
            await ask(model)
        return model.is_up

    with a_double(fails(status, {"error": {"message": "the content filter objects"}})) as double:
        assert run(double, refused)


def test_a_refused_request_has_taken_nothing() -> None:
    async def spent(model: OpenAiModel) -> Usage:
        async with model.reply(ASK) as reply:
            with pytest.raises(ModelUnavailable):
                await anext(aiter(reply))
        return reply.spent

    with a_double(fails(401)) as double:
        assert run(double, spent) == NOTHING_USED


def test_what_failed_is_tried_until_it_answers_and_then_is_up_alone() -> None:
    async def recover(model: OpenAiModel) -> bool:
        with pytest.raises(ModelUnavailable):
            await ask(model)
        assert not model.is_up
        async with asyncio.timeout(30):
            keeping = asyncio.ensure_future(model.keep())
            while not model.is_up:
                await asyncio.sleep(0.02)
        keeping.cancel()
        return model.is_up

    with a_double(fails(401), fails(401), says("Yes.")) as double:
        assert run(double, recover) is True

    assert double.calls == 3
