"""Terms that mean the same: what a question is looked for by, and as what it is read."""

from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from index.core.synonyms import synonyms_of, variants_of, widened_terms
from index.core.terms import terms_of
from schemas.errors import BadConfiguration

GROUPS = synonyms_of(
    [["k8s", "Kubernetes"], ["OOM", "out of memory", "memory exhaustion"], ["node", "machine"]]
)
WORDS = st.lists(
    st.sampled_from(
        ["how", "do", "I", "run", "K8s", "kubernetes", "out", "of", "memory", "nodes", "?"]
    ),
    min_size=1,
    max_size=8,
)


@pytest.mark.parametrize(
    ("question", "added"),
    [
        ("How do I run it on k8s?", {"kubernet"}),
        ("KUBERNETES clusters", {"k8s"}),
        ("my task ran out of memory", {"oom", "exhaust"}),
        ("what is an oom", {"out", "memori", "exhaust"}),
        ("how much memory is out there", set()),
        ("what is a task", set()),
        ("nodes of k8s", {"machin", "kubernet"}),
    ],
)
def test_a_question_is_looked_for_by_all_that_means_the_same(
    question: str, added: set[str]
) -> None:
    assert set(widened_terms(question, GROUPS)) == added


@given(WORDS)
def test_what_is_added_is_never_the_questions_own(words: Sequence[str]) -> None:
    question = " ".join(words)

    added = widened_terms(question, GROUPS)

    assert not set(added) & set(terms_of(question))
    assert len(set(added)) == len(added)


@given(WORDS)
def test_without_synonyms_a_question_stays_as_it_is(words: Sequence[str]) -> None:
    question = " ".join(words)

    assert widened_terms(question, ()) == ()
    assert variants_of(question, ()) == (question,)


@given(WORDS)
def test_the_order_of_groups_and_entries_adds_the_same_terms(words: Sequence[str]) -> None:
    turned = tuple(tuple(reversed(group)) for group in reversed(GROUPS))

    assert set(widened_terms(" ".join(words), GROUPS)) == set(
        widened_terms(" ".join(words), turned)
    )


def test_a_question_is_read_in_every_way_that_means_the_same() -> None:
    assert variants_of("Why out of memory, on k8s?", GROUPS) == (
        "Why out of memory, on k8s?",
        "Why out of memory, on Kubernetes?",
        "Why OOM, on k8s?",
        "Why memory exhaustion, on k8s?",
    )


@given(WORDS)
def test_a_question_comes_first_among_few_ways_to_read_it(words: Sequence[str]) -> None:
    question = " ".join(words)

    variants = variants_of(question, GROUPS, most=3)

    assert variants[0] == question
    assert len(set(variants)) == len(variants) <= 3


@pytest.mark.parametrize(
    ("group", "named"),
    [
        ([], "two terms"),
        (["k8s"], "two terms"),
        (["k8s", "the"], "'the'"),
        (["k8s", ""], "''"),
        (["node", "Nodes"], "'Nodes' stands twice"),
    ],
)
def test_a_group_that_means_nothing_is_refused_by_name(group: Sequence[str], named: str) -> None:
    with pytest.raises(BadConfiguration, match=named):
        synonyms_of([group])
