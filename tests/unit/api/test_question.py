"""Only what can be asked gets through, in one form."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from api.core.question import Asked, read_query, read_search, read_url
from schemas.answers import QueryRequest, SearchRequest
from schemas.errors import BadQuestion, UnknownVersion


def test_a_question_is_stripped_and_gets_the_default_k() -> None:
    asked = read_search(SearchRequest(question="  What is Ray?\n"), default_k=7)

    assert asked == Asked("What is Ray?", 7, None)


def test_a_source_named_twice_counts_once() -> None:
    asked = read_query(QueryRequest(query="Ray?", in_=("b", "a", "b"), k=3), default_k=7)

    assert asked == Asked("Ray?", 3, ("b", "a"))


@pytest.mark.parametrize("length", [1, 4_000])
def test_the_longest_and_the_shortest_question_may_be_asked(length: int) -> None:
    question = "x" * length

    assert read_search(SearchRequest(question=question), default_k=7).question == question


@pytest.mark.parametrize(
    "question", ["", " \n\t\u3000", "?!", "\u200b", "x" * 4_001, "a\0", "a\ud800", None]
)
def test_s24_what_is_no_question_is_refused(question: str | None) -> None:
    with pytest.raises(BadQuestion):
        read_search(SearchRequest(question=question), default_k=7)


@pytest.mark.parametrize("k", [0, -1, 51])
def test_k_has_bounds(k: int) -> None:
    with pytest.raises(BadQuestion, match="`k`"):
        read_search(SearchRequest(question="Ray?", k=k), default_k=7)


VERSIONS = {"docs": "2.9", "new": "3.0"}


def test_a_version_is_the_sources_of_it() -> None:
    asked = read_query(QueryRequest(question="a", version="2.9"), default_k=7, versions=VERSIONS)

    assert asked.sources == ("docs",)


@pytest.mark.parametrize(
    ("version", "sources"), [("1.0", None), ("2.9", ("new",)), ("2.9", ("blog",)), ("2.9 ", None)]
)
def test_a_version_that_no_source_is_of_is_unknown(
    version: str, sources: tuple[str, ...] | None
) -> None:
    request = SearchRequest(question="a", version=version, in_=sources)

    with pytest.raises(UnknownVersion):
        read_search(request, default_k=7, versions=VERSIONS)


@pytest.mark.parametrize("version", ["", "a\0", "9" * 101])
def test_s24_what_is_no_version_is_refused(version: str) -> None:
    with pytest.raises(BadQuestion, match="`version`"):
        read_query(QueryRequest(question="a", version=version), default_k=7, versions=VERSIONS)


@pytest.mark.parametrize(
    "pattern", ["", "/", "./", " ", "a\0", "\ud800", "a" * 201, "*a" * 13, "?" * 13]
)
def test_s24_what_is_no_pattern_is_refused(pattern: str) -> None:
    with pytest.raises(BadQuestion, match="`path`"):
        read_search(SearchRequest(question="a", path=("ok", pattern)), default_k=7)


@pytest.mark.parametrize("given_", ["2FBBBFA", " 2fbbbfa", "folder:2fbbbfa"])
def test_a_commit_may_be_short_and_is_brought_into_one_form(given_: str) -> None:
    asked = read_query(QueryRequest(question="a", min_commit={"docs": given_}), default_k=7)

    assert asked.min_commit == {"docs": "2fbbbfa"}


@pytest.mark.parametrize(
    "commit", ["", "2fbbbf", "main", "2fbbbfg", "%", "2fbbbfa%", "'; --", "a" * 65, "2fbbbfa\0"]
)
def test_s24_what_is_no_commit_is_refused(commit: str) -> None:
    with pytest.raises(BadQuestion, match="min_commit"):
        read_search(SearchRequest(question="a", min_commit={"docs": commit}), default_k=7)


@pytest.mark.parametrize("source", ["", "a\0", "x" * 201])
def test_s24_what_is_no_source_of_a_commit_is_refused(source: str) -> None:
    with pytest.raises(BadQuestion, match="min_commit"):
        read_search(SearchRequest(question="a", min_commit={source: "c0ffee12"}), default_k=7)


def test_a_commit_of_a_source_that_is_not_looked_in_is_refused() -> None:
    request = QueryRequest(question="a", in_=("docs",), min_commit={"blog": "c0ffee12"})

    with pytest.raises(BadQuestion, match="not looked in"):
        read_query(request, default_k=7)


@given(st.text())
def test_whatever_gets_through_can_be_stored_and_sent(text: str) -> None:
    try:
        asked = read_search(SearchRequest(question=text), default_k=7)
    except BadQuestion:
        return

    assert asked.question.encode()
    assert "\0" not in asked.question
    assert asked.question == asked.question.strip()


@pytest.mark.parametrize("url", ["https://a.example/b.html", "a", "b#c"])
def test_an_address_loses_its_anchor(url: str) -> None:
    assert read_url(url) == url.split("#")[0]


@pytest.mark.parametrize("url", ["", "\0", "x" * 2_001, "#only"])
def test_what_is_no_address_is_refused(url: str) -> None:
    with pytest.raises(BadQuestion):
        read_url(url)
