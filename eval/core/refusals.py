"""How refusals are judged: a threshold on the weight of the evidence, and what it parts."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from eval.core.retrieval import wilson

_RESAMPLES = 2_000
_SEED = 7


@dataclass(frozen=True, slots=True)
class Share:
    """A share of questions with its Wilson 95 % interval."""

    share: float
    interval: tuple[float, float]


def refused_share(scores: Sequence[float], threshold: float) -> Share:
    """The share of questions whose evidence is below `threshold`: those are refused."""
    refused = sum(score < threshold for score in scores)
    return Share(refused / len(scores) if scores else 0.0, wilson(refused, len(scores)))


def threshold_for(scores: Sequence[float], *, most_refused: float) -> float:
    """The highest of `scores` (at least one) that as a threshold refuses at most the share `most_refused` of them."""
    ordered = sorted(scores)
    return ordered[min(len(ordered) - 1, int(most_refused * len(ordered)))]


def auroc(
    answerable: Sequence[float], others: Sequence[float]
) -> tuple[float, tuple[float, float]]:
    """How often an answerable question has more evidence than another one, ties by half; and its 95 % interval.

    Both need a score at least. The interval is a bootstrap's over the questions of each side.
    """
    ours, theirs = np.asarray(answerable, dtype=np.float64), np.asarray(others, dtype=np.float64)
    rng = np.random.default_rng(_SEED)
    drawn = [
        _above(rng.choice(ours, len(ours)), rng.choice(theirs, len(theirs)))
        for _ in range(_RESAMPLES)
    ]
    low, high = np.quantile(drawn, (0.025, 0.975))
    return _above(ours, theirs), (float(low), float(high))


def _above(ours: NDArray[np.float64], theirs: NDArray[np.float64]) -> float:
    ordered = np.sort(theirs)
    below = np.searchsorted(ordered, ours, side="left")
    up_to = np.searchsorted(ordered, ours, side="right")
    return float((below + up_to).sum() / (2 * len(ours) * len(theirs)))
