"""Which segments of the chunks found answer a question."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from api.core.evidence import Found
from api.core.passage import MAX_SEGMENT_CHARS, Passage
from api.core.roles import is_of_another
from api.core.segments import Kind, Segment
from api.core.units import Asked, Unit, is_about, is_announced, units_of

MAX_HITS = 8
MAX_PINNED_CHARS = 3_000

_ALIKE = 0.7
_ENOUGH = 0.45
"""A further unit needs this part of the best one's score,"""
_ADDS = 0.1
"""and this share of the question's terms that nothing chosen covers,"""
_AS_GOOD = 0.9
"""unless it is as good as the best: this part of its score."""
_SECTIONS = 2
_BY_ITSELF = 0.5
"""One of another passage has to cover this share of the question without its headings."""
_WHOLE = 2
"""A list, table or section asked for as a whole may have so many times the characters."""
_NEIGHBOUR = 0.12
_GOOD_CODE = 0.8
_CODE_RANKS = 3
_NEXT = 0.5
"""What code right after a quoted sentence is worth beside its words."""


@dataclass(frozen=True, slots=True)
class Pick:
    """A segment to quote: the `index`-th of the passage at `rank`, both from 0."""

    rank: int
    index: int
    segment: Segment


def pick_segments(
    found: Found,
    passages: Sequence[Passage],
    *,
    max_sentences: int,
    max_chars: int,
) -> list[Pick]:
    """What answers of the passages of the hits found, and for a question of how, one block of code.

    Ordered by hit, then as the passage has them. At most `max_sentences` sentences, items and rows,
    a whole list or table counting as one, in `max_chars`, with what is asked for as a whole in twice
    as many, or for one of them alone in `MAX_SEGMENT_CHARS`; the code and the line
    that leads to it come on top. Equal input gives equal picks.
    """
    asked = Asked(found.question, found.subject)
    units = [
        unit for rank, passage in enumerate(passages) for unit in units_of(asked, rank, passage)
    ]
    best_first = sorted(units, key=lambda unit: (-unit.score, unit.rank, unit.indices))
    chosen = _choose(asked, best_first, max_sentences=max_sentences, max_chars=max_chars)
    places = [(unit.rank, index) for unit in chosen for index in unit.indices]
    if chosen and asked.wants_steps:
        room = max_chars - sum(unit.chars for unit in chosen)
        places += _other_steps(asked, chosen, passages, room=room)
        if not any(unit.has_code for unit in chosen):
            places += _code(asked, chosen, passages)
    return list(_picks(sorted(set(places)), passages))


def pick_pinned(passage: Passage) -> list[Pick]:
    """All of a curated answer at the first rank, in reading order; of a very long one the beginning."""
    picks: list[Pick] = []
    chars = 0
    for index, segment in enumerate(passage.segments):
        chars += len(segment.text)
        if picks and chars > MAX_PINNED_CHARS:
            break
        if segment.kind is not Kind.OTHER:
            picks.append(Pick(0, index, segment))
        elif not is_of_another(segment.text):  # a fragment: its author means it as the answer
            picks.append(Pick(0, index, replace(segment, kind=Kind.SENTENCE)))
    return picks


def _choose(
    asked: Asked, best_first: Sequence[Unit], *, max_sentences: int, max_chars: int
) -> list[Unit]:
    """Greedily: a neighbour of one chosen is worth more, a repeat or a second block nothing."""
    left, chosen = list(best_first), list[Unit]()
    while left and (room_for := max_sentences - sum(one.parts for one in chosen)) > 0:
        best = max(left, key=lambda one: one.score + _NEIGHBOUR * _is_beside(one, chosen))
        left.remove(best)
        if chosen and best.score < chosen[0].score * _ENOUGH:
            break
        room = max_chars * (_WHOLE if best.is_whole else 1) - sum(one.chars for one in chosen)
        fits = best.chars <= (room if chosen else max(room, MAX_SEGMENT_CHARS))
        if (
            fits
            and best.parts <= room_for
            and not _repeats(best, chosen)
            and _adds(asked, best, chosen)
        ):
            chosen.append(best)
    return chosen


def _is_beside(one: Unit, chosen: Sequence[Unit]) -> bool:
    return any(one.rank == other.rank and abs(one.index - other.index) == 1 for other in chosen)


def _repeats(one: Unit, chosen: Sequence[Unit]) -> bool:
    return any(
        (one.rank == other.rank and one.index in other.indices)
        or (one.has_code and other.has_code)
        or len(one.terms & other.terms) >= _ALIKE * len(one.terms | other.terms)
        for other in chosen
    )


def _adds(asked: Asked, one: Unit, chosen: Sequence[Unit]) -> bool:
    """Whether it says more about the question than those chosen, or says it as well.

    One that says it as well brings a second section, never a third, unless it shows the code.
    """
    if not chosen:
        return True
    ranks = {other.rank for other in chosen}
    are_sides = one.is_side and chosen[0].is_side
    if one.rank != chosen[0].rank and asked.share(one.says) < _BY_ITSELF and not are_sides:
        return False
    covered = frozenset[str]().union(*(other.covers for other in chosen))
    gain = asked.share(one.covers | covered) - asked.share(covered)
    is_as_good = one.score >= chosen[0].score * _AS_GOOD
    return gain >= _ADDS or (is_as_good and (len({one.rank, *ranks}) <= _SECTIONS or one.has_code))


_Place = tuple[int, int]
"""Rank and index of a segment."""


def _other_steps(
    asked: Asked, chosen: Sequence[Unit], passages: Sequence[Passage], *, room: int
) -> list[_Place]:
    """The rest of the first list chosen from: half of the steps mislead."""
    for unit in chosen:
        passage = passages[unit.rank]
        if passage.segments[unit.index].kind is Kind.ITEM:
            run = passage.run_at(unit.index)
            others = [n for n in run if n not in unit.indices]
            fits = sum(len(passage.segments[n].text) for n in others) <= room
            is_wanted = fits and is_announced(asked, passage, run)
            return [(unit.rank, n) for n in others] if is_wanted else []
    return []


def _code(asked: Asked, chosen: Sequence[Unit], passages: Sequence[Passage]) -> list[_Place]:
    """The best block of the section quoted first, else of another of the first sections.

    One of another passage has to be about the question by itself.
    """
    ranks = list(dict.fromkeys([*(unit.rank for unit in chosen), *range(_CODE_RANKS)]))
    for rank in [rank for rank in ranks if rank < len(passages)]:
        quoted = [n for unit in chosen if unit.rank == rank for n in unit.indices]
        best = max(_worths(asked, passages[rank], quoted), default=None)
        if best and (quoted or best[0] >= _GOOD_CODE):
            index = -best[1]
            lead = passages[rank].lead_in(index)
            return [(rank, index)] if lead is None else [(rank, lead), (rank, index)]
    return []


def _worths(asked: Asked, passage: Passage, quoted: Sequence[int]) -> Iterator[tuple[float, int]]:
    """Each whole block with its worth, and its place counted down: the first of equals is best."""
    for index in passage.blocks():
        lead = passage.lead_in(index)
        said = (index,) if lead is None else (lead, index)
        is_next = any(n in (index - 1, said[0] - 1) for n in quoted)
        says = passage.terms_at(said)
        if is_next or asked.share(says) or is_about(asked, passage):
            worth = asked.share(says | passage.headings)
            yield worth + (_NEXT if is_next else 0.0), -index


def _picks(places: Sequence[_Place], passages: Sequence[Passage]) -> Iterator[Pick]:
    """Each place once; of two passages that overlap, the first has what both hold. A table's head needs a row."""
    seen: dict[tuple[Kind, str], int] = {}
    head: Pick | None = None
    for rank, index in places:
        segment = passages[rank].segments[index]
        pick = Pick(rank, index, segment)
        if segment.kind is Kind.HEAD:
            head = pick
        elif seen.setdefault((segment.kind, segment.text), rank) == rank:
            if head is not None and segment.kind is Kind.ROW and head.rank == rank:
                yield head
                head = None
            yield pick
