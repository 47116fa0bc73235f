"""What retrieval says of how well it found: the numbers that a route is chosen by."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from schemas.answers import Hit

_FIRST = 3
_HIGH = 10
_NEAR_BEST = 0.9
_DAY_S = 86_400.0


@dataclass(frozen=True, slots=True)
class Evidence:
    """How strongly what was found bears on a question, known before anything is composed.

    `top_score` is the best hit's and means little beside another question's; `top_cosine` the
    nearest chunk's, in [-1, 1], None where no vectors were compared. `margin` is how far the best
    hit is ahead of the next page's, `agreement` the share of the first three hits that stand
    among the first ten of both rankings, `spread` the share of the other pages that score at
    least 9/10 of the best one. `age_days` is the age of the best hit's text, None where unknown.
    """

    top_score: float
    top_cosine: float | None
    margin: float
    agreement: float
    spread: float
    age_days: float | None


NO_EVIDENCE = Evidence(
    top_score=0.0, top_cosine=None, margin=0.0, agreement=0.0, spread=0.0, age_days=None
)
"""Nothing was found."""


def evidence_of(hits: Sequence[Hit], *, now: datetime) -> Evidence:
    """Weigh `hits`, best first. A text from the future, by a clock that is off, has the age 0."""
    if not hits:
        return NO_EVIDENCE
    top = hits[0]
    others: dict[str, float] = {}
    for hit in hits:
        if hit.url != top.url:
            others[hit.url] = max(hit.score, others.get(hit.url, hit.score))
    near = sum(score >= _NEAR_BEST * top.score for score in others.values())
    aged = None if top.committed_at is None else (now - top.committed_at).total_seconds() / _DAY_S
    return Evidence(
        top_score=top.score,
        top_cosine=max(
            (hit.similarity for hit in hits if hit.similarity is not None), default=None
        ),
        margin=top.score - max(others.values(), default=0.0),
        agreement=_agreement(hits),
        spread=near / len(others) if others else 0.0,
        age_days=None if aged is None else max(0.0, aged),
    )


def _agreement(hits: Sequence[Hit]) -> float:
    first = hits[:_FIRST]
    return sum(_is_high(hit.vector_rank) and _is_high(hit.lexical_rank) for hit in first) / len(
        first
    )


def _is_high(rank: int | None) -> bool:
    return rank is not None and rank <= _HIGH
