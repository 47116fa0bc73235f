"""What may be quoted of a passage: units that make sense by themselves, each with its worth."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace

from api.core.evidence import Subject
from api.core.passage import MAX_CODE_CHARS, MAX_SEGMENT_CHARS, Passage
from api.core.segments import Kind

_WANTS_STEPS = re.compile(
    r"\bhow\b(?! (?:much|many|long|often|big|large|fast|is|are|does|did)\b)"
    r"|\b(?:example|snippet|steps?|command|syntax|install|configure|set ?up|create|write|run|start"
    r"|launch|deploy|enable|disable)\b",
    re.IGNORECASE,
)
_WANTS_ALL = re.compile(
    r"\s*(?:which|list|what (?:are|\w+s (?:are|can|do|does|is|may)))\b", re.IGNORECASE
)
_COMPARES = re.compile(r"\b(?:differ\w*|compare\w*|vs|versus)\b", re.IGNORECASE)
_SAYS_WHAT = re.compile(r"\b(?:is|are|means|provides?|lets?|allows?|enables?|refers?)\b")
_OVER = 0.3
"""What the headings over a text are worth beside the text itself."""
_FIRST = 0.25
"""What the first passage is worth; the second has half of it, and so on."""
_SHOWS = 0.3
"""What code below such headings is worth to a question of how."""
_WITHIN = 0.5
"""What the items of a list are worth beside the words that announce it."""
_ABOUT = 0.6
"""Headings with this share of the question's terms announce a list or code below them."""
_NAMED = 0.3
"""The last heading has to have this share of them for its section to be about the task."""
_QUOTED_ALONE = (Kind.SENTENCE, Kind.ITEM, Kind.ROW)
_SHORT = 30


@dataclass(frozen=True, slots=True)
class Asked:
    """A question as units are weighed by: its words, and what they are about."""

    question: str
    subject: Subject

    def share(self, terms: frozenset[str]) -> float:
        """The part of the question that `terms` cover, in [0, 1]."""
        return self.subject.share(terms)

    @property
    def terms(self) -> frozenset[str]:
        """The terms of what it is about."""
        return frozenset(self.subject.weights)

    @property
    def wants_steps(self) -> bool:
        """Whether it asks how something is done, which code may show."""
        return bool(_WANTS_STEPS.search(self.question))

    @property
    def compares(self) -> bool:
        """Whether it asks how things differ, which may be told in a section each."""
        return bool(_COMPARES.search(self.question))

    @property
    def wants_all(self) -> bool:
        """Whether a list or table may be the answer, by how the question begins."""
        return self.wants_steps or bool(_WANTS_ALL.match(self.question))


@dataclass(frozen=True, slots=True)
class Unit:
    """Segments (`indices`, in order) of the passage at `rank` that are quoted together.

    `index` is where its own words begin, after a lead-in or a table's head: `terms` are those from
    there on, `says` those of all of it, `covers` these and those of the headings over it. `chars`
    leaves code out. `parts` counts its sentences, lists and tables. `is_side` for what stands
    under the name of one of the things compared, `is_whole` for what is asked for as a whole.
    """

    rank: int
    index: int
    indices: tuple[int, ...]
    terms: frozenset[str]
    says: frozenset[str]
    covers: frozenset[str]
    score: float
    chars: int
    has_code: bool
    parts: int = 1
    is_side: bool = False
    is_whole: bool = False


def units_of(asked: Asked, rank: int, passage: Passage) -> list[Unit]:
    """Every sentence, item and row of the chunk found, every list and table announced, a short section.

    An item comes with the sentence that announces its list, a row with the head of its table. For a
    question of how, code that a sentence announces is one too, and a short section that is about
    nothing else: half of what has to be done misleads.
    """
    runs = {(run := passage.run_at(n)).start: run for n in passage.own if _is_in_run(passage, n)}
    return [
        *(_single(asked, rank, passage, n) for n in _quotable(passage)),
        *(
            _whole(asked, rank, passage, run)
            for run in runs.values()
            if is_announced(asked, passage, run)
        ),
        *(_single(asked, rank, passage, n) for n in _announced_blocks(asked, passage)),
        *_section(asked, rank, passage),
    ]


def is_announced(asked: Asked, passage: Passage, run: range) -> bool:
    """Whether something says what a list or table lists: its head, a lead-in, or the headings."""
    return (
        passage.segments[run.start].kind is Kind.HEAD
        or passage.lead_in(run.start) is not None
        or is_about(asked, passage)
    )


def is_about(asked: Asked, passage: Passage) -> bool:
    """Whether the headings over a passage have most of what is asked."""
    return asked.share(passage.headings) >= _ABOUT


def is_named(asked: Asked, passage: Passage) -> bool:
    """Whether the question asks about what the heading right over a passage names."""
    return is_about(asked, passage) and asked.share(passage.heading) >= _NAMED


def is_task(asked: Asked, passage: Passage) -> bool:
    """Whether it is a question of how, and the heading names what is to be done."""
    return asked.wants_steps and is_named(asked, passage)


def _is_in_run(passage: Passage, index: int) -> bool:
    return passage.segments[index].kind in (Kind.ITEM, Kind.HEAD, Kind.ROW)


def _quotable(passage: Passage) -> Iterator[int]:
    for index in passage.own:
        segment = passage.segments[index]
        is_said = segment.kind in _QUOTED_ALONE and segment.text[-1] != ":"
        if is_said and len(segment.text) <= MAX_SEGMENT_CHARS and passage.terms_at([index]):
            yield index


def _announced_blocks(asked: Asked, passage: Passage) -> Iterator[int]:
    for index in passage.blocks() if asked.wants_steps else ():
        lead = passage.lead_in(index)
        if lead is not None and (lead in passage.own or index in passage.own):
            yield index


def _single(asked: Asked, rank: int, passage: Passage, index: int) -> Unit:
    segment = passage.segments[index]
    lead = None
    if segment.kind is Kind.ITEM:
        lead = passage.lead_in(passage.run_at(index).start)
    elif segment.kind is Kind.ROW:
        lead = passage.run_at(index).start
    elif segment.kind is Kind.CODE:
        lead = passage.lead_in(index)
    indices = (index,) if lead is None else (lead, index)
    says = passage.terms_at(indices)
    worth = (asked.share(says) + asked.share(says | passage.headings)) / 2
    if asked.question.lower().startswith("what") and _SAYS_WHAT.search(segment.text):
        worth += 0.1
    is_short = segment.kind is Kind.SENTENCE and len(segment.text) < _SHORT
    if is_short or segment.text.endswith("?"):
        worth *= 0.6
    worth += 0.05 / (1 + abs(index - passage.own.start))
    return _unit(asked, rank, passage, indices, worth)


def _whole(asked: Asked, rank: int, passage: Passage, run: range) -> Unit:
    """A list or table, worth what announces it and some of what is in it."""
    lead = passage.lead_in(run.start)
    indices = tuple(run) if lead is None else (lead, *run)
    is_table = passage.segments[run.start].kind is Kind.HEAD
    announced = asked.share(passage.terms_at(indices[: len(indices) - len(run) + is_table]))
    within = max(0.0, asked.share(passage.terms_at(indices)) - announced)
    worth = announced + _WITHIN * within
    is_below = lead is None and is_named(asked, passage)
    is_whole = is_below or announced >= _ABOUT
    if asked.wants_all and is_below:
        worth = max(worth, asked.share(passage.headings))
    return replace(_unit(asked, rank, passage, indices, worth), is_whole=is_whole)


def _section(asked: Asked, rank: int, passage: Passage) -> Iterator[Unit]:
    """All of a short section below a heading that names the task, but for short fragments."""
    kinds = [segment.kind for segment in passage.segments]
    odd = {n for n, kind in enumerate(kinds) if kind is Kind.OTHER}
    if not is_task(asked, passage) or any(len(passage.segments[n].text) > _SHORT for n in odd):
        return
    indices = tuple(n for n in range(len(kinds)) if n not in odd)
    texts = [segment.text for segment in passage.segments]
    code = sum(len(text) for text, kind in zip(texts, kinds, strict=True) if kind is Kind.CODE)
    if indices and code <= MAX_CODE_CHARS:
        worth = asked.share(passage.terms_at(indices) | passage.headings)
        unit = _unit(asked, rank, passage, indices, worth)
        runs = {passage.run_at(n).start for n in indices if _is_in_run(passage, n)}
        yield replace(unit, parts=kinds.count(Kind.SENTENCE) + len(runs), is_whole=True)


def _unit(
    asked: Asked, rank: int, passage: Passage, indices: tuple[int, ...], worth: float
) -> Unit:
    shows = _SHOWS if asked.wants_steps and next(passage.blocks(), None) is not None else 0.0
    own = [n for n in indices if not _leads(passage, n)] or list(indices)
    says = passage.terms_at(indices)
    blocks = {n for n in indices if passage.segments[n].kind is Kind.CODE}
    return Unit(
        rank=rank,
        index=own[0],
        indices=indices,
        terms=passage.terms_at(own),
        says=says,
        covers=says | passage.headings,
        score=worth + (_OVER + shows) * asked.share(passage.headings) + _FIRST / (1 + rank),
        chars=sum(len(passage.segments[n].text) for n in indices if n not in blocks),
        has_code=bool(blocks),
        is_side=asked.compares and bool(passage.heading) and passage.heading <= asked.terms,
    )


def _leads(passage: Passage, index: int) -> bool:
    segment = passage.segments[index]
    return segment.kind is Kind.HEAD or (segment.kind is Kind.SENTENCE and segment.text[-1] == ":")
