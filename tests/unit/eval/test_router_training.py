"""Training: probabilities equal to scikit-learn's, folds that share nothing, and the reference's own figures."""

from pathlib import Path

import msgspec
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.feature_extraction.text import CountVectorizer
from sklearn.linear_model import LogisticRegression

from api.core.signals import Evidence
from api.core.trained import read_router
from eval.adapters.label_file import read_labels
from eval.adapters.router_training import Material, out_of_fold, train_router
from eval.core.labels import Labelled
from eval.core.route_report import describe_eval, describe_training, eval_report, train_report
from schemas.errors import BadConfiguration

ROUTING = Path(__file__).parents[3].parent / "shared" / "data" / "routing"
SEED = 7

WORDS = ["ray", "tune", "why", "Straße", "map_batches", "é", "数据", "x", "42", "don't"]
questions = st.lists(st.sampled_from(WORDS), min_size=1, max_size=6).map(" ".join)


def evidence(near: float, age_days: float | None = 2.0) -> Evidence:
    return Evidence(
        top_score=near + 0.4,
        top_cosine=near,
        margin=0.1,
        agreement=1.0,
        spread=0.0,
        age_days=age_days,
    )


def rows_of(count: int) -> list[Labelled]:
    """Questions of which every fourth takes the strong model, and says so in one word."""
    return [
        Labelled(
            question=f"q{n} {'hard' if n % 4 == 0 else 'easy'} thing", target=1 if n % 4 else 0
        )
        for n in range(count)
    ]


@settings(max_examples=20, deadline=None)
@given(st.lists(questions, min_size=6, max_size=20), st.text(max_size=60), st.randoms())
def test_probabilities_are_those_of_scikit_learn(
    texts: list[str], other: str, random: np.random.Generator
) -> None:
    rows = [
        Labelled(question=f"{text} thing", target=1 if n % 2 else 0) for n, text in enumerate(texts)
    ]
    vectorizer = CountVectorizer()
    counts = vectorizer.fit_transform([row.question for row in rows])
    model = LogisticRegression(C=2.0, max_iter=1_000).fit(counts, [row.target for row in rows])

    stored = msgspec.json.encode(train_router(Material(rows), caught=None, seed=SEED))

    router = read_router(stored, name="router")
    asked = [other, *(row.question for row in rows)]
    known = model.predict_proba(vectorizer.transform(asked))[:, 1]
    ours = [router.probability(question, None) for question in asked]
    assert np.abs(np.array(ours) - known).max() < 1e-9


def test_evidence_decides_where_the_words_say_nothing() -> None:
    rows = [Labelled(question="the same words", target=1 if n % 2 else 0) for n in range(40)]
    found = [evidence(0.8 if row.target else 0.3) for row in rows]

    router = train_router(Material(rows, found), caught=None, seed=SEED)

    assert set(router.features) == {"top_score", "top_cosine"}  # the others are the same everywhere
    assert router.probability("the same words", evidence(0.8)) > 0.9
    assert router.probability("the same words", evidence(0.3)) < 0.1


def test_unknown_numbers_of_the_evidence_count_as_average() -> None:
    rows = rows_of(40)
    found = [evidence(n / 40, age_days=None if n % 3 else float(n)) for n in range(40)]

    router = train_router(Material(rows, found), caught=None, seed=SEED)

    average = np.expm1(router.features["log_age_days"].mean)
    unknown, known = (router.probability("q1", evidence(0.5, age)) for age in (None, average))
    assert unknown == pytest.approx(known)


def test_the_same_labels_give_the_same_router() -> None:
    first, second = (train_router(Material(rows_of(40)), caught=0.5, seed=SEED) for _ in range(2))

    assert first == second


def test_equal_texts_are_never_apart() -> None:
    rows = [Labelled(question=f"unique{n}", target=1 if n % 2 else 0) for n in range(20)] * 2

    judged = out_of_fold(Material(rows), seed=SEED)

    # Whoever had seen the other copy would know the answer; the words of a text occur nowhere else.
    assert max(judged.probabilities) - min(judged.probabilities) < 0.2


@pytest.mark.parametrize("caught", [0.0, 0.5, 1.0])
def test_a_threshold_is_set_by_questions_that_were_not_trained_on(caught: float) -> None:
    material = Material(rows_of(80))

    router = train_router(material, caught=caught, seed=SEED)

    judged = out_of_fold(material, seed=SEED)
    needing = [p for p, y in zip(judged.probabilities, judged.targets, strict=True) if y == 0]
    assert sum(p < router.threshold for p in needing) >= caught * len(needing)


def test_questions_without_a_word_teach_nothing() -> None:
    rows = [Labelled(question="? !", target=1 if n % 2 else 0) for n in range(20)]

    with pytest.raises(BadConfiguration, match="no words"):
        train_router(Material(rows), caught=None, seed=SEED)


def test_texts_that_were_trained_on_are_taken_out() -> None:
    rows = rows_of(40)
    router = train_router(Material(rows), caught=None, seed=SEED)
    asked = [*rows[:5], *(Labelled(question=f"new {n}", target=1) for n in range(3))]
    probabilities = [router.probability(row.question, None) for row in asked]

    report = eval_report(router, asked, probabilities, None, seed=SEED)

    assert (report.seen, report.unseen.router.n, report.all.router.n) == (5, 3, 8)
    assert "without 5 whose text it was trained on" in describe_eval(report)


def test_one_target_alone_has_figures_but_no_order() -> None:
    router = train_router(Material(rows_of(40)), caught=None, seed=SEED)

    report = eval_report(router, [Labelled(question="a", target=1)], [0.9], [0.8], seed=SEED)

    assert (report.ranking, report.gain, report.all.constant.right) == (None, None, 1)
    assert "no AUC" in describe_eval(report)


@pytest.mark.skipif(not ROUTING.is_dir(), reason="needs ../shared/data/routing")
def test_the_published_labels_give_the_figures_of_the_reference() -> None:
    """Reference: ray-project/llm-applications, notebooks/rag.ipynb: .919, .929, .923 on these very files."""
    rows, held_out = (read_labels(ROUTING / name) for name in ("train.jsonl", "test.jsonl"))
    router = train_router(Material(rows), caught=None, seed=SEED)
    probabilities = [router.probability(row.question, None) for row in held_out]

    report = eval_report(router, held_out, probabilities, None, seed=SEED)

    figures = report.all.router
    assert (figures.right, report.all.constant.right, figures.n) == (533, 531, 574)
    assert figures.precision == pytest.approx(0.918, abs=0.005)
    assert figures.recall == pytest.approx(0.929, abs=0.005)
    assert figures.f1 == pytest.approx(0.922, abs=0.005)
    assert (report.seen, report.unseen.router.right, report.unseen.constant.right) == (8, 525, 524)
    assert report.ranking is not None
    assert report.ranking.auc.value == pytest.approx(0.79, abs=0.01)
    assert report.ranking.auc.low < 0.75 < report.ranking.auc.high


@pytest.mark.skipif(not ROUTING.is_dir(), reason="needs ../shared/data/routing")
def test_training_is_judged_beside_the_constant_choice() -> None:
    material = Material(read_labels(ROUTING / "train.jsonl"))
    router = train_router(material, caught=None, seed=SEED)

    report = train_report(
        router, material.rows, out_of_fold(material, seed=SEED), file="router.json", seed=SEED
    )

    assert report.out_of_fold.constant.right == 1_433
    assert report.contradictory == 9
    assert "always the cheap model: 1433 of 1801 right" in describe_training(report)
