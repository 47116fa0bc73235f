"""Training a router with scikit-learn. What comes out is plain numbers; scikit-learn is not needed to use them."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_matrix, hstack
from sklearn.feature_extraction.text import CountVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import StratifiedGroupKFold

from api.core.signals import Evidence
from api.core.trained import FEATURES, FORMAT, Feature, TrainedRouter, digest_of, features_of
from eval.core.labels import Labelled
from eval.core.routing import Outcomes, threshold_for
from schemas.errors import BadConfiguration

Floats = NDArray[np.float64]

FOLDS = 5
_MAX_TERMS = 100_000
_INVERSE_PENALTY = 2.0
"""The reference fits one vector of coefficients for each of the two targets (`multi_class="multinomial"`, C = 1), each
the other's negative. One vector of twice the size says the same, and its penalty is the same at twice that C.
"""
_ITERATIONS = 1_000
_HALF = 0.5


@dataclass(frozen=True, slots=True)
class Material:
    """Labelled questions and the evidence of each, or None where a router is to know the question alone."""

    rows: Sequence[Labelled]
    evidence: Sequence[Evidence] | None = None


def train_router(material: Material, *, caught: float | None, seed: int) -> TrainedRouter:
    """Fit a router on all of `material`.

    Its threshold is one half, or the one that would have caught the share `caught` of the questions that take the
    strong model, each judged by a router that was not trained on it. Raises: BadConfiguration where nothing can be
    learned.
    """
    threshold = _HALF
    if caught is not None:
        threshold = threshold_for(out_of_fold(material, seed=seed), caught=caught)
    terms, features, model = _fit(material)
    coefficients = [float(value) for value in model.coef_[0]]
    return TrainedRouter(
        format=FORMAT,
        terms=dict(zip(terms.names, coefficients, strict=False)),
        features={
            name: Feature(mean=mean, scale=scale, coefficient=coefficient)
            for (name, mean, scale), coefficient in zip(
                features, coefficients[len(terms.names) :], strict=True
            )
        },
        intercept=float(model.intercept_[0]),
        threshold=threshold,
        questions=len(material.rows),
        cheap=sum(row.target for row in material.rows),
        seen=tuple(sorted({digest_of(row.question) for row in material.rows})),
    ).sealed()


def out_of_fold(material: Material, *, seed: int) -> Outcomes:
    """The probability of each question by a router trained on the others; equal texts are never apart."""
    targets = np.array([row.target for row in material.rows])
    groups = [digest_of(row.question) for row in material.rows]
    probabilities = np.zeros(len(targets))
    folds = StratifiedGroupKFold(FOLDS, shuffle=True, random_state=seed)
    for kept, left in folds.split(targets, targets, groups):
        terms, features, model = _fit(_part(material, kept))
        values = _values(_part(material, left), terms, features)
        probabilities[left] = model.predict_proba(values)[:, 1]
    return Outcomes(
        targets=[row.target for row in material.rows],
        probabilities=[float(value) for value in probabilities],
        texts=groups,
    )


@dataclass(frozen=True, slots=True)
class _Terms:
    """The terms that are counted, in the order of their columns."""

    vectorizer: CountVectorizer
    names: list[str]


_Scales = list[tuple[str, float, float]]
"""(name, mean, standard deviation) of each number of the evidence that differs between questions."""


def _fit(material: Material) -> tuple[_Terms, _Scales, LogisticRegression]:
    vectorizer = CountVectorizer(max_features=_MAX_TERMS)
    try:
        vectorizer.fit([row.question for row in material.rows])
    except ValueError:  # not a single term
        raise BadConfiguration("the questions hold no words to learn from") from None
    terms = _Terms(vectorizer, [str(name) for name in vectorizer.get_feature_names_out()])
    scales = _scales(material.evidence) if material.evidence is not None else []
    model = LogisticRegression(C=_INVERSE_PENALTY, solver="lbfgs", max_iter=_ITERATIONS)
    model.fit(_values(material, terms, scales), [row.target for row in material.rows])
    return terms, scales, model


def _values(material: Material, terms: _Terms, scales: _Scales) -> csr_matrix:
    """Counts of terms, then the numbers of the evidence in standard deviations, unknown ones at their mean."""
    counts = terms.vectorizer.transform([row.question for row in material.rows])
    if not scales or material.evidence is None:
        return counts
    known = [features_of(evidence) for evidence in material.evidence]
    columns = [
        [0.0 if (value := row[name]) is None else (value - mean) / scale for row in known]
        for name, mean, scale in scales
    ]
    return hstack([counts, csr_matrix(np.array(columns).T)], format="csr")


def _scales(evidence: Sequence[Evidence]) -> _Scales:
    known = [features_of(one) for one in evidence]
    scales = []
    for name in FEATURES:
        values = np.array([row[name] for row in known if row[name] is not None], dtype=np.float64)
        if len(values) and values.std() > 1e-9:
            scales.append((name, float(values.mean()), float(values.std())))
    return scales


def _part(material: Material, places: NDArray[np.intp]) -> Material:
    evidence = material.evidence
    return Material(
        rows=[material.rows[at] for at in places],
        evidence=None if evidence is None else [evidence[at] for at in places],
    )
