"""What `headwater route train` and `route eval` print: values for JSON, and the same in words."""

from collections.abc import Sequence

import msgspec

from api.core.trained import TrainedRouter, digest_of
from eval.core.labels import Labelled
from eval.core.routing import (
    Figures,
    Interval,
    Outcomes,
    Ranking,
    Versus,
    figures_of,
    gain_of,
    ranking_of,
    versus,
)


class Compared(msgspec.Struct, frozen=True, kw_only=True):
    """A router's choices beside the constant choice, which takes the cheap model for every question."""

    router: Figures
    constant: Figures
    against_constant: Versus


class EvalReport(msgspec.Struct, frozen=True, kw_only=True):
    """What `headwater route eval` prints.

    `unseen` leaves out the questions whose text the router was trained on. `ranking` is null where only one target
    occurs. `gain` is the router's ranking less that of the other one, where one was named.
    """

    router: str
    threshold: float
    all: Compared
    seen: int
    unseen: Compared
    ranking: Ranking | None
    gain: Ranking | None = None


class TrainReport(msgspec.Struct, frozen=True, kw_only=True):
    """What `headwater route train` prints: every question judged by a router that was not trained on it."""

    router: str
    file: str
    terms: int
    features: list[str]
    threshold: float
    contradictory: int
    out_of_fold: Compared
    ranking: Ranking | None


def eval_report(
    router: TrainedRouter,
    rows: Sequence[Labelled],
    probabilities: Sequence[float],
    others: Sequence[float] | None,
    *,
    seed: int,
) -> EvalReport:
    """Judge `probabilities` of the cheap model being enough, and their order beside `others`."""
    seen = set(router.seen)
    is_new = [digest_of(row.question) not in seen for row in rows]
    outcomes = _outcomes(rows, probabilities)
    has_both = len(set(outcomes.targets)) == 2
    return EvalReport(
        router=router.hash,
        threshold=router.threshold,
        all=_compared(outcomes, router.threshold, [True] * len(rows)),
        seen=is_new.count(False),
        unseen=_compared(outcomes, router.threshold, is_new),
        ranking=ranking_of(outcomes, seed=seed) if has_both else None,
        gain=gain_of(outcomes, _outcomes(rows, others), seed=seed)
        if others is not None and has_both
        else None,
    )


def train_report(
    router: TrainedRouter, rows: Sequence[Labelled], outcomes: Outcomes, *, file: str, seed: int
) -> TrainReport:
    """Judge `outcomes`, which are out of fold."""
    return TrainReport(
        router=router.hash,
        file=file,
        terms=len(router.terms),
        features=list(router.features),
        threshold=router.threshold,
        contradictory=contradictory(rows),
        out_of_fold=_compared(outcomes, router.threshold, [True] * len(rows)),
        ranking=ranking_of(outcomes, seed=seed),
    )


def contradictory(rows: Sequence[Labelled]) -> int:
    """How many texts occur with both targets."""
    targets: dict[str, set[int]] = {}
    for row in rows:
        targets.setdefault(digest_of(row.question), set()).add(row.target)
    return sum(len(found) > 1 for found in targets.values())


def describe_eval(report: EvalReport) -> str:
    """The report for a person."""
    lines = [
        f"router {report.router[:12]}, threshold {report.threshold:.3f}",
        *_rows("all questions", report.all),
        *_rows(f"without {report.seen} whose text it was trained on", report.unseen),
        *(_ranking(report.ranking) if report.ranking else ["one target only: no AUC, no curve"]),
        *(_gain(report.gain) if report.gain else []),
    ]
    return "\n".join(lines)


def describe_training(report: TrainReport) -> str:
    """The report for a person."""
    known = ", ".join(report.features) or "nothing: the question alone"
    lines = [
        f"wrote {report.file}: router {report.router[:12]}, {report.terms:,} terms, threshold"
        f" {report.threshold:.3f}",
        f"evidence it weighs: {known}",
        *([f"texts with both targets: {report.contradictory}"] if report.contradictory else []),
        *_rows("out of fold", report.out_of_fold),
        *(_ranking(report.ranking) if report.ranking else []),
    ]
    return "\n".join(lines)


def _outcomes(rows: Sequence[Labelled], probabilities: Sequence[float]) -> Outcomes:
    return Outcomes(
        targets=[row.target for row in rows],
        probabilities=probabilities,
        texts=[digest_of(row.question) for row in rows],
    )


def _compared(outcomes: Outcomes, threshold: float, kept: Sequence[bool]) -> Compared:
    pairs = zip(outcomes.targets, outcomes.probabilities, kept, strict=True)
    chosen = [(target, int(p >= threshold)) for target, p, is_kept in pairs if is_kept]
    targets, ours = [target for target, _ in chosen], [choice for _, choice in chosen]
    constant = [1] * len(chosen)
    return Compared(
        router=figures_of(targets, ours),
        constant=figures_of(targets, constant),
        against_constant=versus(targets, ours, constant),
    )


def _rows(title: str, compared: Compared) -> list[str]:
    against = compared.against_constant
    return [
        f"{title}:",
        _figures("router", compared.router),
        _figures("always the cheap model", compared.constant),
        f"  the router alone is right {against.better} times, the constant choice alone"
        f" {against.worse} times (sign test p = {against.p_value:.3f})",
    ]


def _figures(name: str, figures: Figures) -> str:
    return (
        f"  {name}: {figures.right} of {figures.n} right, {figures.escalated} escalated; precision"
        f" {figures.precision:.3f}, recall {figures.recall:.3f}, F1 {figures.f1:.3f}"
    )


def _ranking(ranking: Ranking) -> list[str]:
    return [
        f"AUC {_shown(ranking.auc)}",
        *(
            f"  {point.escalated:4.0%} escalated catches {_shown(point.caught)} of those that take"
            " the strong model"
            for point in ranking.curve
        ),
    ]


def _gain(gain: Ranking) -> list[str]:
    return [
        f"gain over the other router, paired: AUC {_shown(gain.auc, sign='+')}",
        *(
            f"  {point.escalated:4.0%} escalated: {_shown(point.caught, sign='+')}"
            for point in gain.curve
        ),
    ]


def _shown(interval: Interval, sign: str = "") -> str:
    low, high = (f"{end:{sign}.3f}" for end in (interval.low, interval.high))
    return f"{interval.value:{sign}.3f} [{low}, {high}]"
