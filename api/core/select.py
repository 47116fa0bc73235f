"""Which segments of the chunks found answer a question."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from api.core.evidence import asked_terms, hit_terms, rarity, share
from api.core.segments import Kind, Segment, segments_of
from index.core.terms import terms_of
from schemas.answers import Hit

MAX_HITS = 8
MAX_CODE_CHARS = 1_200
MAX_SEGMENT_CHARS = 600

_WANTS_STEPS = re.compile(
    r"\bhow\b(?! (?:much|many|long|often|big|large|fast|is|are|does|did)\b)"
    r"|\b(?:example|snippet|steps?|command|syntax|install|configure|set ?up|create|write|run|start"
    r"|launch|deploy|enable|disable)\b",
    re.IGNORECASE,
)
_SAYS_WHAT = re.compile(r"\b(?:is|are|means|provides?|lets?|allows?|enables?|refers?)\b")
_ALIKE = 0.7
_ENOUGH = 0.45
"""A further sentence needs this part of the best one's score."""
_NEIGHBOUR = 0.12
_GOOD_CODE = 0.6
_CODE_RANKS = 3


@dataclass(frozen=True, slots=True)
class Pick:
    """A segment to quote: the `index`-th of the hit at `rank`, both from 0."""

    rank: int
    index: int
    segment: Segment


@dataclass(frozen=True, slots=True)
class _Candidate:
    pick: Pick
    terms: frozenset[str]
    score: float


def pick_segments(
    question: str, hits: Sequence[Hit], *, max_sentences: int, max_chars: int
) -> list[Pick]:
    """The sentences and items that answer, and for a question of how, one block of code.

    Ordered by hit, then as the chunk has them; at most `max_sentences` in about `max_chars`, the
    code and the line that leads to it on top. Equal input gives equal picks.
    """
    pool = [segments_of(hit.text) for hit in hits[:MAX_HITS]]
    texts = [hit_terms(hit) for hit in hits[:MAX_HITS]]
    weights = rarity(asked_terms(question), texts)
    candidates = _candidates(question, hits, pool, weights)
    chosen = _choose(candidates, max_sentences=max_sentences, max_chars=max_chars)
    if _WANTS_STEPS.search(question):
        chosen += _code_block(candidates, chosen)
        chosen += _sibling_items(chosen, pool, room=max_chars - _chars(chosen))
    return sorted(
        dict.fromkeys(_with_lead_ins(chosen, pool)), key=lambda pick: (pick.rank, pick.index)
    )


def _candidates(
    question: str,
    hits: Sequence[Hit],
    pool: Sequence[Sequence[Segment]],
    weights: Mapping[str, float],
) -> list[_Candidate]:
    """Everything quotable with its score, best first; equal scores in order of rank and place."""
    found = []
    for rank, segments in enumerate(pool):
        over = share(frozenset(terms_of(f"{hits[rank].title} {hits[rank].section}")), weights)
        for index, segment in enumerate(segments):
            terms = frozenset(terms_of(segment.text)) if _is_quotable(segment) else frozenset()
            if terms:
                score = (
                    _score(question, segment, share(terms, weights), over)
                    + 0.25 / (1 + rank)
                    + 0.05 / (1 + index)
                )
                found.append(_Candidate(Pick(rank, index, segment), terms, score))
    return sorted(found, key=lambda one: (-one.score, one.pick.rank, one.pick.index))


def _is_quotable(segment: Segment) -> bool:
    if segment.kind is Kind.CODE:
        return len(segment.text) <= MAX_CODE_CHARS
    return (
        segment.kind is not Kind.OTHER
        and len(segment.text) <= MAX_SEGMENT_CHARS
        and segment.text[-1] != ":"
    )


def _score(question: str, segment: Segment, covered: float, over: float) -> float:
    score = covered + 0.3 * over
    if question.lower().startswith("what") and _SAYS_WHAT.search(segment.text):
        score += 0.1
    if segment.text.endswith("?") or len(segment.text) < 30:
        score *= 0.6
    return score


def _choose(candidates: Sequence[_Candidate], *, max_sentences: int, max_chars: int) -> list[Pick]:
    """Greedily: a neighbour of one chosen is worth more, a repeat of one nothing."""
    left = [one for one in candidates if one.pick.segment.kind is not Kind.CODE]
    chosen: list[_Candidate] = []
    while left and len(chosen) < max_sentences:
        best = max(left, key=lambda one: one.score + _NEIGHBOUR * _is_beside(one, chosen))
        left.remove(best)
        if chosen and best.score < chosen[0].score * _ENOUGH:
            break
        if not _repeats(best, chosen) and _fits(best, chosen, max_chars):
            chosen.append(best)
    return [one.pick for one in chosen]


def _is_beside(one: _Candidate, chosen: Sequence[_Candidate]) -> bool:
    return any(
        one.pick.rank == other.pick.rank and abs(one.pick.index - other.pick.index) == 1
        for other in chosen
    )


def _repeats(one: _Candidate, chosen: Sequence[_Candidate]) -> bool:
    return any(
        len(one.terms & other.terms) >= _ALIKE * len(one.terms | other.terms) for other in chosen
    )


def _fits(one: _Candidate, chosen: Sequence[_Candidate], max_chars: int) -> bool:
    return (
        not chosen
        or _chars([other.pick for other in chosen]) + len(one.pick.segment.text) <= max_chars
    )


def _chars(picks: Sequence[Pick]) -> int:
    return sum(len(pick.segment.text) for pick in picks if pick.segment.kind is not Kind.CODE)


def _code_block(candidates: Sequence[_Candidate], chosen: Sequence[Pick]) -> list[Pick]:
    """The best block of the first hits: one beside a chosen sentence, or nearly as good as any."""
    ranks = {pick.rank for pick in chosen}
    for one in candidates:
        is_near = one.pick.rank in ranks or one.score >= candidates[0].score * _GOOD_CODE
        if one.pick.segment.kind is Kind.CODE and one.pick.rank < _CODE_RANKS and is_near:
            return [one.pick]
    return []


def _sibling_items(
    chosen: Sequence[Pick], pool: Sequence[Sequence[Segment]], *, room: int
) -> list[Pick]:
    """The rest of the first list chosen from, if it fits: half a list of steps misleads."""
    item = next((pick for pick in chosen if pick.segment.kind is Kind.ITEM), None)
    if item is None:
        return []
    siblings = [pick for pick in _run_of_items(item, pool[item.rank]) if pick not in chosen]
    return siblings if _chars(siblings) <= room else []


def _run_of_items(item: Pick, segments: Sequence[Segment]) -> list[Pick]:
    low = high = item.index
    while low > 0 and segments[low - 1].kind is Kind.ITEM:
        low -= 1
    while high + 1 < len(segments) and segments[high + 1].kind is Kind.ITEM:
        high += 1
    return [Pick(item.rank, index, segments[index]) for index in range(low, high + 1)]


def _with_lead_ins(chosen: Sequence[Pick], pool: Sequence[Sequence[Segment]]) -> list[Pick]:
    """Code and the first item of a list bring the sentence that announces them."""
    leads = []
    for pick in chosen:
        if pick.index and pick.segment.kind is not Kind.SENTENCE:
            before = pool[pick.rank][pick.index - 1]
            if before.kind is Kind.SENTENCE and before.text.endswith(":"):
                leads.append(Pick(pick.rank, pick.index - 1, before))
    return [*chosen, *leads]
