"""Why each section ranked where it did, told from the very values that it was ranked by."""

import math
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass

from index.core.inline_code import without_signs
from index.core.pinned import Apart
from index.core.rank import Candidate, Ranked
from index.core.terms import terms_of
from schemas.answers import HEADING_JOINT, LeftOut, LeftOutReason, Why

_MOST_LEFT_OUT = 5
"""Of each reason, so that a large hidden part of the docs does not drown the rest."""


@dataclass(frozen=True, slots=True)
class Account:
    """What a ranking was made with: `widened` are the terms that synonyms added, `hidden` what no answer may have.

    `passed_over` would have had a place, but for the most that its source may have; `repeats`, but for a better one
    that says the same. `crowded` would have one too, but for the most that its page may have.
    """

    apart: Apart
    widened: Sequence[str]
    hidden: Sequence[Candidate]
    passed_over: Sequence[Ranked] = ()
    repeats: Sequence[Ranked] = ()
    crowded: Sequence[Ranked] = ()


def why_of(ranked: Ranked, account: Account) -> Why:
    """The parts of a score, and what a docs team's settings did to it."""
    chunk, parts = ranked.candidate, ranked.parts
    together = account.apart.first if parts.pinned else account.apart.others
    best = max((one.lexical for one in together), default=0.0)
    return Why(
        path=chunk.key.path,
        cosine=parts.cosine,
        lexical=parts.lexical,
        lexical_share=chunk.lexical / best if best else 0.0,
        exact_bonus=parts.exact,
        page_bonus=parts.page,
        path_weight=parts.weight,
        pinned_bonus=parts.pinned,
        likeness=account.apart.share if parts.pinned else None,
        synonyms=_standing_in(chunk, account.widened),
    )


def left_out_of(account: Account) -> list[LeftOut]:
    """What was found and may not be in an answer, the nearest of each reason first."""
    nearest = sorted(account.hidden, key=lambda one: (-one.cosine, -one.lexical, one.key.path))
    hidden = (_left_out(one, LeftOutReason.HIDDEN) for one in nearest)
    pinned = (
        _left_out(one, LeftOutReason.NOT_ASKED, found.share)
        for one, found in account.apart.left_out
        if found.share > 0
    )
    capped = (_left_out(one.candidate, LeftOutReason.CAPPED) for one in account.passed_over)
    repeats = (_left_out(one.candidate, LeftOutReason.REPEATS) for one in account.repeats)
    crowded = (_left_out(one.candidate, LeftOutReason.PAGE_FULL) for one in account.crowded)
    return [one for each in (pinned, hidden, capped, repeats, crowded) for one in _distinct(each)]


def passed_over(ranked: Sequence[Ranked], kept: Sequence[Ranked]) -> list[Ranked]:
    """Those of `ranked` that stand before the last one that was `kept`, and were not."""
    keys = {one.candidate.key for one in kept}
    last = max((n for n, one in enumerate(ranked) if one.candidate.key in keys), default=-1)
    return [one for one in ranked[: last + 1] if one.candidate.key not in keys]


def crowded_out(crowded: Sequence[Ranked], kept: Sequence[Ranked], *, k: int) -> list[Ranked]:
    """Those of `crowded` that score above some of the `k` that were `kept`, all where places are free; no section that
    has a place by another chunk.
    """
    scores = [one.score for one in kept if not one.parts.pinned]
    least = min(scores, default=math.inf) if len(kept) >= k else -math.inf
    shown = {_section(one.candidate) for one in kept}
    return [one for one in crowded if one.score > least and _section(one.candidate) not in shown]


def _section(chunk: Candidate) -> str:
    return f"{chunk.url}#{chunk.anchor}" if chunk.anchor else chunk.url


def _left_out(chunk: Candidate, reason: LeftOutReason, likeness: float | None = None) -> LeftOut:
    return LeftOut(
        url=_section(chunk),
        section=HEADING_JOINT.join(chunk.heading_path) or chunk.title,
        source=chunk.key.source,
        path=chunk.key.path,
        reason=reason,
        likeness=likeness,
    )


def _distinct(left_out: Iterable[LeftOut]) -> list[LeftOut]:
    """Each section once; what follows the last that is told is not made."""
    by_section: dict[str, LeftOut] = {}
    for one in left_out:
        by_section.setdefault(one.url, one)
        if len(by_section) == _MOST_LEFT_OUT:
            break
    return list(by_section.values())


def _standing_in(chunk: Candidate, terms: Collection[str]) -> tuple[str, ...]:
    """Those of `terms` that lexical search finds in a chunk."""
    if not terms:
        return ()
    texts = (
        chunk.title,
        *chunk.heading_path,
        chunk.key.path.rpartition(".")[0],
        without_signs(chunk.text),
    )
    standing = {term for text in texts for term in terms_of(text)}
    return tuple(term for term in terms if term in standing)
