"""One composed answer in the making: who is asked in which order, and what came of it."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import StrEnum

from api.core.ground import Released
from api.core.route import CHEAP, EXTRACTIVE, STRONG, Chosen, Reason, escalate_ungrounded
from api.settings import RouterSettings
from schemas.answers import NOTHING_USED, Route, Usage

_FENCE = re.compile(r"\s*(`{3,}|~{3,})")


class Outcome(StrEnum):
    """What came of asking one model."""

    HELD = "held"
    UNGROUNDED = "ungrounded"
    """It replied, and too little of it stands in the docs, or nothing."""
    DECLINED = "declined"
    """It says that the sections do not answer."""
    UNAVAILABLE = "unavailable"
    """It gave no reply, or none to its end."""


@dataclass(slots=True)
class Draft:
    """What has been composed so far. `pieces` have left already; `outcomes` are in the order of asking."""

    pieces: list[Released] = field(default_factory=list)
    outcomes: dict[str, Outcome] = field(default_factory=dict)
    names: dict[str, str] = field(default_factory=dict)
    usage: Usage = NOTHING_USED

    @property
    def text(self) -> str:
        """All that has left."""
        return "".join(piece.text for piece in self.pieces)

    @property
    def last_role(self) -> str | None:
        """The role asked last."""
        return next(reversed(self.outcomes), None)

    @property
    def is_whole(self) -> bool:
        """The answer is composed: nothing is quoted instead."""
        return Outcome.HELD in self.outcomes.values()

    @property
    def is_declined(self) -> bool:
        """Every model that was asked says that the docs do not answer."""
        return set(self.outcomes.values()) == {Outcome.DECLINED}

    @property
    def degraded(self) -> str | None:
        """How it falls short of what was chosen."""
        outcomes = list(self.outcomes.values())
        if not outcomes or self.is_declined:
            return None
        if not self.is_whole:
            replied = any(one is not Outcome.UNAVAILABLE for one in outcomes[-1:])
            return "ungrounded" if replied else "model_unavailable"
        return "fallback_model" if outcomes[0] is Outcome.UNAVAILABLE else None

    def add(self, usage: Usage) -> None:
        """Count what one reply took."""
        self.usage = total_usage(self.usage, usage)

    def route(self, chosen: Chosen) -> Route:
        """How the answer was made in the end, beside what was chosen."""
        score = round(chosen.score, 4)
        first = next(iter(self.outcomes.values()), None)
        if self.last_role is None:
            return Route(chosen=chosen.role, reason=chosen.reason, score=score)
        if self.is_declined:
            return Route(chosen=self.last_role, reason=Reason.DECLINED, score=score)
        if not self.is_whole:
            reason = Reason.QUOTED_INSTEAD if self.degraded == "ungrounded" else Reason.ALL_AWAY
            role = self.last_role if self.pieces else EXTRACTIVE
            return Route(chosen=role, reason=reason, score=score)
        if len(self.outcomes) == 1:
            return Route(chosen=self.last_role, reason=chosen.reason, score=score)
        reason = Reason.IS_AWAY if first is Outcome.UNAVAILABLE else Reason.UNGROUNDED
        return Route(chosen=self.last_role, reason=reason, score=score)


def closing_of(text: str) -> str:
    """What closes a block of code that `text` leaves open; "" where none is."""
    fence = ""
    for line in text.splitlines():
        mark = _FENCE.match(line)
        if mark and not fence:
            fence = mark[1]
        elif mark and mark[1].startswith(fence):
            fence = ""
    return f"\n{fence}" if fence else ""


def total_usage(one: Usage, other: Usage) -> Usage:
    """What two replies took together."""
    return Usage(
        input_tokens=one.input_tokens + other.input_tokens,
        output_tokens=one.output_tokens + other.output_tokens,
        cost=one.cost + other.cost,
        estimated=one.estimated or other.estimated,
        cached=one.cached or other.cached,
    )


def order_of(chosen: Chosen, roles: Sequence[str]) -> list[str]:
    """The roles to ask, one after the other, while none answers: the chosen one, then cheap and strong."""
    if chosen.role == EXTRACTIVE:
        return []
    others = [role for role in (CHEAP, STRONG) if role in roles and role != chosen.role]
    return [chosen.role, *others]


def goes_on(
    chosen: Chosen,
    outcome: Outcome,
    *,
    roles: Sequence[str],
    settings: RouterSettings,
    has_left: bool,
) -> bool:
    """Whether the next role is asked after what came of the last one.

    What has left cannot be taken back. A model that is away is replaced by any; what the cheap one wrote in vain is
    composed anew by the strong one, where it was ours to choose and the settings have it so.
    """
    if outcome is Outcome.HELD or has_left:
        return False
    if outcome is Outcome.UNAVAILABLE:
        return True
    return escalate_ungrounded(chosen, roles=roles, settings=settings) is not None
