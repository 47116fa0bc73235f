"""Evidence grows with what the hits say about the question and never leaves 0 to 1."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from api.core.evidence import asked_terms, evidence, rarity
from schemas.answers import Hit


def hit(text: str, similarity: float | None = None) -> Hit:
    return Hit(
        url="https://docs.example.org/a.html",
        title="",
        section="",
        anchor="",
        text=text,
        score=0.0,
        source="docs",
        commit="c0ffee",
        similarity=similarity,
    )


similarities = st.none() | st.floats(-1, 1)
hits = st.lists(st.builds(hit, st.text(max_size=40), similarities), max_size=6)


@given(st.text(max_size=60), hits)
def test_evidence_is_a_share(question: str, found: list[Hit]) -> None:
    assert 0 <= evidence(question, found) <= 1


@given(hits.filter(bool), st.floats(-1, 1), st.floats(-1, 1))
def test_a_nearer_chunk_is_no_weaker_evidence(found: list[Hit], one: float, other: float) -> None:
    far, near = sorted((one, other))
    weights = [
        evidence("autoscaling replicas", [hit(found[0].text, similarity), *found[1:]])
        for similarity in (far, near)
    ]

    assert weights[0] <= weights[1]


@pytest.mark.parametrize("similarity", [None, 0.5])
def test_rare_words_are_stronger_evidence_than_common_ones(similarity: float | None) -> None:
    common = [hit("Ray clusters."), hit("Ray clusters run."), hit("A Ray cluster.")]

    with_rare = evidence(
        "Ray cluster placement", [hit("Placement in Ray clusters.", similarity), *common]
    )
    without = evidence(
        "Ray cluster placement", [hit("Nodes in Ray clusters.", similarity), *common]
    )

    assert with_rare > without + 0.1


def test_no_hits_are_no_evidence() -> None:
    assert evidence("anything", []) == 0.0


def test_words_of_asking_carry_no_subject() -> None:
    assert asked_terms("How can I use replicas, please?") == asked_terms("replicas")


def test_a_question_of_such_words_alone_keeps_them() -> None:
    assert asked_terms("use need") != ()


def test_a_rarer_term_weighs_more() -> None:
    weights = rarity(["a", "b", "c"], [frozenset("a"), frozenset("ab")])

    assert 0 < weights["a"] < weights["b"] < weights["c"]
