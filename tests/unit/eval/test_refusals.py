"""A threshold refuses what is below it, no more than it may, and an AUROC counts the pairs that it orders."""

from itertools import product

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from eval.core.refusals import auroc, refused_share, threshold_for

weights = st.lists(st.integers(0, 20).map(lambda n: n / 20), min_size=1, max_size=30)


@given(weights, st.sampled_from([0.0, 0.05, 0.3]))
def test_a_chosen_threshold_refuses_no_more_than_it_may(scores: list[float], most: float) -> None:
    threshold = threshold_for(scores, most_refused=most)

    assert refused_share(scores, threshold).share <= most
    higher = [score for score in scores if score > threshold]
    assert not higher or refused_share(scores, min(higher)).share > most


@given(weights, weights)
def test_a_higher_threshold_refuses_no_less(scores: list[float], thresholds: list[float]) -> None:
    shares = [refused_share(scores, one).share for one in sorted(thresholds)]

    assert shares == sorted(shares)


@settings(max_examples=15, deadline=None)
@given(weights, weights)
def test_an_auroc_is_the_share_of_pairs_in_order(ours: list[float], theirs: list[float]) -> None:
    value, (low, high) = auroc(ours, theirs)
    pairs = [(a > b) + (a == b) / 2 for a, b in product(ours, theirs)]

    assert value == pytest.approx(sum(pairs) / len(pairs))
    assert 0 <= low <= high <= 1
    assert auroc(theirs, ours)[0] == pytest.approx(1 - value)
