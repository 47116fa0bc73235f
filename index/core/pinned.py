"""Curated answers: pages of pinned sources, each heading of which is a question.

One is given when its question is asked, and before all else then; it is left out of every other answer. It is decided
by words, for vectors cannot tell a question from its neighbour: of 274 questions generated from a documentation one in
ten has a cosine above 0.71 to the answer of another one, and of 200 put as their words alone one in ten has less than
0.74 to its own. With the shares below, 200 of them pinned, none of 796 others is taken for one; lower case, other words
to ask with and words alone are all known.
"""

import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass

from index.core.asking import asked_terms
from index.core.rank import Candidate
from index.core.terms import terms_of
from schemas.ids import SourceName

_ADDED = 0.8
"""The share of words in common that is enough where one of the two questions only says more than the other,"""
_EXCHANGED = 0.9
"""and where each has a word that the other lacks: it may be the one that matters."""
_LEAST_COSINE = 0.4
"""A question with the same words and less similarity than this asks something else."""
_NAME = re.compile(r"\w[_.\-]\w|\d|[a-z][A-Z]|[A-Z]{2}|--?\w")
_AROUND = ".,:;!?\"'`()[]{}<>*“”‘’«»"


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
    """How much a question has in common with a heading that is one.

    A name, a number or a flag that only one of them has keeps them apart.
    """
    asked, told = _subject(question), _subject(heading)
    if not asked or not told:
        return NOTHING
    share = 2 * len(asked & told) / (len(asked) + len(told))
    if not _names(heading) <= {*terms_of(question)} or not _names(question) <= {*terms_of(heading)}:
        return Likeness(share, False)
    is_exchanged = bool(asked - told) and bool(told - asked)
    return Likeness(share, share >= (_EXCHANGED if is_exchanged else _ADDED))


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


def _subject(text: str) -> frozenset[str]:
    """The terms of what is asked about, a name by its whole alone: in lower case it has no parts."""
    names = [run for run in text.split() if _is_name(run)]
    plain = {term for run in text.split() if run not in names for term in terms_of(run)}
    parts = {term for name in names for term in terms_of(name)[1:]}
    return frozenset(asked_terms(text)) - (parts - plain)


def _is_name(run: str) -> bool:
    return bool(_NAME.search(run.strip(_AROUND)))


def _names(text: str) -> frozenset[str]:
    """The terms of whole names, numbers and flags."""
    return frozenset(term for run in text.split() if _is_name(run) for term in terms_of(run)[:1])
