"""What a docs team steers, over a real index: topics, weights of paths, synonyms, curated answers."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from index.adapters.postgres.server import EmbeddedServer
from tests.support.program import Program, a_program
from tests.support.repository import page
from tests.support.warm import Warm

SOURCES = """
[[source]]
name = "docs"
kind = "folder"
location = "docs"
url = "https://docs.example/{stem}.html"

[[source]]
name = "faq"
kind = "folder"
location = "faq"
url = "https://faq.example/{stem}.html"
pinned = true
"""
DOCS = {
    "apples": ("Apples are red when they are ripe.", "Keep apples in a cool cellar."),
    "legacy/apples": ("Apples were kept in barrels of straw.", "Keep apples in a cool barrel."),
    "kubernetes": ("Run the press on Kubernetes with three replicas.",),
    "licences": ("A licence for the press costs nothing for schools.",),
}
FAQ = """# Questions

## How do I renew my licence?

Write to the orchard desk. It takes:

- one day in summer
- two days in winter

## Who may enter the cellar?

Only the cellarer.
"""


@pytest.fixture(scope="module")
def program(tmp_path_factory: pytest.TempPathFactory, warm: Warm) -> Iterator[Program]:
    """Docs with a legacy part and curated answers, indexed; the database runs all along."""
    with a_program(tmp_path_factory.mktemp("steering"), warm=warm) as program:
        for name, paragraphs in DOCS.items():
            write(program.folder / "docs" / f"{name}.md", page(name.title(), *paragraphs))
        write(program.folder / "faq" / "questions.md", FAQ)
        program.configure(SOURCES)
        server = EmbeddedServer.start(program.home, lambda line: None)
        try:
            program.done("index")
            yield program
        finally:
            server.close()


def write(file: Path, text: str) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text, "utf-8")


def steered(program: Program, text: str = "") -> Program:
    program.configure(f"{text}\n{SOURCES}")
    return program


def pages(found: Any) -> list[str]:
    return [hit["url"] for hit in found["hits"]]


APPLES, LEGACY = "https://docs.example/apples.html", "https://docs.example/legacy/apples.html"
KEEP = "Where do I keep apples?"


def test_a_refused_topic_says_so_and_where_else_to_ask(program: Program) -> None:
    answer = '[answer]\nrefuse_topics = ["licence costs"]\nfallback_url = "https://forum.example"'

    told = steered(program, answer).done("ask", "What does a LICENCE cost?")

    assert told["refused"]
    assert told["answer"] == (
        "Questions about “licence costs” are not answered here."
        " You can ask here: <https://forum.example>"
    )
    assert (told["sources"], told["fallback_url"]) == ([], "https://forum.example")
    assert set(told["as_of"]) == {"docs", "faq"}


def test_what_the_docs_do_not_say_is_refused_in_the_language_that_is_set(program: Program) -> None:
    answer = '[answer]\nlanguage = "de"\nfallback_url = "https://forum.example"'

    told = steered(program, answer).done("ask", "Which planet has the most moons?")

    assert told["refused"]
    assert told["answer"].startswith("Die Dokumentation beantwortet diese Frage nicht.")
    assert told["sources"]


@pytest.mark.parametrize(("weight", "first"), [(1.0, LEGACY), (0.5, APPLES)])
def test_a_weight_decides_between_two_pages_that_say_the_same(
    weight: float, first: str, program: Program
) -> None:
    paths = f'[retrieval]\npaths = [{{ match = "legacy/**", weight = {weight} }}]'

    found = steered(program, paths).done("search", "Apples kept in barrels")

    assert {APPLES, LEGACY} <= set(pages(found))
    assert next(url for url in pages(found) if url in (APPLES, LEGACY)) == first


def test_a_weight_of_nothing_hides_a_page_from_answers_and_not_from_verify(
    program: Program,
) -> None:
    steered(program, '[retrieval]\npaths = [{ match = "legacy/**", weight = 0 }]')

    found, answer = program.done("search", KEEP), program.done("ask", KEEP)
    verified = {report["source"]: report for report in program.done("verify")}

    assert LEGACY not in pages(found)
    assert "barrel" not in answer["answer"]
    assert "cellar" in answer["answer"]
    assert verified["docs"]["ok"]
    assert verified["docs"]["pages"] == len(DOCS)


def test_a_synonym_finds_and_answers_what_the_docs_call_otherwise(program: Program) -> None:
    question = "qubie replicas"

    plain = steered(program).done("search", question)
    synonyms = '[retrieval]\nsynonyms = [["qubie", "Kubernetes"]]'
    found = steered(program, synonyms).done("search", question)
    answer = program.done("ask", question)

    assert found["hits"][0]["url"] == "https://docs.example/kubernetes.html"
    assert found["hits"][0]["lexical"] > plain["hits"][0]["lexical"]
    assert "three replicas" in answer["answer"]


def test_a_curated_answer_is_given_when_its_question_is_asked(program: Program) -> None:
    steered(program)

    found = program.done("search", "how can I renew a licence")
    answer = program.done("ask", "how can I renew a licence")

    assert found["hits"][0]["pinned"]
    assert answer["sources"] == ["https://faq.example/questions.html#how-do-i-renew-my-licence"]
    for said in ("Write to the orchard desk.", "one day in summer", "two days in winter"):
        assert said in answer["answer"]
    assert answer["route"]["reason"] == "a curated answer to the question is at hand"


@pytest.mark.parametrize("question", ["What does a licence cost?", "How do I cancel my licence?"])
def test_a_curated_answer_that_is_not_asked_for_is_not_given(
    question: str, program: Program
) -> None:
    steered(program)

    found, answer = program.done("search", question), program.done("ask", question)

    assert not any(hit.get("pinned") or hit["source"] == "faq" for hit in found["hits"])
    assert "orchard desk" not in answer["answer"]


def test_status_shows_what_is_configured_as_a_hash(program: Program) -> None:
    plain = steered(program).done("status")["config_hash"]
    other = steered(program, '[answer]\nlanguage = "de"').done("status")["config_hash"]
    same = steered(program, '[answer]\ncached = 7\nlanguage = "de"')

    assert plain != other
    assert same.done("status")["config_hash"] == other
    assert f"configuration {other}" in same.run("status").out


def test_an_explanation_says_what_steered_each_section(program: Program) -> None:
    steered(
        program,
        """
        [retrieval]
        paths = [{ match = "legacy/**", weight = 0 }, { match = "apples.md", weight = 2 }]
        synonyms = [["store", "keep"]]
        """,
    )

    told = program.done("ask", "Where do I store apples?", "--explain")
    shown = program.run("ask", "Where do I store apples?", "--explain").out

    first = told["explanation"]["hits"][0]
    assert first["url"] == APPLES
    assert first["why"]["path_weight"] == 2.0
    assert first["why"]["synonyms"] == ["keep"]
    fused = first["why"]["cosine"] + first["why"]["lexical"]
    assert first["score"] == pytest.approx(2 * fused + first["why"].get("page_bonus", 0.0))
    assert ("legacy/apples.md", "hidden") in {
        (one["path"], one["reason"]) for one in told["explanation"]["left_out"]
    }
    assert "x2" in shown
    assert "by synonyms: keep" in shown
    assert "the weight of its path hides it" in shown
    assert "explanation" not in program.done("ask", "Where do I store apples?")
