"""A ranker of pages learned from questions, and what it is worth out of fold beside the plain fusion."""

from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass
from hashlib import sha256

import numpy as np
from numpy.typing import NDArray
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import StandardScaler

from bench.ranker_features import FEATURES, GROUPS

Floats = NDArray[np.float64]

FOLDS = 5
SHRINKAGES = (0.0, 0.1, 0.25, 0.5, 1.0)
"""How much of the order is learned; the rest is the plain fusion's."""
K = 7
_NEGATIVES = 25
_RESAMPLES = 10_000
_SEED = 7


@dataclass(frozen=True, slots=True)
class Asked:
    """A question with what search found: a row of features for each page in the order of the plain fusion.

    `label` is the row of the labelled page, None where search did not bring it.
    """

    kind: str
    page: str
    features: Floats
    label: int | None

    @property
    def fold(self) -> int:
        """All questions of a page are in one fold."""
        return sha256(self.page.encode()).digest()[0] % FOLDS


Score = Callable[[Floats], Floats]
"""The worth of each page of one question, on any scale."""
Learn = Callable[[Sequence[Asked], Sequence[int]], Score]


def learn_linear(asked: Sequence[Asked], columns: Sequence[int]) -> Score:
    """Logistic regression on differences: the labelled page less another one of the same question."""
    scaler = StandardScaler().fit(np.concatenate([_head(one)[:, columns] for one in asked]))
    differences = np.concatenate(
        [
            scaler.transform(one.features[[one.label]][:, columns])
            - scaler.transform(one.features[_others(one)][:, columns])
            for one in asked
            if one.label is not None and len(one.features) > 1
        ]
    )
    signs = np.where(np.random.default_rng(_SEED).random(len(differences)) < 0.5, -1.0, 1.0)
    model = LogisticRegression(fit_intercept=False, C=0.1, solver="newton-cholesky")
    model.fit(differences * signs[:, None], signs > 0)
    return lambda features: np.asarray(scaler.transform(features[:, columns]) @ model.coef_[0])


def learn_trees(asked: Sequence[Asked], columns: Sequence[int]) -> Score:
    """Gradient boosting on pages one by one: is it the labelled one."""
    known = [one for one in asked if one.label is not None and len(one.features) > 1]
    rows = [np.array([one.label, *_others(one)]) for one in known]
    inputs = np.concatenate(
        [one.features[at][:, columns] for one, at in zip(known, rows, strict=True)]
    )
    targets = np.concatenate([np.arange(len(at)) == 0 for at in rows])
    model = HistGradientBoostingClassifier(
        max_iter=120, learning_rate=0.06, max_leaf_nodes=12, l2_regularization=5.0, random_state=_SEED
    )  # fmt: skip
    model.fit(inputs, targets)
    return lambda features: np.asarray(model.decision_function(features[:, columns]))


LEARNERS: dict[str, Learn] = {
    "logistic regression": learn_linear,
    "gradient boosting": learn_trees,
}


def out_of_fold(
    asked: Sequence[Asked], train: Collection[str], columns: Sequence[int], learn: Learn
) -> list[Floats]:
    """The learned worth of each question's pages, by a ranker that saw no question of the labelled page."""
    scores: list[Floats | None] = [None] * len(asked)
    for fold in range(FOLDS):
        score = learn([one for one in asked if one.kind in train and one.fold != fold], columns)
        for at, one in enumerate(asked):
            if one.fold == fold:
                scores[at] = score(one.features) if len(one.features) else np.zeros(0)
    return [one for one in scores if one is not None]


def places(asked: Sequence[Asked], scores: Sequence[Floats], shrinkage: float) -> Floats:
    """The place of each labelled page, from 1, when so much of the order is learned; infinite where it is missing."""
    return np.array(
        [_place(one, score, shrinkage) for one, score in zip(asked, scores, strict=True)]
    )


def choose_shrinkage(
    asked: Sequence[Asked], scores: Sequence[Floats], train: Collection[str]
) -> tuple[Floats, list[float]]:
    """Shrink each fold as is best on the training questions of the others.

    Returns: the place of each labelled page, and the shrinkage of each fold.
    """
    by_shrinkage = {one: places(asked, scores, one) for one in SHRINKAGES}
    folds = np.array([one.fold for one in asked])
    is_training = np.array([one.kind in train for one in asked])
    found = np.zeros(len(asked))
    chosen = []
    for fold in range(FOLDS):
        others = is_training & (folds != fold)
        chosen.append(max(SHRINKAGES, key=lambda one: _worth(by_shrinkage[one][others])))
        found[folds == fold] = by_shrinkage[chosen[-1]][folds == fold]
    return found, chosen


def _worth(found: Floats) -> float:
    return float((found <= K).mean() + 0.1 * (1 / found).mean())


def gains(asked: Sequence[Asked], ours: Floats, kind: str) -> dict[str, object]:
    """Score at K and MRR of one kind of questions, and the paired gains with intervals; pages are clusters."""
    kept = np.array([one.kind == kind for one in asked])
    base = places(asked, [np.zeros(len(one.features)) for one in asked], 0.0)[kept]
    ours = ours[kept]
    _, clusters = np.unique([one.page for one in asked if one.kind == kind], return_inverse=True)
    hits = (ours <= K).astype(float) - (base <= K)
    return {
        "n": int(kept.sum()),
        "score": [_rounded((base <= K).mean()), _rounded((ours <= K).mean())],
        "gain": _interval(hits, clusters),
        "better": int((hits > 0).sum()),
        "worse": int((hits < 0).sum()),
        "mrr": [_rounded((1 / base).mean()), _rounded((1 / ours).mean())],
        "mrr_gain": _interval(1 / ours - 1 / base, clusters),
    }


def columns_without(group: str | None) -> list[int]:
    """Every column but those of one group of features."""
    left_out = GROUPS[group] if group else ()
    return [at for at, name in enumerate(FEATURES) if name not in left_out]


def _place(one: Asked, score: Floats, shrinkage: float) -> float:
    if one.label is None:
        return float("inf")
    plain = _standardised(one.features[:, FEATURES.index("fused")])
    mixed = (1 - shrinkage) * plain + shrinkage * _standardised(score)
    return float(
        1 + (mixed > mixed[one.label]).sum() + (mixed[: one.label] == mixed[one.label]).sum()
    )


def _standardised(values: Floats) -> Floats:
    return np.asarray((values - values.mean()) / (values.std() or 1.0))


def _head(one: Asked) -> Floats:
    return one.features[:_NEGATIVES]


def _others(one: Asked) -> list[int]:
    return [at for at in range(min(_NEGATIVES, len(one.features))) if at != one.label]


def _interval(values: Floats, clusters: NDArray[np.intp]) -> list[float]:
    """Mean and its 95 % interval from a bootstrap over clusters."""
    sums = np.bincount(clusters, values).astype(np.float64)
    sizes = np.bincount(clusters).astype(np.float64)
    drawn = np.concatenate(list(_resampled(sums, sizes)))
    low, high = np.quantile(drawn, (0.025, 0.975))
    return [_rounded(values.mean()), _rounded(low), _rounded(high)]


def _resampled(sums: Floats, sizes: Floats) -> Iterator[Floats]:
    random = np.random.default_rng(_SEED)
    for _ in range(10):
        drawn = random.integers(len(sums), size=(_RESAMPLES // 10, len(sums)))
        yield sums[drawn].sum(axis=1) / sizes[drawn].sum(axis=1)


def _rounded(value: float) -> float:
    return round(float(value), 4)
