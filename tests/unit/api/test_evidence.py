"""Evidence grows with what the hits say about the question and never leaves 0 to 1."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from api.core.evidence import evidence, found_for, hit_terms, rarity, subject_of
from index.core.asking import asked_terms
from schemas.answers import Hit


def hit(text: str, similarity: float | None = None, *, section: str = "") -> Hit:
    return Hit(
        url="https://docs.example.org/a.html",
        title="",
        section=section,
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
    return evidence(found_for(question, found), {rank: hit_terms(found[rank]) for rank in chosen})


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
    assert evidence(found_for(question, found), {}) == 0.0


def test_words_of_asking_carry_no_subject() -> None:
    assert asked_terms("How can I use replicas, please?") == asked_terms("replicas")


def test_a_question_of_such_words_alone_keeps_them() -> None:
    assert asked_terms("use need") != ()


def test_a_rarer_term_weighs_more() -> None:
    weights = rarity(["a", "b", "c"], [frozenset("a"), frozenset("ab")])

    assert 0 < weights["a"] < weights["b"] < weights["c"]


@pytest.mark.parametrize(
    "question",
    [
        "How much does Velum cost?",
        "Who is the CEO of Velum?",
        "Does Velum run on Kubernetes?",
        "Is there a mobile app of Velum?",
    ],
)
def test_a_name_that_pages_share_is_no_evidence_for_what_none_of_them_says(question: str) -> None:
    found = [hit(f"Velum {text}.", 0.65) for text in ("relays mail", "is free", "keeps a log")]

    assert weighed(question, found) < 0.35 < weighed("What is Velum?", found)


@given(st.floats(-1, 1))
def test_a_rare_word_that_nothing_holds_counts_against(similarity: float) -> None:
    found = [hit("A queue hands out messages.", similarity), hit("Messages wait.", 0.1)]

    assert weighed("Which messages wait in Peru?", found) < weighed("Which messages wait?", found)


def test_several_words_in_one_text_make_up_for_those_that_nothing_holds() -> None:
    found = [hit("Replicas of a deployment restart on a failed health check.", 0.65)]
    chatty = (
        "Frankly puzzled here: do replicas of a deployment restart when the health check barfs?"
    )

    assert weighed(chatty, found) > 0.5


def test_a_heading_that_the_question_names_is_as_near_as_the_part_of_it_that_it_is() -> None:
    other = [hit("Queues were renamed."), hit("Nothing else.")]
    changes = hit("A leak is fixed.", 0.25, section="Changelog › 3.1")
    later = hit("A leak is fixed.", 0.25, section="Changelog › 3.1 and later")

    named = weighed("What changed in version 3.1?", [changes, *other])

    assert named > weighed("What changed in version 3.1?", [later, *other]) + 0.1
    assert named > weighed("How do version 3.1 certificates look?", [changes, *other]) + 0.1


@pytest.mark.parametrize(
    ("question", "text"),
    [
        ("Can I undo the migration?", "The migration cannot be undone."),
        ("How accurate is it?", "The accuracy is 5 %."),
        ("What changed?", "See the changelog."),
        ("Where are statistics?", "GET stats"),
    ],
)
def test_a_word_is_said_where_another_form_of_it_is(question: str, text: str) -> None:
    terms = hit_terms(hit(text))

    assert subject_of(question, [terms]).share(terms) == 1


@pytest.mark.parametrize(
    ("question", "text"),
    [("What is a report?", "A rep resigned."), ("Is it contained?", "It is contagious.")],
)
def test_words_that_begin_alike_are_not_the_same(question: str, text: str) -> None:
    terms = hit_terms(hit(text))

    assert subject_of(question, [terms]).share(terms) < 1
