"""POST /query over a real socket: events as they are made, and an upstream that is left when the client leaves."""

import asyncio
import logging
import time
from collections.abc import AsyncGenerator, Callable, MutableMapping, Sequence

import httpx
import msgspec
import pytest
from structlog.testing import capture_logs

from api.adapters import events as sse
from schemas.answers import AnswerDelta, AnswerEvent, QueryResponse
from tests.support.model_double import Double, a_double, fails, hangs, says
from tests.support.models import HELD, TOLD
from tests.support.served import parsed, served

QUESTION = {"question": "Do actors keep their state between calls?"}
LEFT_WITHIN_S = 1.0


@pytest.mark.parametrize(
    ("body", "headers"),
    [({"stream": True}, {}), ({}, {"Accept": "text/event-stream"})],
)
def test_events_are_meta_pieces_and_the_whole(
    body: dict[str, object], headers: dict[str, str]
) -> None:
    async def work(double: Double) -> httpx.Response:
        async with served(double) as at:
            return await at.client.post("/query", json=QUESTION | body, headers=headers)

    with a_double(says(*HELD)) as double:
        response = asyncio.run(work(double))

    events = parsed(response.text)
    assert response.headers["content-type"].startswith("text/event-stream")
    assert response.headers["x-request-id"] == events[0][1]["request_id"]
    assert [name for name, _ in events][:2] == ["meta", "delta"]
    assert events[-1][0] == "done"
    whole = msgspec.convert(events[-1][1], QueryResponse)
    assert TOLD in whole.answer
    assert "".join(str(data["text"]) for name, data in events if name == "delta") == whole.answer


def test_the_whole_answer_without_a_stream_is_that_of_one() -> None:
    async def work(double: Double) -> tuple[dict[str, object], dict[str, object]]:
        async with served(double) as at:
            alone = await at.client.post("/query", json=QUESTION)
            streamed = await at.client.post("/query", json=QUESTION | {"stream": True})
        return alone.json(), parsed(streamed.text)[-1][1]

    with a_double(says(HELD)) as double:
        alone, streamed = asyncio.run(work(double))

    for own in ("request_id", "latency_ms", "usage"):
        alone.pop(own)
        streamed.pop(own)
    assert alone == streamed


@pytest.mark.parametrize(
    ("body", "status"), [({"question": ""}, 400), ({"question": "an outage"}, 503)]
)
def test_what_is_wrong_before_the_first_event_has_its_status(
    body: dict[str, object], status: int
) -> None:
    async def work(double: Double) -> httpx.Response:
        async with served(double) as at:
            return await at.client.post("/query", json=body | {"stream": True})

    with a_double(says(HELD)) as double:
        response = asyncio.run(work(double))

    assert response.status_code == status
    assert response.headers["content-type"] == "application/problem+json"


async def left_s(double: Double, path: str, body: dict[str, object], **more: object) -> float:
    """How long after its client the model is left."""
    async with served(double, **more) as at:  # type: ignore[arg-type]
        asking = asyncio.ensure_future(at.client.post(path, json=QUESTION | body))
        await until(lambda: double.is_silent)  # it is at the model now, and stays there
        asking.cancel()
        start_s = time.monotonic()
        await until(lambda: double.gone > 0)
        return time.monotonic() - start_s


async def until(is_so: Callable[[], bool]) -> None:
    deadline_s = time.monotonic() + 30
    while not is_so():
        assert time.monotonic() < deadline_s
        await asyncio.sleep(0.005)


def assert_no_error(
    told: Sequence[MutableMapping[str, object]], caplog: pytest.LogCaptureFixture
) -> None:
    """A client that leaves is none, and nothing is logged as one."""
    assert [line for line in told if line["log_level"] in ("error", "critical")] == []
    assert [line for line in caplog.records if line.levelno >= logging.ERROR] == []


@pytest.mark.parametrize("is_stream", [True, False])
@pytest.mark.parametrize("pieces", [(), (HELD, " And")])
def test_s26_the_model_is_left_within_a_second_of_its_client(
    is_stream: bool, pieces: tuple[str, ...], caplog: pytest.LogCaptureFixture
) -> None:
    with capture_logs() as told, a_double(hangs(*pieces)) as double:
        took_s = asyncio.run(left_s(double, "/query", {"stream": is_stream}))

    assert took_s < LEFT_WITHIN_S
    assert_no_error(told, caplog)


@pytest.mark.parametrize(
    ("path", "body"), [("/search", {}), ("/query", {}), ("/query", {"stream": True})]
)
def test_s26_nothing_is_reranked_for_a_client_that_has_left(
    path: str, body: dict[str, object], caplog: pytest.LogCaptureFixture
) -> None:
    """Nor done in any other way before there is a first event."""
    with capture_logs() as told, a_double(hangs()) as double:
        took_s = asyncio.run(left_s(double, path, body, rerank_s=10.0))

    assert took_s < LEFT_WITHIN_S
    assert double.calls == 1
    assert_no_error(told, caplog)


def test_a_silent_model_is_waited_for_under_comments(monkeypatch: pytest.MonkeyPatch) -> None:
    """A proxy sees that the connection lives; a client that reads events sees nothing of it."""
    monkeypatch.setattr(sse, "KEEP_ALIVE_S", 0.05)

    async def work(double: Double) -> str:
        async with served(double, first_token_s=0.6, total_s=0.6, retries=0) as at:
            return (await at.client.post("/query", json=QUESTION | {"stream": True})).text

    with a_double(hangs()) as double:
        text = asyncio.run(work(double))

    blocks = text.strip().split("\n\n")
    comments = [block for block in blocks if block.startswith(":")]
    assert len(comments) >= 3
    assert blocks[0].startswith("event: meta")
    assert blocks[-1].startswith("event: done")
    events = parsed("\n\n".join(block for block in blocks if not block.startswith(":")))
    assert events[-1][1]["degraded"] == "model_unavailable"


def test_a_reader_who_does_not_read_is_not_answered_ahead() -> None:
    """One event is made while another is sent: a slow client does not pile up an answer here."""
    made = 0

    async def events() -> AsyncGenerator[AnswerEvent, None]:
        nonlocal made
        for n in range(100):
            made = n
            yield AnswerDelta(text=f"{n}")

    async def work() -> list[bytes]:
        source = events()
        stream = sse._encoded(await anext(source), source, "id")
        first = [await anext(stream) for _ in range(3)]
        for _ in range(20):
            await asyncio.sleep(0)
        assert made <= 5
        rest = [piece async for piece in stream]
        return [*first, *rest]

    pieces = asyncio.run(work())

    assert len(pieces) == 100
    assert pieces[-1].endswith(b'{"text":"99"}\n\n')


def test_r35_a_model_that_is_away_costs_a_request_nothing_and_comes_back_alone() -> None:
    """The first request finds out; those after it are quoted at once, and composed again once it answers."""

    async def work(double: Double) -> None:
        async with served(double, retries=0, first_token_s=3.0) as at:
            first = (await at.client.post("/query", json=QUESTION)).json()
            assert first["degraded"] == "model_unavailable"
            calls = double.calls
            double.play(fails(500))
            for _ in range(20):
                told = await at.client.post("/query", json=QUESTION)
                assert told.status_code == 200
                assert told.json()["degraded"] == "model_unavailable"
                assert told.json()["llm"] is None
            probes = double.calls - calls
            assert probes <= 4  # asked by the keeper alone: none of the twenty was
            double.play(says(HELD))
            start_s = time.monotonic()
            while not at.models[0].is_up:
                assert time.monotonic() < start_s + 60
                await asyncio.sleep(0.05)
            back = (await at.client.post("/query", json=QUESTION)).json()
            assert "degraded" not in back
            assert TOLD in back["answer"]
            assert await at.metric('headwater_answers_total{refused="false",route="cheap"}') == 1.0
            assert await at.metric('headwater_tokens_total{kind="input",role="cheap"}') > 0

    with a_double(hangs()) as double:
        asyncio.run(work(double))


def test_a_follow_up_is_looked_for_with_the_question_before_it() -> None:
    async def work(double: Double) -> tuple[dict[str, object], dict[str, object]]:
        async with served(double) as at:
            first = await at.client.post("/query", json=QUESTION | {"conversation_id": "new"})
            known = first.json()["conversation_id"]
            body = {"question": "And after a restart?", "conversation_id": known}
            return first.json(), (await at.client.post("/query", json=body)).json()

    with a_double(says(HELD)) as double:
        first, second = asyncio.run(work(double))

    assert first["conversation_id"] == second["conversation_id"] != "new"
    roles = [message["role"] for message in double.bodies[-1]["messages"]]
    assert roles == ["system", "user", "assistant", "user"]
    assert second["question"] == "And after a restart?"
