"""Curated answers: pages of pinned sources, each heading of which is a question.

One is given when its question is asked, and before all else then; it is left out of every other answer. It is quoted as
a whole and without a look at the evidence, so it must never be given to another question: the two have to be word for
word the same, but for what `index.core.question_form` leaves out. Neither vectors nor a share of words in common can
tell that: "Can I undo it when I delete a cluster?" is near to "How do I delete a cluster?" by both.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from index.core.asking import asked_terms
from index.core.question_form import form_of
from index.core.rank import Candidate
from schemas.ids import SourceName

_LEAST_COSINE = 0.4
"""A question with the same words and less similarity than this asks something else."""


@dataclass(frozen=True, slots=True)
class Likeness:
    """How much two questions have in common: `share` of their words, 0 to 1, and whether they ask the same."""

    share: float
    is_same: bool


NOTHING = Likeness(0.0, False)


@dataclass(frozen=True, slots=True)
class Apart:
    """Candidates with the pinned ones set apart.

    `first` are those of the section whose question is asked, in reading order, and `share` is how alike it is to what
    was asked. `others` are ranked as ever. `left_out`
    are pinned ones that are not asked for, with their likeness, the most alike first.
    """

    first: tuple[Candidate, ...]
    others: tuple[Candidate, ...]
    left_out: tuple[tuple[Candidate, Likeness], ...]
    share: float = 0.0


def set_apart(
    candidates: Sequence[Candidate],
    questions: Sequence[str],
    pinned: Collection[SourceName],
    *,
    has_vectors: bool,
) -> Apart:
    """Find the pinned section that answers one of `questions`, which all ask the same."""
    if not pinned:
        return Apart((), tuple(candidates), ())
    likenesses = {
        one.key: _likeness_of(one, questions, has_vectors=has_vectors)
        for one in candidates
        if one.key.source in pinned
    }
    ours = sorted(
        (one for one in candidates if one.key in likenesses),
        key=lambda one: (
            -likenesses[one.key].is_same,
            -likenesses[one.key].share,
            -one.cosine,
            one.key.source,
            one.key.path,
            one.key.ordinal,
        ),
    )
    best = ours[0] if ours and likenesses[ours[0].key].is_same else None
    first = [one for one in ours if best is not None and _section(one) == _section(best)]
    return Apart(
        tuple(sorted(first, key=lambda one: one.key.ordinal)),
        tuple(one for one in candidates if one.key not in likenesses),
        tuple((one, likenesses[one.key]) for one in ours if one not in first),
        likenesses[best.key].share if best is not None else 0.0,
    )


def likeness(question: str, heading: str) -> Likeness:
    """How much a question has in common with a heading that is one, and whether it is the same question."""
    if (form := form_of(question)) and form == form_of(heading):
        return Likeness(1.0, True)
    asked, told = frozenset(asked_terms(question)), frozenset(asked_terms(heading))
    if not asked or not told:
        return NOTHING
    return Likeness(2 * len(asked & told) / (len(asked) + len(told)), False)


def _likeness_of(one: Candidate, questions: Sequence[str], *, has_vectors: bool) -> Likeness:
    """Of a chunk's heading to the nearest of `questions`."""
    heading = one.heading_path[-1] if one.heading_path else one.title
    nearest = max(
        (likeness(question, heading) for question in questions),
        key=lambda found: (found.is_same, found.share),
        default=NOTHING,
    )
    if has_vectors and one.cosine < _LEAST_COSINE:
        return Likeness(nearest.share, False)
    return nearest


def _section(one: Candidate) -> tuple[SourceName, str, int]:
    return (one.key.source, one.key.path, one.section)
