"""The query API as a client meets it."""

import asyncio
import json
from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import httpx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from litestar import Litestar
from litestar.testing import AsyncTestClient

from api.main import make_answering
from api.main import routes as api_routes
from api.settings import AnswerSettings
from headwater.http import make_app
from headwater.metrics import QueryMeter, make_metrics
from schemas.answers import AsOf, Hit, PageResponse, PageSection, SearchResponse
from schemas.errors import CommitNotSearchable, StoreUnavailable, UnknownSource

PAGE_URL = "https://docs.example.org/serve.html"
AS_OF = {
    "docs": AsOf(
        commit="c0ffee",
        committed_at=datetime(2024, 1, 1, tzinfo=UTC),
        indexed_at=datetime(2024, 1, 1, 0, 0, 3, tzinfo=UTC),
    )
}
HIT = Hit(
    url=PAGE_URL,
    title="Serve",
    section="Serve \u203a Autoscaling",
    anchor="autoscaling",
    text="Autoscaling adds replicas when requests queue up. Set max_replicas to bound it.",
    score=0.9,
    source="docs",
    commit="c0ffee",
    similarity=0.8,
)


async def search(
    question: str, *, k: int, sources: Sequence[str] | None, paths: Sequence[str] = ()
) -> SearchResponse:
    if sources and set(sources) - {"docs"}:
        raise UnknownSource(sources[0])
    if "two outages" in question:
        raise ExceptionGroup("both", [StoreUnavailable("hunter2"), StoreUnavailable("b")])
    if "outage" in question:
        raise StoreUnavailable("password=hunter2")
    if "bug" in question:
        raise KeyError("hunter2")
    return SearchResponse(question=question, hits=[HIT][:k], as_of=AS_OF)


async def page_at(url: str) -> PageResponse | None:
    section = PageSection(heading="Serve", path=("Serve",), anchor="", text="Text.")
    return (
        PageResponse(
            url=url,
            title="Serve",
            source="docs",
            path="serve.md",
            commit="c0ffee",
            sections=[section],
            as_of=AS_OF,
        )
        if url == PAGE_URL
        else None
    )


async def wait(wanted: Mapping[str, str]) -> None:
    if "c0ffee".startswith(wanted.get("docs", "c")[:6]):
        return
    raise CommitNotSearchable(wanted, AS_OF, after_s=10.0)


def make() -> Litestar:
    metrics = make_metrics()
    answering = make_answering(search, AnswerSettings(), meter=QueryMeter(metrics), wait=wait)
    return make_app(
        routes=api_routes(answering, page_at),
        checks={},
        hosts=[],
        metrics_registry=metrics.registry,
    )


Talk = Callable[[AsyncTestClient[Any]], Awaitable[httpx.Response]]


def ask(talk: Talk) -> httpx.Response:
    async def run() -> httpx.Response:
        async with AsyncTestClient(make(), base_url="http://127.0.0.1:8000") as client:
            return await talk(client)

    return asyncio.run(run())


def post_json(
    path: str, body: bytes | object, headers: Mapping[str, str] | None = None
) -> httpx.Response:
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    return ask(lambda client: client.post(path, content=content, headers=dict(headers or {})))


def get_json(path: str, headers: Mapping[str, str] | None = None) -> httpx.Response:
    return ask(lambda client: client.get(path, headers=dict(headers or {})))


def assert_problem(response: httpx.Response, status: int) -> None:
    assert response.status_code == status
    assert response.headers["content-type"].startswith("application/problem+json")
    assert response.json()["status"] == status
    assert response.json()["request_id"] == response.headers["x-request-id"]


def test_an_answer_has_the_shape_of_the_contract() -> None:
    response = post_json("/query", {"question": "How does autoscaling add replicas?"})

    answer = response.json()
    assert response.status_code == 200
    assert set(answer) == {
        *("request_id", "question", "answer", "sources", "citations", "llm", "route", "as_of"),
        *("refused", "latency_ms", "usage"),
    }
    assert answer["request_id"] == response.headers["x-request-id"]
    assert answer["answer"].startswith("Autoscaling adds replicas when requests queue up. [1]")
    assert answer["sources"] == [f"{PAGE_URL}#autoscaling"]
    assert set(answer["citations"][0]) == {"n", "url", "title", "section", "quote", "commit"}
    assert answer["llm"] is None
    assert answer["route"]["chosen"] == "extractive"
    assert answer["as_of"]["docs"]["parked"] == 0
    assert answer["refused"] is False


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("path", ["/query", "/search"])
def test_a_commit_that_is_not_searchable_is_a_conflict_that_tells_what_is(
    path: str, stream: bool
) -> None:
    body: dict[str, object] = {"question": "Ray?", "min_commit": {"docs": "badcafe1"}}
    if path == "/query":
        body["stream"] = stream

    response = post_json(path, body)

    assert_problem(response, 409)
    assert response.headers["retry-after"] == "5"
    assert response.json()["as_of"]["docs"]["commit"] == "c0ffee"
    assert "docs at badcafe1" in response.json()["detail"]


@pytest.mark.parametrize("path", ["/query", "/search"])
def test_a_commit_that_is_searchable_changes_nothing(path: str) -> None:
    response = post_json(path, {"question": "Ray?", "min_commit": {"docs": "c0ffee12"}})

    assert response.status_code == 200


def test_query_is_another_name_for_question() -> None:
    response = post_json("/query", {"query": "How does autoscaling add replicas?"})

    assert response.json()["question"] == "How does autoscaling add replicas?"


def test_a_search_gives_the_hits_and_the_state_they_reflect() -> None:
    response = post_json("/search", {"question": "autoscaling", "in": ["docs"], "k": 3})

    assert response.status_code == 200
    assert response.json()["hits"][0]["anchor"] == "autoscaling"
    assert response.json()["as_of"]["docs"]["commit"] == "c0ffee"
    assert "degraded" not in response.json()


def test_a_page_is_found_by_its_url_whatever_the_anchor() -> None:
    response = get_json(f"/pages?url={PAGE_URL}%23autoscaling")

    assert response.status_code == 200
    assert response.json()["sections"][0]["heading"] == "Serve"


@pytest.mark.parametrize("path", ["/pages?url=https://elsewhere.example/", "/nothing", "/query/"])
def test_what_is_not_there_is_a_problem(path: str) -> None:
    response = get_json(path)

    assert_problem(response, 405 if path == "/query/" else 404)


@pytest.mark.parametrize(
    ("method", "path", "body", "told"),
    [
        ("POST", "/query", b"", "the body is empty: send a JSON object"),
        ("POST", "/search", b"", "the body is empty: send a JSON object"),
        ("POST", "/query", b"[]", "the body: expected an object, got a list"),
        ("POST", "/query", b'{"question": 5}', "question: expected text, got a whole number"),
        (
            "POST",
            "/query",
            b'{"question": "a", "in": 5}',
            "in: expected a list, got a whole number",
        ),
        ("POST", "/query", b'{"question": "a", "k": 51}', "k: expected a whole number <= 50"),
        ("POST", "/query", b'{"query": "a", "stream": "x"}', "stream: expected true or false, got"),
        ("POST", "/query", b'{"question": "a", "k": "7"}', "k: expected a whole number, got text"),
        ("POST", "/search", b'{"question": "a", "k": "7"}', "k: expected a whole number, got text"),
        ("POST", "/query", b'{"query": "a", "stream": "true"}', "stream: expected true or false"),
        ("POST", "/query", b'{"question": "a", "kk": 1}', "kk: there is no such field"),
        ("GET", "/query", b"", "ask this route with POST"),
        ("POST", "/pages", b"{}", "ask this route with GET"),
    ],
)
def test_a_request_that_is_wrong_is_told_how_in_the_words_of_the_reference(
    method: str, path: str, body: bytes, told: str
) -> None:
    response = ask(lambda client: client.request(method, path, content=body))

    assert_problem(response, 400 if method == "POST" and path != "/pages" else 405)
    assert told in response.json()["detail"]


@pytest.mark.parametrize(
    ("field", "value", "status"),
    [
        ("min_commit", {"docs": "c0ffee"}, 400),
        ("route", "strong", 400),
        ("path", [], 400),
        ("path", ["a"] * 21, 400),
        ("path", ["*a" * 13], 400),
        ("version", "2.0", 404),
    ],
)
def test_what_cannot_be_asked_for_is_refused_by_name(
    field: str, value: object, status: int
) -> None:
    response = post_json("/query", {"question": "autoscaling", field: value})

    assert_problem(response, status)
    assert field in response.json()["detail"]


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"question": ""},
        {"question": " \t\n"},
        {"question": "null\0byte"},
        {"question": "???"},
        {"question": "x" * 4_001},
        {"question": "x" * 10_000},
        {"question": "x" * 200_000},
        {"question": 7},
        {"question": "a", "query": "b"},
        {"question": "a", "k": 0},
        {"question": "a", "k": 51},
        {"question": "a", "k": "many"},
        {"question": "a", "k": "7"},
        {"question": "a", "k": True},
        {"question": "a", "explain": "true"},
        {"question": "a", "explain": 1},
        {"question": "a", "in": []},
        {"question": "a", "in": ["\0"]},
        {"question": "a", "in": "docs"},
        {"question": "a", "surprise": 1},
        [],
        None,
        "text",
    ],
)
def test_s24_a_bad_question_is_a_400(body: object) -> None:
    assert_problem(post_json("/query", body), 400)
    assert_problem(post_json("/search", body), 400)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b'{"question": NaN}',
        b'{"question": "a", "k": Infinity}',
        b'{"question": "a", "question": "b"}',
        b'{"question": "a", "x": {"y": 1, "y": 2}}',
        b'{"question": "\xff\xfe"}',
        b'\xff\xfe{\x00"\x00',
        b'{"question": "\\ud800"}',
        b'{"question": "\\ud800", "in": ["\\udfff"]}',
        b'{"question": "a", "\\ud800": 1}',
        b"[" * 900_000,
        b'{"a":' * 150_000,
        b"9" * 5_000,
        b"\x1f\x8b\x08\x00gzip",
    ],
)
def test_s9_what_is_no_strict_json_is_a_400(body: bytes) -> None:
    assert_problem(post_json("/query", body, {"Content-Type": "application/json"}), 400)


def test_s9_a_body_over_the_cap_is_a_413() -> None:
    assert_problem(post_json("/query", b" " * (2**20 + 1)), 413)


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)
fields = st.sampled_from(
    ["question", "query", "in", "k", "stream", "route", "version", "min_commit", "conversation_id"]
)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.dictionaries(fields, json_values) | json_values, min_size=5, max_size=15))
def test_s24_no_json_body_gives_a_500(bodies: list[object]) -> None:
    async def statuses() -> set[int]:
        async with AsyncTestClient(make(), base_url="http://127.0.0.1") as client:
            return {
                (await client.post(path, content=json.dumps(body).encode())).status_code
                for body in bodies
                for path in ("/query", "/search")
            }

    assert asyncio.run(statuses()) <= {200, 400, 404}


@settings(max_examples=60, deadline=None)
@given(st.lists(st.binary(max_size=200), min_size=5, max_size=15))
def test_s9_no_bytes_give_a_500(bodies: list[bytes]) -> None:
    async def statuses() -> set[int]:
        async with AsyncTestClient(make(), base_url="http://127.0.0.1") as client:
            return {(await client.post("/query", content=body)).status_code for body in bodies}

    assert asyncio.run(statuses()) == {400}


@pytest.mark.parametrize("url", ["", "%00", "a" * 2_001])
def test_s24_a_bad_url_is_a_400(url: str) -> None:
    assert_problem(get_json(f"/pages?url={url}"), 400)


def test_an_unknown_source_is_a_404_that_names_it() -> None:
    response = post_json("/search", {"question": "autoscaling", "in": ["elsewhere"]})

    assert_problem(response, 404)
    assert "elsewhere" in response.json()["detail"]


@pytest.mark.parametrize("question", ["an outage", "two outages"])
def test_an_outage_is_a_503_that_says_when_to_come_back(question: str) -> None:
    response = post_json("/query", {"question": question})

    assert_problem(response, 503)
    assert int(response.headers["retry-after"]) > 0
    assert "hunter2" not in response.text


def test_s31_a_bug_shows_the_client_an_id_and_nothing_else() -> None:
    response = post_json("/query", {"question": "a bug"}, {"X-Request-Id": "my-id_7"})

    assert_problem(response, 500)
    assert response.json()["request_id"] == "my-id_7"
    assert "hunter2" not in response.text
    assert "Traceback" not in response.text
    assert "KeyError" not in response.text


def test_s32_metrics_count_routes_and_never_paths() -> None:
    async def talk(client: AsyncTestClient[Any]) -> httpx.Response:
        await client.post("/query", json={"question": "autoscaling"})
        await client.get("/pages?url=secret-name")
        await client.get("/made/up/path")
        await client.request("BREW", "/query")
        return await client.get("/metrics")

    text = ask(talk).text

    assert 'route="/query",status="200"' in text
    assert 'route="/pages",status="404"' in text
    assert 'method="GET",route="unmatched",status="404"' in text
    assert 'headwater_answers_total{refused="false",route="extractive"} 1.0' in text
    assert 'headwater_query_seconds_count{stage="search"} 1.0' in text
    assert "made/up" not in text
    assert "secret-name" not in text
    assert "BREW" not in text


@pytest.mark.parametrize("path", ["/schema", "/schema/openapi.json"])
def test_the_schema_names_every_route_and_field(path: str) -> None:
    document = get_json(path).json()

    assert set(document["paths"]) >= {"/query", "/search", "/pages", "/readyz"}
    assert "in" in document["components"]["schemas"]["QueryRequest"]["properties"]
    assert document["components"]["schemas"]["QueryRequest"]["properties"]["k"]
