"""Explanations: they are the values that a ranking was made of, and name what was kept from it."""

import asyncio

import pytest
from hypothesis import given
from hypothesis import strategies as st

from index.core.rank import Candidate, ChunkKey, RankWeights
from index.core.steering import Steering, steering_of
from index.handlers import Searcher, Within, search_index
from index.settings import PathSettings, RetrievalSettings
from schemas.answers import LeftOutReason, SearchResponse
from schemas.ids import SourceName
from tests.support.found import FoundStore, no_vector, some_vector

DOCS, FAQ = SourceName("docs"), SourceName("faq")
SETTINGS = RetrievalSettings(
    paths=(PathSettings(match="old/**", weight=0.5), PathSettings(match="gone/**", weight=0)),
    synonyms=(("k8s", "Kubernetes"),),
)
QUESTION = "How do I renew my k8s licence?"


def candidate(
    path: str,
    ordinal: int,
    *,
    cosine: float = 0.5,
    lexical: float = 0.0,
    source: SourceName = DOCS,
    heading: str = "A",
    text: str = "Text.",
    anchor: str = "a",
) -> Candidate:
    return Candidate(
        key=ChunkKey(source, path, ordinal),
        section=ordinal,
        url=f"https://x/{path}",
        title="T",
        heading_path=("T", heading),
        anchor=anchor,
        text=text,
        commit="c0ffee",
        cosine=cosine,
        lexical=lexical,
    )


def search(
    found: list[Candidate],
    *,
    steering: Steering | None = None,
    has_vectors: bool = True,
    question: str = QUESTION,
    k: int = 10,
) -> SearchResponse:
    steering = steering or steering_of(SETTINGS, ["faq"])
    embed = some_vector if has_vectors else no_vector
    searcher = Searcher(FoundStore(found), embed, RankWeights(), 100, steering)
    return asyncio.run(search_index(question, k=k, within=Within(), searcher=searcher))


CANDIDATES = st.lists(
    st.tuples(
        st.sampled_from(["a.md", "old/b.md", "gone/c.md"]),
        st.integers(-100, 100),
        st.integers(0, 300),
    ),
    max_size=12,
).map(
    lambda rows: [
        candidate(path, n, cosine=near / 100, lexical=terms / 10, text=f"Text {n}.")
        for n, (path, near, terms) in enumerate(rows)
    ]
)


@given(CANDIDATES)
def test_the_parts_that_are_told_make_the_score(found: list[Candidate]) -> None:
    response = search(found)

    for hit in response.hits:
        why = hit.why
        assert why is not None
        fused = why.cosine + why.lexical + why.exact_bonus
        weighted = fused * why.path_weight if fused >= 0 else fused / why.path_weight
        assert hit.score == pytest.approx(weighted + why.page_bonus + why.pinned_bonus)
        assert why.lexical == pytest.approx(0.5 * why.lexical_share)
        assert 0 <= why.lexical_share <= 1


@given(CANDIDATES)
def test_what_is_found_is_ranked_or_left_out_and_never_both(found: list[Candidate]) -> None:
    response = search(found)
    assert response.explanation is not None

    ranked = {hit.why.path for hit in response.hits if hit.why}
    left_out = {one.path for one in response.explanation.left_out}

    assert ranked | left_out == {one.key.path for one in found}
    assert not ranked & left_out
    assert left_out <= {"gone/c.md"}


def test_a_hit_names_the_synonyms_it_was_found_by_and_the_weight_of_its_path() -> None:
    response = search([candidate("old/b.md", 0, text="Kubernetes renews it.")])

    (hit,) = response.hits
    assert hit.why is not None
    assert hit.why.synonyms == ("kubernet",)
    assert hit.why.path_weight == 0.5
    assert response.explanation is not None
    assert response.explanation.synonyms == ("kubernet",)
    assert "k8s" in response.explanation.terms


def test_a_curated_answer_says_how_alike_the_questions_are() -> None:
    found = [
        candidate("a.md", 0, cosine=0.9, text="Other text."),
        candidate("q.md", 1, source=FAQ, heading="How do I renew a Kubernetes licence?"),
        candidate("q.md", 2, source=FAQ, heading="How do I sell a licence?"),
    ]

    response = search(found)

    first, second = response.hits
    assert first.why is not None
    assert second.why is not None
    assert (first.pinned, first.why.likeness) == (True, 1.0)
    assert (second.pinned, second.why.likeness) == (False, None)
    assert response.explanation is not None
    (left_out,) = response.explanation.left_out
    assert left_out.reason is LeftOutReason.NOT_ASKED
    assert left_out.section == "T › How do I sell a licence?"
    assert 0 < (left_out.likeness or 0) < 1


def test_what_a_source_has_no_place_for_is_told() -> None:
    found = [
        candidate(f"{n}.md", n, cosine=0.9 - n / 100, source=DOCS, text=f"Text {n}.")
        for n in range(4)
    ]
    other = candidate("z.md", 9, cosine=0.1, source=SourceName("other"))
    searcher = Searcher(
        FoundStore([*found, other]), some_vector, RankWeights(), 100, Steering(), {DOCS: 2}
    )

    response = asyncio.run(search_index("Why?", k=3, within=Within(), searcher=searcher))

    assert [hit.url for hit in response.hits] == ["https://x/0.md", "https://x/1.md", other.url]
    assert response.explanation is not None
    assert [(one.path, one.reason) for one in response.explanation.left_out] == [
        ("2.md", LeftOutReason.CAPPED),
        ("3.md", LeftOutReason.CAPPED),
    ]


def test_what_a_page_has_no_place_for_is_told_where_it_is_better_than_what_has_one() -> None:
    near = [
        candidate("a.md", n, anchor=f"s{n}", cosine=0.9 - n / 100, text=f"Text {n}.")
        for n in range(4)
    ]
    far = candidate("a.md", 4, anchor="s4", cosine=0.1, text="Text 4.")
    again = candidate("a.md", 5, anchor="s0", cosine=0.8, text="Text 5.")
    others = [candidate(f"{n}.md", n, cosine=0.5, text=f"Of {n}.") for n in range(6)]

    response = search([*near, far, again, *others], k=8)

    assert response.explanation is not None
    assert [(one.url, one.reason) for one in response.explanation.left_out] == [
        ("https://x/a.md#s2", LeftOutReason.PAGE_FULL),
        ("https://x/a.md#s3", LeftOutReason.PAGE_FULL),
    ]


def test_what_a_page_has_no_place_for_is_told_where_places_are_free() -> None:
    found = [
        candidate("a.md", n, anchor=f"s{n}", cosine=-0.1 * n, text=f"Text {n}.") for n in range(3)
    ]

    response = search(found, k=3)

    assert response.explanation is not None
    assert [one.url for one in response.explanation.left_out] == ["https://x/a.md#s2"]


def test_what_says_the_same_as_a_better_one_is_told() -> None:
    found = [
        candidate("v2/a.md", 0, cosine=0.9, text="It renews itself every night."),
        candidate("v1/a.md", 1, cosine=0.8, text="It renews itself every night."),
        candidate("b.md", 2, cosine=0.7, text="Licences are sold elsewhere."),
    ]

    response = search(found, k=2)

    assert [hit.url for hit in response.hits] == ["https://x/v2/a.md", "https://x/b.md"]
    assert response.explanation is not None
    (left_out,) = response.explanation.left_out
    assert (left_out.path, left_out.reason) == ("v1/a.md", LeftOutReason.REPEATS)


def test_a_section_that_the_question_names_says_what_that_adds() -> None:
    response = search([candidate("a.md", 0, heading="renew_licence()")], question="renew_licence?")

    (hit,) = response.hits
    assert hit.why is not None
    assert hit.why.exact_bonus > 0


def test_without_vectors_only_the_words_count() -> None:
    response = search([candidate("a.md", 0, cosine=0.0, lexical=3.0)], has_vectors=False)

    (hit,) = response.hits
    assert (hit.vector_rank, hit.lexical_rank) == (None, 1)
    assert hit.why is not None
    assert hit.why.cosine == 0.0
