"""A chunk within its section: what is cut off at its ends stands before or after it."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

from api.core.segments import Kind, Segment, cells_of, is_item, looks_like_code, segments_of
from index.core.terms import terms_of
from schemas.answers import HEADING_JOINT, MAX_AROUND, Hit, Spans

MAX_SEGMENT_CHARS = 600
MAX_CODE_CHARS = 1_200

_STOPS = ".!?:)\"'"


@dataclass(frozen=True, slots=True)
class Passage:
    """A text, its segments, and which of them (`own`) the chunk found has a part of.

    `headings` are the terms of the page's title and of the headings over it, `heading` those of the
    last of these. `code` are the parts of the text that are code within a line.
    """

    text: str
    segments: tuple[Segment, ...]
    own: range
    headings: frozenset[str]
    heading: frozenset[str]
    code: Spans = ()

    def terms_at(self, indices: Iterable[int]) -> frozenset[str]:
        """The terms of some segments."""
        return frozenset(term for n in indices for term in terms_of(self.segments[n].text))

    def code_in(self, segment: Segment) -> Spans:
        """The parts of one of its segments that are code within a line."""
        return tuple(
            (max(start, segment.start) - segment.start, min(end, segment.end) - segment.start)
            for start, end in self.code
            if start < segment.end and end > segment.start
        )

    def blocks(self) -> Iterator[int]:
        """The blocks of code that are whole and short enough to be quoted."""
        for index, segment in enumerate(self.segments):
            if segment.kind is Kind.CODE and len(segment.text) <= MAX_CODE_CHARS:
                yield index

    def run_at(self, index: int) -> range:
        """The list or table that a segment belongs to: all its items, or its head and rows."""
        kinds = _TABLE if self.segments[index].kind in _TABLE else (Kind.ITEM,)
        low = high = index
        while low > 0 and self.segments[low].kind is not Kind.HEAD and self._is(low - 1, kinds):
            low -= 1
        while self._is(high + 1, kinds) and self.segments[high + 1].kind is not Kind.HEAD:
            high += 1
        return range(low, high + 1)

    def lead_in(self, index: int) -> int | None:
        """The sentence right before a segment that announces it, ending in a colon."""
        before = self.segments[index - 1] if index else None
        is_lead = (
            before
            and before.kind is Kind.SENTENCE
            and before.text.endswith(":")
            and len(before.text) <= MAX_SEGMENT_CHARS
        )
        return index - 1 if is_lead else None

    def _is(self, index: int, kinds: Sequence[Kind]) -> bool:
        return index < len(self.segments) and self.segments[index].kind in kinds


_TABLE = (Kind.HEAD, Kind.ROW)


def heading_of(hit: Hit) -> str:
    """The heading right over a chunk, "" for none."""
    return hit.section.rsplit(HEADING_JOINT, 1)[-1]


def passage_of(hit: Hit) -> Passage:
    """The chunk of a hit with what the search found around it."""
    text, starts = joined([*hit.before, hit.text, *hit.after])
    start = starts[len(hit.before)]
    segments = _without_cut_code(
        segments_of(text),
        at_start=len(hit.before) == MAX_AROUND,
        at_end=len(hit.after) == MAX_AROUND,
    )
    end = start + len(hit.text)
    own = [n for n, one in enumerate(segments) if one.end > start and one.start < end]
    return Passage(
        text,
        segments,
        range(own[0], own[-1] + 1) if own else range(0),
        frozenset(terms_of(f"{hit.title}\n{hit.section}")),
        frozenset(terms_of(heading_of(hit))),
        tuple(
            (start + first, start + last)
            for start, spans in zip(starts, hit.code, strict=False)
            for first, last in spans
        ),
    )


def _without_cut_code(
    segments: tuple[Segment, ...], *, at_start: bool, at_end: bool
) -> tuple[Segment, ...]:
    """Code at an end past which the section may go on counts as cut off."""
    ends = [n for n, is_open in ((0, at_start), (len(segments) - 1, at_end)) if is_open]
    return tuple(
        replace(one, kind=Kind.OTHER) if n in ends and one.kind is Kind.CODE else one
        for n, one in enumerate(segments)
    )


def joined(chunks: Sequence[str]) -> tuple[str, list[int]]:
    """Chunks of one section as one text, and where each begins in it.

    A row goes on with the table before it, a line of code with the code, and what begins in lower
    case with a sentence that had not ended; everything else begins a paragraph.
    """
    text, starts = "", []
    for chunk in chunks:
        text += joint_of(text, chunk) if text else ""
        starts.append(len(text))
        text += chunk
    return text, starts


def joint_of(before: str, after: str) -> str:
    """What stands between two chunks that follow each other: a paragraph's end, a line's, or a space."""
    last, first = before.rsplit("\n", 1)[-1], after.split("\n", 1)[0]
    cells = len(cells_of(last)), len(cells_of(first))
    codes = looks_like_code([last]), looks_like_code([first])
    if cells[0] == cells[1] > 1 or first[:1].isspace() or (all(codes) and not is_item(first)):
        return "\n"
    if max(cells) > 1 or any(codes) or is_item(first):
        return "\n\n"
    return " " if first[:1].islower() and last[-1:] not in _STOPS else "\n\n"
