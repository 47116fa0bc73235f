"""Figures of routing: equal to scikit-learn's, and intervals that hold what they promise."""

import math
from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import precision_recall_fscore_support, roc_auc_score

from eval.core.routing import (
    Outcomes,
    figures_of,
    gain_of,
    ranking_of,
    threshold_for,
    versus,
)

pairs = st.lists(st.tuples(st.integers(0, 1), st.integers(0, 1)), min_size=1, max_size=60)
scored = st.lists(
    st.tuples(st.integers(0, 1), st.sampled_from([0.0, 0.25, 0.5, 0.75, 0.9])),
    min_size=2,
    max_size=60,
)


def outcomes(rows: Sequence[tuple[int, float]]) -> Outcomes:
    return Outcomes(
        targets=[target for target, _ in rows],
        probabilities=[probability for _, probability in rows],
        texts=[str(number) for number in range(len(rows))],
    )


@settings(deadline=None)  # the first call of scikit-learn takes long
@given(pairs)
def test_figures_are_those_of_scikit_learn(rows: list[tuple[int, int]]) -> None:
    targets, choices = zip(*rows, strict=True)

    figures = figures_of(targets, choices)

    known = precision_recall_fscore_support(targets, choices, average="weighted", zero_division=0)
    assert (figures.precision, figures.recall, figures.f1) == pytest.approx(known[:3])
    assert figures.right == sum(target == choice for target, choice in rows)
    assert figures.escalated == choices.count(0)


@settings(deadline=None, max_examples=30)
@given(scored)
def test_the_auc_is_that_of_scikit_learn_ties_included(rows: list[tuple[int, float]]) -> None:
    if len({target for target, _ in rows}) < 2:
        return

    ranking = ranking_of(outcomes(rows), seed=1, resamples=10)

    known = roc_auc_score([target for target, _ in rows], [value for _, value in rows])
    assert ranking.auc.value == pytest.approx(known)


def test_a_perfect_order_catches_all_as_soon_as_they_fit() -> None:
    ranking = ranking_of(outcomes([(0, 0.1)] * 10 + [(1, 0.9)] * 90), seed=1)

    caught = {point.escalated: point.caught.value for point in ranking.curve}
    assert caught == pytest.approx({0.05: 0.5, 0.1: 1.0, 0.2: 1.0, 0.3: 1.0, 0.5: 1.0})
    assert (ranking.auc.value, ranking.auc.low, ranking.auc.high) == (1.0, 1.0, 1.0)


def test_without_an_order_the_curve_is_what_chance_catches() -> None:
    ranking = ranking_of(outcomes([(0, 0.5)] * 10 + [(1, 0.5)] * 90), seed=1)

    assert ranking.auc.value == 0.5
    for point in ranking.curve:
        assert point.caught.value == pytest.approx(point.escalated)


def test_the_interval_of_the_auc_covers_the_truth() -> None:
    random = np.random.default_rng(3)
    truth = 0.5 * (1 + math.erf(1 / 2))  # two normal curves, one standard deviation apart
    covered = 0
    for seed in range(40):
        targets = random.integers(0, 2, 200)
        values = 1 / (1 + np.exp(-(random.normal(size=200) + targets)))
        rows = [(int(y), float(p)) for y, p in zip(targets, values, strict=True)]
        auc = ranking_of(outcomes(rows), seed=seed, resamples=400).auc
        covered += auc.low <= truth <= auc.high

    assert covered >= 33  # of 40 at 95 %: fewer happens once in ten thousand times


def test_repeated_texts_widen_the_interval() -> None:
    rows = [(n % 2, (n * 37 % 100) / 100) for n in range(100)]
    once = ranking_of(outcomes(rows), seed=1).auc
    apart = outcomes(rows * 4)
    together = Outcomes(apart.targets, apart.probabilities, [str(n % 100) for n in range(400)])

    repeated, independent = ranking_of(together, seed=1).auc, ranking_of(apart, seed=1).auc

    assert repeated.high - repeated.low == pytest.approx(once.high - once.low, rel=0.05)
    assert independent.high - independent.low < 0.6 * (repeated.high - repeated.low)


def test_a_paired_gain_is_surer_than_two_intervals() -> None:
    random = np.random.default_rng(5)
    targets = [int(value) for value in random.integers(0, 2, 400)]
    noise = random.normal(size=400)
    ours = outcomes(
        [(y, float(1 / (1 + np.exp(-n - 1.6 * y)))) for y, n in zip(targets, noise, strict=True)]
    )
    theirs = outcomes(
        [(y, float(1 / (1 + np.exp(-n - 1.3 * y)))) for y, n in zip(targets, noise, strict=True)]
    )

    gain = gain_of(ours, theirs, seed=1).auc
    apart = [ranking_of(one, seed=1).auc for one in (ours, theirs)]

    assert gain.value == pytest.approx(apart[0].value - apart[1].value)
    assert gain.low > 0
    assert gain.high - gain.low < 0.5 * (apart[0].high - apart[0].low)


def test_a_router_gains_nothing_over_itself() -> None:
    rows = outcomes([(n % 3 > 0, (n * 37 % 100) / 100) for n in range(60)])

    gain = gain_of(rows, rows, seed=1, resamples=200)

    assert (gain.auc.value, gain.auc.low, gain.auc.high) == (0, 0, 0)


def test_only_the_same_questions_are_compared() -> None:
    with pytest.raises(ValueError, match="same questions"):
        gain_of(outcomes([(0, 0.1), (1, 0.2)]), outcomes([(1, 0.1), (0, 0.2)]), seed=1)


def test_resamples_without_a_target_are_counted_and_left_out() -> None:
    ranking = ranking_of(outcomes([(0, 0.1), (1, 0.9)]), seed=1, resamples=1_000)

    assert 400 < ranking.undefined < 600
    assert ranking.auc.low == 1.0


@settings(deadline=None)
@given(scored, st.floats(0, 1))
def test_a_threshold_catches_what_it_is_asked_to_and_is_the_lowest_that_does(
    rows: list[tuple[int, float]], caught: float
) -> None:
    needing = [value for target, value in rows if target == 0]

    threshold = threshold_for(outcomes(rows), caught=caught)

    below = sum(value < threshold for value in needing)
    assert below >= caught * len(needing) - 1e-6
    lower = sum(value < math.nextafter(threshold, -1) for value in needing)
    assert threshold == 0 or lower < below or below == 0


def test_the_sign_test_is_the_exact_one() -> None:
    targets, ours = [1] * 12, [1] * 9 + [0] * 3
    theirs = [0] * 9 + [1] * 3

    compared = versus(targets, ours, theirs)

    assert (compared.right, compared.better, compared.worse) == (3, 9, 3)
    assert compared.p_value == pytest.approx(2 * (1 + 12 + 66 + 220) / 2**12)
    assert versus(targets, ours, ours).p_value == 1.0
    assert versus([1] * 9_000, [1] * 4_500 + [0] * 4_500, [0] * 4_500 + [1] * 4_500).p_value == 1.0
