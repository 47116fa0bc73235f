"""Evidence grows with what the hits say about the question and never leaves 0 to 1."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from api.core.evidence import evidence, hit_terms, rarity
from index.core.asking import asked_terms
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


def weighed(question: str, found: list[Hit], *ranks: int) -> float:
    """The evidence of quoting the whole of some hits, the first where none is named."""
    chosen = ranks or range(min(1, len(found)))
    return evidence(question, found, {rank: hit_terms(found[rank]) for rank in chosen})


similarities = st.none() | st.floats(-1, 1)
hits = st.lists(st.builds(hit, st.text(max_size=40), similarities), max_size=6)


@given(st.text(max_size=60), hits)
def test_evidence_is_a_share(question: str, found: list[Hit]) -> None:
    assert 0 <= weighed(question, found) <= 1


@given(hits.filter(bool), st.floats(-1, 1), st.floats(-1, 1))
def test_a_nearer_chunk_is_no_weaker_weighed(found: list[Hit], one: float, other: float) -> None:
    far, near = sorted((one, other))
    weights = [
        weighed("autoscaling replicas", [hit(found[0].text, similarity), *found[1:]])
        for similarity in (far, near)
    ]

    assert weights[0] <= weights[1]


@pytest.mark.parametrize("similarity", [None, 0.5])
def test_rare_words_are_stronger_evidence_than_common_ones(similarity: float | None) -> None:
    common = [hit("Ray clusters."), hit("Ray clusters run."), hit("A Ray cluster.")]

    with_rare = weighed(
        "Ray cluster placement", [hit("Placement in Ray clusters.", similarity), *common]
    )
    without = weighed("Ray cluster placement", [hit("Nodes in Ray clusters.", similarity), *common])

    assert with_rare > without + 0.1


def test_what_is_not_quoted_makes_a_quote_no_nearer() -> None:
    found = [hit("Replicas are workers.", 0.9), hit("Replicas restart.", 0.3)]

    assert weighed("Do replicas restart?", found, 1) < weighed("Do replicas restart?", found, 0)
    assert weighed("Do replicas restart?", found, 0) < weighed("Do replicas restart?", found, 0, 1)


@given(st.text(max_size=60), hits)
def test_nothing_quoted_is_no_evidence(question: str, found: list[Hit]) -> None:
    assert evidence(question, found, {}) == 0.0


def test_words_of_asking_carry_no_subject() -> None:
    assert asked_terms("How can I use replicas, please?") == asked_terms("replicas")


def test_a_question_of_such_words_alone_keeps_them() -> None:
    assert asked_terms("use need") != ()


def test_a_rarer_term_weighs_more() -> None:
    weights = rarity(["a", "b", "c"], [frozenset("a"), frozenset("ab")])

    assert 0 < weights["a"] < weights["b"] < weights["c"]
