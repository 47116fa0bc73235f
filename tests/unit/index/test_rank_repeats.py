"""Several versions of one section take one place, different sections keep theirs, and no place stays empty."""

from dataclasses import replace
from functools import partial

import pytest
from hypothesis import given
from hypothesis import strategies as st

from index.core.alike import likeness, shingles_of, telling_words
from index.core.rank import Candidate, Ranked, RankWeights
from tests.support import candidates as support
from tests.support.ranking import rank_page_first

_LONG = "A deployment is a group of replicas that serve requests behind one name and scale with their number."
_EDITIONS = ("one", "two", "three")
_texts = st.text(alphabet="ab c\n.", max_size=40)


candidate = partial(support.candidate, title="Deployments", text=_LONG)
candidates = st.lists(
    st.tuples(st.sampled_from(["A", "B"]), _texts, st.floats(0, 1)), max_size=12
).map(
    lambda rows: [
        candidate(f"{n}.md", cosine, title=title, text=text)
        for n, (title, text, cosine) in enumerate(rows)
    ]
)

weights = RankWeights()


def paths(found: list[Candidate], *, k: int, alike: float = 0.8) -> list[str]:
    ranked = rank_page_first(found, k=k, weights=replace(weights, alike=alike))
    return [one.candidate.key.path for one in ranked]


def test_the_best_of_several_versions_leaves_room_for_another_page() -> None:
    versions = [
        candidate(f"v{n}/a.md", 0.9 - n / 100, text=f"{_LONG} Edition {name}.")
        for n, name in enumerate(_EDITIONS)
    ]
    other = candidate("b.md", 0.5, text="Nothing of the sort.")

    assert paths([*versions, other], k=2) == ["v0/a.md", "b.md"]
    assert paths([*versions, other], k=2, alike=1.1) == ["v0/a.md", "v1/a.md"]


def test_one_docstring_of_several_classes_keeps_its_places() -> None:
    found = [candidate("a.html", 0.9, title="A.stop"), candidate("b.html", 0.8, title="B.stop")]

    assert paths(found, k=2) == ["a.html", "b.html"]


@given(candidates, st.integers(1, 12), st.floats(0.01, 1))
def test_repeats_have_a_place_only_where_no_other_chunk_wants_it(
    found: list[Candidate], k: int, least: float
) -> None:
    kept = rank_page_first(found, k=k, weights=replace(weights, alike=least))
    every = rank_page_first(found, k=len(found), weights=replace(weights, alike=2))

    def repeats(one: Candidate, other: Candidate) -> bool:
        runs = shingles_of(one.text), shingles_of(other.text)
        same = telling_words(one.text) == telling_words(other.text)
        return one.title == other.title and same and likeness(*runs) >= least

    places = [every.index(one) for one in kept]
    assert places == sorted(places)
    assert len(kept) == min(k, len(found))
    others: list[Ranked] = []
    for one in every:
        if not any(repeats(one.candidate, better.candidate) for better in others):
            others.append(one)
    assert [one for one in kept if one in others] == others[:k]
    if len(others) >= k:
        assert kept == others[:k]


@given(candidates, st.integers(1, 12))
def test_above_one_nothing_is_left_out(found: list[Candidate], k: int) -> None:
    assert len(paths(found, k=k, alike=1.01)) == min(k, len(found))


@given(_texts, _texts)
def test_likeness_is_a_share_and_the_same_both_ways(one: str, other: str) -> None:
    left, right = shingles_of(one), shingles_of(other)

    assert 0 <= likeness(left, right) <= 1
    assert likeness(left, right) == likeness(right, left)
    assert likeness(left, left) == (1.0 if left else 0.0)


@pytest.mark.parametrize(
    ("one", "other", "alike"),
    [
        (_LONG, _LONG.upper().replace(" ", "\n"), True),
        (_LONG, f"{_LONG} In short.", True),
        (_LONG, "Replicas serve requests behind one name.", False),
    ],
)
def test_alike_are_texts_that_say_the_same_in_the_same_words(
    one: str, other: str, alike: bool
) -> None:
    assert (likeness(shingles_of(one), shingles_of(other)) >= weights.alike) is alike


@pytest.mark.parametrize(
    "other",
    [
        _LONG.replace("one name", "2 names"),
        _LONG.replace("serve", "do not serve"),
        _LONG.replace("scale", "scale --never"),
        _LONG.replace("replicas", "num_replicas"),
        _LONG.replace("requests", "HttpRequests"),
    ],
)
def test_another_number_name_or_negation_makes_another_answer(other: str) -> None:
    found = [candidate("v1/a.md", 0.9), candidate("v2/a.md", 0.8, text=other)]

    assert paths([*found, candidate("b.md", 0.7, text="Else.")], k=2) == ["v1/a.md", "v2/a.md"]


def test_sections_below_other_headings_keep_their_places() -> None:
    one, other = (
        replace(candidate(f"{name}.md", 0.9), heading_path=("Deployments", name))
        for name in ("connect", "read")
    )

    assert paths([one, other, candidate("b.md", 0.1, text="Else.")], k=2) == [
        "connect.md",
        "read.md",
    ]
