"""Which model composes an answer: the cheap one first, the strong one where that is not enough."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import StrEnum

from api.core.signals import NO_EVIDENCE, Evidence, evidence_of
from api.core.trained import TrainedRouter
from api.settings import RouterSettings
from schemas.errors import BadQuestion

__all__ = [
    "CHEAP",
    "EXTRACTIVE",
    "JUDGE",
    "NO_EVIDENCE",
    "STRONG",
    "Chosen",
    "Evidence",
    "Reason",
    "Routing",
    "TrainedRouter",
    "decide_route",
    "escalate_ungrounded",
    "evidence_of",
    "strength",
]

CHEAP, STRONG, JUDGE, EXTRACTIVE = "cheap", "strong", "judge", "extractive"
"""The two roles a route is chosen between, the one that never composes, and the route that asks no model."""


_FAR, _NEAR = 0.2, 0.8
"""Cosines of all-MiniLM-L6-v2 between which a chunk passes from unrelated to saying the question itself."""
_AGREEING = 0.3


class Reason(StrEnum):
    """Why a route was chosen, as `route.reason` says it."""

    ASKED = "the request asks for it"
    NO_MODEL = "no language model is configured"
    ONLY_ROLE = "no other model is configured"
    STRONG_EVIDENCE = "the evidence is strong enough for the cheap model"
    WEAK_EVIDENCE = "the evidence is weak"
    NOT_WEIGHED = "no vectors were compared, so that the evidence cannot be weighed"
    TRAINED_CHEAP = "the trained router takes the cheap model to be enough"
    TRAINED_STRONG = "the trained router takes the cheap model not to be enough"
    TOPIC = "the question is about a topic that is not answered here"
    PINNED = "a curated answer to the question is at hand"
    REFUSED = "the evidence is too weak to answer"
    UNGROUNDED = "what the cheaper model wrote did not hold"
    IS_AWAY = "the model that was to answer is away"
    QUOTED_INSTEAD = "what language models wrote did not hold"
    ALL_AWAY = "no language model answers"
    DECLINED = "the sections found do not answer the question"


@dataclass(frozen=True, slots=True)
class Routing:
    """How routes are chosen: the settings, and the trained router where there is one."""

    settings: RouterSettings = field(default_factory=RouterSettings)
    model: TrainedRouter | None = None


@dataclass(frozen=True, slots=True)
class Chosen:
    """The role that composes, or EXTRACTIVE.

    `score` is in [0, 1]: the strength of the evidence, or with a trained router its probability that
    the cheap model is enough.
    """

    role: str
    reason: Reason
    score: float


def decide_route(
    evidence: Evidence,
    *,
    question: str,
    asked: str | None,
    roles: Sequence[str],
    routing: Routing,
) -> Chosen:
    """Choose among the configured `roles` before anything is composed.

    A route that the request asks for is taken. Else the trained router decides where there is one,
    and the strength of the evidence where there is none; further roles are taken only when asked for.
    While only words are compared that strength is unknown: the cheap model comes first, so that an
    embedder that is away does not send every question to the dear one.
    Raises: BadQuestion where the request asks for a route that is not there.
    """
    model = routing.model
    if model is None:
        score, least = strength(evidence), routing.settings.escalate_below
    else:
        score, least = model.probability(question, evidence), model.threshold
    if asked is not None:
        return Chosen(_there(asked, roles), Reason.ASKED, score)
    if CHEAP not in roles or STRONG not in roles:
        return _without_choice(roles, score)
    if model is None and evidence.top_cosine is None and evidence != NO_EVIDENCE:
        return Chosen(CHEAP, Reason.NOT_WEIGHED, score)
    is_enough = score >= least
    return Chosen(CHEAP if is_enough else STRONG, _reason(is_enough, model is not None), score)


def escalate_ungrounded(
    chosen: Chosen, *, roles: Sequence[str], settings: RouterSettings
) -> Chosen | None:
    """The route to compose by once more after what `chosen` wrote did not hold, or None: it stays.

    Only the cheap model's text is composed anew, by the strong one, and only where the choice was ours.
    """
    is_ours = chosen.role == CHEAP and chosen.reason is not Reason.ASKED
    if not (is_ours and settings.escalate_ungrounded and STRONG in roles):
        return None
    return Chosen(STRONG, Reason.UNGROUNDED, chosen.score)


def _there(asked: str, roles: Sequence[str]) -> str:
    if asked in roles or asked == EXTRACTIVE:
        return asked
    known = ", ".join([*roles, EXTRACTIVE])
    raise BadQuestion(f"there is no such route; there are: {known}")


def _without_choice(roles: Sequence[str], score: float) -> Chosen:
    for role in (CHEAP, STRONG):
        if role in roles:
            return Chosen(role, Reason.ONLY_ROLE, score)
    if roles:  # neither of the two: the first one named
        return Chosen(roles[0], Reason.ONLY_ROLE, score)
    return Chosen(EXTRACTIVE, Reason.NO_MODEL, score)


def _reason(is_enough: bool, is_trained: bool) -> Reason:
    if is_trained:
        return Reason.TRAINED_CHEAP if is_enough else Reason.TRAINED_STRONG
    return Reason.STRONG_EVIDENCE if is_enough else Reason.WEAK_EVIDENCE


def strength(evidence: Evidence) -> float:
    """How strong the evidence is, in [0, 1]; 0 where nothing was found or no vectors were compared.

    It is how near the nearest chunk is, and for a smaller part whether both rankings put the same chunks first.
    """
    if evidence.top_cosine is None:
        return 0.0
    near = min(1.0, max(0.0, (evidence.top_cosine - _FAR) / (_NEAR - _FAR)))
    return (1 - _AGREEING) * near + _AGREEING * evidence.agreement
