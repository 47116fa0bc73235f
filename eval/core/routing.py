"""How good a router is, on questions of which the right model is known: pure functions with intervals.

Targets are 1 where the cheap model is enough. A router gives each question a probability of that; to escalate is to
send a question to the strong model, the lowest probabilities first.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import msgspec
import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

SHARES = (0.05, 0.1, 0.2, 0.3, 0.5)
"""Of all questions, how many are escalated at the points of a curve."""
_RESAMPLES = 10_000
_AT_ONCE = 4_000_000
_ENDS = (0.025, 0.975)


class Figures(msgspec.Struct, frozen=True, kw_only=True):
    """How often a choice is right: precision, recall and F1 are means over both targets, weighted by their support."""

    n: int
    right: int
    escalated: int
    precision: float
    recall: float
    f1: float


class Interval(msgspec.Struct, frozen=True, kw_only=True):
    """A value with its 95 % interval."""

    value: float
    low: float
    high: float


class Point(msgspec.Struct, frozen=True, kw_only=True):
    """Of the questions that take the strong model, the share that is caught when `escalated` of all are escalated."""

    escalated: float
    caught: Interval


class Versus(msgspec.Struct, frozen=True, kw_only=True):
    """Question by question against another choice, with the exact sign test over those that differ."""

    right: int
    better: int
    worse: int
    p_value: float


class Ranking(msgspec.Struct, frozen=True, kw_only=True):
    """How well the probabilities order: `undefined` resamples held one target alone and are left out."""

    auc: Interval
    curve: list[Point]
    undefined: int


@dataclass(frozen=True, slots=True)
class Outcomes:
    """Targets (0 or 1), probabilities and texts of the same questions, one each; equal texts are one cluster."""

    targets: Sequence[int]
    probabilities: Sequence[float]
    texts: Sequence[str]


def figures_of(targets: Sequence[int], choices: Sequence[int]) -> Figures:
    """Compare choices with targets. A target that is never chosen has a precision of 0."""
    right = np.asarray(targets)
    chosen = np.asarray(choices)
    sums = np.zeros(3)
    for target in (0, 1):
        support = int((right == target).sum())
        hits = int(((right == target) & (chosen == target)).sum())
        precision = hits / max(1, int((chosen == target).sum()))
        recall = hits / max(1, support)
        f1 = 2 * precision * recall / (precision + recall) if hits else 0.0
        sums += np.array([precision, recall, f1]) * support
    precision, recall, f1 = (float(value) for value in sums / max(1, len(right)))
    return Figures(
        n=len(right),
        right=int((right == chosen).sum()),
        escalated=int((chosen == 0).sum()),
        precision=precision,
        recall=recall,
        f1=f1,
    )


def versus(targets: Sequence[int], ours: Sequence[int], theirs: Sequence[int]) -> Versus:
    """How `ours` does beside `theirs`."""
    triples = list(zip(targets, ours, theirs, strict=True))
    better = sum(ours == target != theirs for target, ours, theirs in triples)
    worse = sum(theirs == target != ours for target, ours, theirs in triples)
    return Versus(
        right=sum(theirs == target for target, _, theirs in triples),
        better=better,
        worse=worse,
        p_value=_sign_test(better, worse),
    )


def ranking_of(outcomes: Outcomes, *, seed: int, resamples: int = _RESAMPLES) -> Ranking:
    """AUC and curve, with intervals from a bootstrap over distinct texts."""
    point, drawn = _bootstrap([outcomes], seed, resamples)
    kept = _defined(drawn[0])
    return Ranking(
        auc=_interval(point[0][0], kept[:, 0]),
        curve=_points(point[0], kept),
        undefined=len(drawn[0]) - len(kept),
    )


def gain_of(ours: Outcomes, theirs: Outcomes, *, seed: int, resamples: int = _RESAMPLES) -> Ranking:
    """The difference of AUC and curve, ours less theirs, on the same questions and the same resamples."""
    if list(ours.texts) != list(theirs.texts) or list(ours.targets) != list(theirs.targets):
        raise ValueError("both routers must have been asked the same questions")
    point, drawn = _bootstrap([ours, theirs], seed, resamples)
    difference = point[0] - point[1]
    kept = _defined(drawn[0] - drawn[1])
    return Ranking(
        auc=_interval(difference[0], kept[:, 0]),
        curve=_points(difference, kept),
        undefined=len(drawn[0]) - len(kept),
    )


def threshold_for(outcomes: Outcomes, *, caught: float) -> float:
    """The probability below which at least `caught` of those that take the strong model lie.

    A share of 0 escalates nothing. Give it probabilities that each question's own label had no part in.
    """
    needing = sorted(
        p for p, y in zip(outcomes.probabilities, outcomes.targets, strict=True) if not y
    )
    count = math.ceil(caught * len(needing) - 1e-9)
    if count == 0:
        return 0.0
    return min(1.0, math.nextafter(needing[count - 1], 2.0))


def _bootstrap(
    routers: Sequence[Outcomes], seed: int, resamples: int
) -> tuple[list[Floats], list[Floats]]:
    """(AUC, caught at each of SHARES) of each router on all questions, and a row of the same for each resample."""
    _, clusters = np.unique(np.asarray(routers[0].texts), return_inverse=True)
    count = int(clusters.max()) + 1
    measures = [_Measure.of(router) for router in routers]
    point = [measure(np.ones((1, len(clusters))))[0] for measure in measures]
    random = np.random.default_rng(seed)
    size = max(1, min(resamples, _AT_ONCE // len(clusters)))
    drawn: list[list[Floats]] = [[] for _ in routers]
    for start in range(0, resamples, size):
        drawn_now = random.multinomial(
            count, np.full(count, 1 / count), size=min(size, resamples - start)
        )
        weights = drawn_now[:, clusters].astype(np.float64)
        for rows, measure in zip(drawn, measures, strict=True):
            rows.append(measure(weights))
    return point, [np.concatenate(rows) for rows in drawn]


@dataclass(frozen=True, slots=True)
class _Measure:
    """The questions of one router, the first to be escalated first; `starts` are where equal probabilities begin."""

    order: NDArray[np.intp]
    needs_strong: Floats
    starts: NDArray[np.intp]

    @classmethod
    def of(cls, outcomes: Outcomes) -> "_Measure":
        probabilities = np.asarray(outcomes.probabilities, dtype=np.float64)
        order = np.argsort(probabilities, kind="stable")
        starts = np.flatnonzero(np.diff(probabilities[order], prepend=-1.0))
        targets = np.asarray(outcomes.targets, dtype=np.float64)
        return cls(order, 1 - targets[order], starts)

    def __call__(self, weights: Floats) -> Floats:
        """A row (AUC, caught at each of SHARES) for each row of weights; not a number where a target is missing.

        Among equal probabilities the order is by chance, so both are what is to be expected.
        """
        sorted_weights = weights[:, self.order]
        strong = np.add.reduceat(sorted_weights * self.needs_strong, self.starts, axis=1)
        every = np.add.reduceat(sorted_weights, self.starts, axis=1)
        cheap = every - strong
        strong_sum, cheap_sum = strong.sum(axis=1), cheap.sum(axis=1)
        after = cheap_sum[:, None] - np.cumsum(cheap, axis=1)
        ordered = (strong * (after + cheap / 2)).sum(axis=1)
        with np.errstate(invalid="ignore", divide="ignore"):
            auc = ordered / (strong_sum * cheap_sum)
            caught = np.cumsum(strong, axis=1) / strong_sum[:, None]
        escalated = np.cumsum(every, axis=1) / every.sum(axis=1, keepdims=True)
        curves = [
            np.interp(SHARES, x, y)
            for x, y in zip(_from_zero(escalated), _from_zero(caught), strict=True)
        ]
        return np.column_stack([auc, np.array(curves)])


def _from_zero(rows: Floats) -> Floats:
    return np.hstack([np.zeros((len(rows), 1)), rows])


def _defined(rows: Floats) -> Floats:
    return rows[~np.isnan(rows).any(axis=1)]


def _points(point: Floats, drawn: Floats) -> list[Point]:
    return [
        Point(escalated=share, caught=_interval(point[at], drawn[:, at]))
        for at, share in enumerate(SHARES, 1)
    ]


def _interval(value: float, drawn: Floats) -> Interval:
    if not len(drawn):
        return Interval(value=float(value), low=math.nan, high=math.nan)
    low, high = np.quantile(drawn, _ENDS)
    return Interval(value=float(value), low=float(low), high=float(high))


def _sign_test(better: int, worse: int) -> float:
    """Two-sided: how often a fair coin is at least as far from even."""
    n = better + worse
    if n == 0:
        return 1.0
    ways = (
        math.lgamma(n + 1) - math.lgamma(k + 1) - math.lgamma(n - k + 1)
        for k in range(min(better, worse) + 1)
    )
    return min(1.0, 2 * sum(math.exp(way - n * math.log(2)) for way in ways))
