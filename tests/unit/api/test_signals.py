"""Evidence: what the hits of a question say of how well they were found."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from api.core.signals import NO_EVIDENCE, evidence_of
from schemas.answers import Hit

NOW = datetime(2024, 1, 31, tzinfo=UTC)


def hit(
    page: str,
    score: float,
    *,
    similarity: float | None = 0.5,
    ranks: tuple[int | None, int | None] = (1, 1),
    committed_at: datetime | None = None,
) -> Hit:
    return Hit(
        url=f"https://x/{page}",
        title=page,
        section=page,
        anchor="",
        text="Text.",
        score=score,
        source="docs",
        commit="c0ffee",
        similarity=similarity,
        vector_rank=ranks[0],
        lexical_rank=ranks[1],
        committed_at=committed_at,
    )


def test_nothing_found_is_no_evidence() -> None:
    assert evidence_of([], now=NOW) == NO_EVIDENCE


def test_the_margin_is_to_the_next_page_and_not_to_the_next_chunk() -> None:
    evidence = evidence_of([hit("a", 0.9), hit("a", 0.8), hit("b", 0.5)], now=NOW)

    assert evidence.top_score == 0.9
    assert evidence.margin == pytest.approx(0.4)


def test_a_page_without_a_rival_is_ahead_by_all_it_has() -> None:
    evidence = evidence_of([hit("a", 0.9), hit("a", 0.8)], now=NOW)

    assert (evidence.margin, evidence.spread) == (0.9, 0.0)


def test_the_nearest_chunk_counts_wherever_it_stands() -> None:
    hits = [hit("a", 0.9, similarity=0.3), hit("b", 0.8, similarity=0.7)]

    assert evidence_of(hits, now=NOW).top_cosine == 0.7
    assert evidence_of([hit("a", 0.9, similarity=None)], now=NOW).top_cosine is None


@pytest.mark.parametrize(
    ("ranks", "agreement"),
    [
        ([(1, 1), (2, 9), (10, 10)], 1.0),
        ([(1, 11), (11, 1), (3, None)], 0.0),
        ([(None, 1), (None, 2), (None, 3)], 0.0),  # without vectors nothing can agree
        ([(1, 2), (2, None), (3, None), (4, 4)], 1 / 3),
    ],
)
def test_rankings_agree_where_both_have_the_first_hits_high(
    ranks: list[tuple[int | None, int | None]], agreement: float
) -> None:
    hits = [hit(str(n), 1 - n / 10, ranks=pair) for n, pair in enumerate(ranks)]

    assert evidence_of(hits, now=NOW).agreement == pytest.approx(agreement)


def test_the_spread_is_the_share_of_other_pages_nearly_as_good() -> None:
    hits = [hit("a", 1.0), hit("b", 0.95), hit("c", 0.9), hit("d", 0.5), hit("e", 0.4)]

    assert evidence_of(hits, now=NOW).spread == 0.5


@pytest.mark.parametrize(
    ("committed_at", "age"),
    [(NOW - timedelta(days=1.5), 1.5), (NOW + timedelta(days=1), 0.0), (None, None)],
)
def test_the_age_is_that_of_the_best_hit_and_never_below_0(
    committed_at: datetime | None, age: float | None
) -> None:
    hits = [hit("a", 0.9, committed_at=committed_at), hit("b", 0.8, committed_at=NOW)]

    assert evidence_of(hits, now=NOW).age_days == age


@given(
    st.lists(
        st.tuples(st.sampled_from("abc"), st.floats(0, 2), st.floats(-1, 1), st.integers(1, 200)),
        min_size=1,
        max_size=20,
    )
)
def test_shares_are_shares_whatever_is_found(
    found: list[tuple[str, float, float, int]],
) -> None:
    ordered = sorted(found, key=lambda one: -one[1])
    hits = [hit(page, score, similarity=near, ranks=(n, n)) for page, score, near, n in ordered]

    evidence = evidence_of(hits, now=NOW)

    assert 0 <= evidence.agreement <= 1
    assert 0 <= evidence.spread <= 1
    assert 0 <= evidence.margin <= evidence.top_score
