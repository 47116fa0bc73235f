"""Where a chunk stands in both rankings by themselves."""

from random import Random

from hypothesis import given
from hypothesis import strategies as st

from index.core.rank import Candidate, ChunkKey, Standing, standings_of
from schemas.ids import SourceName


def candidate(ordinal: int, *, cosine: float, lexical: float) -> Candidate:
    return Candidate(
        key=ChunkKey(SourceName("docs"), "a.md", ordinal),
        section=0,
        url="https://x/a",
        title="A",
        heading_path=("A",),
        anchor="",
        text="Text.",
        commit="c0ffee",
        cosine=cosine,
        lexical=lexical,
    )


def test_each_ranking_counts_from_its_own_best() -> None:
    near, matching, neither = (
        candidate(0, cosine=0.9, lexical=0.0),
        candidate(1, cosine=0.5, lexical=7.0),
        candidate(2, cosine=0.1, lexical=3.0),
    )

    standings = standings_of([neither, near, matching], has_vectors=True)

    assert standings[near.key] == Standing(1, None)
    assert standings[matching.key] == Standing(2, 1)
    assert standings[neither.key] == Standing(3, 2)


@given(st.lists(st.tuples(st.floats(-1, 1), st.floats(0, 30)), max_size=20), st.randoms())
def test_places_are_a_count_whatever_the_order(
    values: list[tuple[float, float]], random: Random
) -> None:
    found = [candidate(n, cosine=near, lexical=terms) for n, (near, terms) in enumerate(values)]
    shuffled = list(found)
    random.shuffle(shuffled)

    standings = standings_of(shuffled, has_vectors=True)

    assert standings == standings_of(found, has_vectors=True)
    assert sorted(one.vectors or 0 for one in standings.values()) == [*range(1, len(found) + 1)]
    places = sorted(one.lexical for one in standings.values() if one.lexical is not None)
    assert places == [*range(1, sum(one.lexical > 0 for one in found) + 1)]


def test_without_vectors_only_terms_rank() -> None:
    found = [candidate(0, cosine=0.0, lexical=1.0), candidate(1, cosine=0.0, lexical=2.0)]

    standings = standings_of(found, has_vectors=False)

    assert [standings[one.key] for one in found] == [Standing(None, 2), Standing(None, 1)]
