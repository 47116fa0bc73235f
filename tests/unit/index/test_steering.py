"""Pages that count more or less: what a weight may do to a ranking, and what it may not."""

import asyncio
from collections.abc import Sequence
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from index.core.globs import Globs
from index.core.rank import (
    Candidate,
    ChunkKey,
    Ranked,
    RankWeights,
)
from index.core.steering import PathWeight, Steering, steering_of
from index.core.synonyms import synonyms_of
from index.handlers import Searcher, Within, search_index
from index.settings import PathSettings, RetrievalSettings
from schemas.errors import BadConfiguration
from schemas.ids import SourceName
from tests.support.found import FoundStore, some_vector
from tests.support.ranking import rank_page_first

DOCS = SourceName("docs")


def candidate(path: str, ordinal: int, *, cosine: float, lexical: float = 0.0) -> Candidate:
    return Candidate(
        key=ChunkKey(DOCS, path, ordinal),
        section=ordinal,
        url=f"https://x/{path}",
        title=path,
        heading_path=(path,),
        anchor="",
        text="Text.",
        commit="c0ffee",
        cosine=cosine,
        lexical=lexical,
    )


def steered(*pairs: tuple[str, float]) -> Steering:
    return Steering(tuple(PathWeight(Globs([match]), weight) for match, weight in pairs))


def ranked(found: Sequence[Candidate], steering: Steering | None = None) -> list[Ranked]:
    steering = steering or Steering()
    return rank_page_first(found, k=len(found), weights=RankWeights(), weight_of=steering.weight_of)


FOUND = st.lists(
    st.tuples(
        st.sampled_from(["a.md", "b.md", "old/c.md"]),
        st.integers(-100, 100),
        st.integers(0, 300),
    ),
    min_size=1,
    max_size=12,
).map(
    lambda rows: [
        candidate(path, n, cosine=near / 100, lexical=terms / 10)
        for n, (path, near, terms) in enumerate(rows)
    ]
)


@given(FOUND)
def test_a_weight_of_one_changes_nothing(found: list[Candidate]) -> None:
    assert ranked(found, steered(("**", 1.0))) == ranked(found)


@given(FOUND, st.sampled_from([0.1, 0.5, 0.9]))
def test_less_weight_never_means_a_higher_place(found: list[Candidate], weight: float) -> None:
    pages = [one.candidate.key.path for one in ranked(found)]
    after = [one.candidate.key.path for one in ranked(found, steered(("old/**", weight)))]

    if "old/c.md" in pages:
        assert after.index("old/c.md") >= pages.index("old/c.md")


def test_less_weight_puts_a_page_that_is_unlike_the_question_no_higher() -> None:
    found = [candidate("a.md", 0, cosine=-0.4), candidate("old/c.md", 1, cosine=-0.5)]

    pages = [one.candidate.key.path for one in ranked(found, steered(("old/**", 0.5)))]

    assert pages == ["a.md", "old/c.md"]


@given(FOUND, st.sampled_from([0.0, 0.25, 1.0, 3.0]))
def test_a_score_is_the_sum_of_its_parts(found: list[Candidate], weight: float) -> None:
    for one in ranked(found, steered(("old/*", weight))):
        assert one.score == one.parts.score


def test_half_the_weight_is_half_the_score_of_a_page() -> None:
    found = [candidate("old/c.md", n, cosine=0.8 - n / 10) for n in range(3)]

    whole, half = ranked(found), ranked(found, steered(("old/**", 0.5)))

    assert half[0].score == pytest.approx(whole[0].score / 2)
    assert half[0].parts.weight == 0.5


def test_the_first_pattern_that_matches_counts() -> None:
    steering = steered(("old/keep.md", 2.0), ("old/**", 0.5), ("**", 3.0))

    weights = [
        steering.weight_of(ChunkKey(DOCS, path, 0)) for path in ("old/keep.md", "old/x.md", "y.md")
    ]

    assert weights == [2.0, 0.5, 3.0]


def test_a_weight_may_be_of_one_source_only() -> None:
    settings = RetrievalSettings(paths=(PathSettings(match="**", weight=0.5, source="docs"),))

    steering = steering_of(settings)

    assert steering.weight_of(ChunkKey(DOCS, "a.md", 0)) == 0.5
    assert steering.weight_of(ChunkKey(SourceName("other"), "a.md", 0)) == 1.0


@pytest.mark.parametrize("match", ["legacy/[", "{a,b", " "])
def test_a_bad_pattern_is_refused_by_name(match: str) -> None:
    with pytest.raises(BadConfiguration, match="pattern"):
        steering_of(RetrievalSettings(paths=(PathSettings(match=match, weight=1.0),)))


def search(store: FoundStore, steering: Steering, question: str = "anything") -> list[str]:
    searcher = Searcher(store, some_vector, RankWeights(), 10, steering)
    found = asyncio.run(search_index(question, k=5, within=Within(), searcher=searcher))
    return [hit.title for hit in found.hits]


def test_hidden_pages_take_no_place_however_many_there_are() -> None:
    hidden = [candidate(f"old/{n}.md", n, cosine=0.9) for n in range(300)]
    shown = [candidate(f"{n}.md", n, cosine=0.5) for n in range(20)]
    store = FoundStore([*hidden, *shown])

    titles = search(store, steered(("old/**", 0.0)))

    assert titles == ["0.md", "1.md", "10.md", "11.md", "12.md"]
    assert store.limits == [10, 40, 160, 640]


def test_curated_answers_take_no_place_either_where_pages_are_hidden() -> None:
    curated = [
        replace(candidate(f"{n}.md", n, cosine=0.9), key=ChunkKey(SourceName("faq"), f"{n}.md", n))
        for n in range(20)
    ]
    hidden = [candidate(f"old/{n}.md", n, cosine=0.9) for n in range(20)]
    store = FoundStore([hidden[0], *curated, *hidden[1:], candidate("new.md", 0, cosine=0.5)])
    steering = replace(steered(("old/**", 0.0)), pinned=frozenset({SourceName("faq")}))

    assert search(store, steering) == ["new.md"]


def test_where_nothing_is_hidden_the_store_is_asked_once() -> None:
    store = FoundStore([candidate(f"old/{n}.md", n, cosine=0.9) for n in range(300)])

    search(store, steered(("old/**", 0.5)))

    assert store.limits == [10]


def test_the_store_is_asked_for_synonyms_after_the_questions_own_terms() -> None:
    store = FoundStore([])

    search(store, replace(Steering(), synonyms=synonyms_of([["k8s", "kubernetes"]])), "Run on k8s")

    assert store.terms == ("run", "k8s", "kubernet")
