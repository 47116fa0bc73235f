"""How well what was found and quoted bears on a question."""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from api.core.passage import heading_of
from index.core.asking import asked_terms
from index.core.terms import terms_of
from schemas.answers import Hit

_FAR, _NEAR = 0.2, 0.7
"""Cosines of all-MiniLM-L6-v2 between which a chunk passes from unrelated to plainly about the
question.
"""
_BEST = 3
_WITNESSES = 5
_BACKED = 4
"""So many terms of the question in one chunk make up for others that nothing holds."""
_LIGHT_WEIGHT = 0.3
_LIGHT = frozenset(
    terms_of(
        "across after before between change changes during difference during happen long many mean"
        " meaning much often since version versions without"
    )
)
"""Terms that say what is asked of a subject rather than name it."""
_STEM = 4
"""Two terms are akin where the shorter has so many characters, begins the longer"""
_ENDING = 4
"""and lacks at most so many of it."""


@dataclass(frozen=True, slots=True)
class Subject:
    """What a question is about: the weight of each of its terms, and the found terms akin to it."""

    weights: Mapping[str, float]
    akin: Mapping[str, frozenset[str]]

    @property
    def whole(self) -> float:
        """The weight of all terms."""
        return sum(self.weights.values())

    def held(self, terms: frozenset[str]) -> frozenset[str]:
        """The question's terms that `terms` have, or have one akin to."""
        return frozenset(
            term for term, akin in self.akin.items() if term in terms or not akin.isdisjoint(terms)
        )

    def share(self, terms: frozenset[str]) -> float:
        """The part of all weight that `terms` cover, in [0, 1]."""
        if not self.weights:
            return 0.0
        return sum(self.weights[term] for term in self.held(terms)) / self.whole


@dataclass(frozen=True, slots=True)
class Found:
    """What was found for a question, best first, the terms of each hit, and what the question is about."""

    question: str
    hits: Sequence[Hit]
    texts: Sequence[frozenset[str]]
    subject: Subject


def found_for(question: str, hits: Sequence[Hit]) -> Found:
    """Read the hits once for all that is to be weighed."""
    texts = [hit_terms(hit) for hit in hits]
    return Found(question, hits, texts, subject_of(question, texts))


def subject_of(question: str, texts: Sequence[frozenset[str]]) -> Subject:
    """Weigh the terms of a question by `texts`, the terms of what was found for it."""
    terms = asked_terms(question)
    known = frozenset[str]().union(*texts)
    akin = {term: _akin(term, known) for term in terms}
    unweighed = Subject({}, akin)
    weights = rarity(terms, [text | unweighed.held(text) for text in texts])
    return Subject(
        {term: one * (_LIGHT_WEIGHT if term in _LIGHT else 1) for term, one in weights.items()},
        akin,
    )


def _akin(term: str, known: Iterable[str]) -> frozenset[str]:
    """Those of other terms that differ from `term` in their ending only; none where it is known itself."""
    if len(term) < _STEM or not term.isalpha() or term in known:
        return frozenset()
    stem = term[:_STEM]
    return frozenset(
        one
        for one in known
        if one.startswith(stem)
        and abs(len(one) - len(term)) <= _ENDING
        and (one.startswith(term) or term.startswith(one))
    )


def rarity(terms: Sequence[str], texts: Sequence[frozenset[str]]) -> dict[str, float]:
    """Weigh each term by how few of `texts` hold it, above 0.

    The texts were found by these terms, so one that all of them hold still counts for something:
    about a quarter of one that none holds.
    """
    found = {term: sum(term in text for text in texts) for term in terms}
    return {term: math.log1p(len(texts) / (1 + count)) for term, count in found.items()}


def hit_terms(hit: Hit) -> frozenset[str]:
    """The terms of a chunk and of the headings over it."""
    return frozenset(terms_of(f"{hit.title}\n{hit.section}\n{hit.text}"))


def evidence(found: Found, quoted: Mapping[int, frozenset[str]]) -> float:
    """How sure one may be that what is quoted of the hits answers the question, 0 to 1.

    `quoted` has the terms of what is quoted by the rank of its hit; the headings over it count with
    it, and nothing quoted is no evidence. It weighs the nearest similarity of the hits quoted, the share of the
    question's rare terms that the quotes and that the best three hits cover, and how many of the
    first five agree with the best of them. Without similarities the terms alone decide.

    Similarity counts as far as words back it: a text that has a product's name and none of the
    other words of the question is near it for that name alone. A heading quoted that the question
    names from end to end counts as near as the part of the question that it is.
    """
    if not quoted:
        return 0.0
    hits, texts, subject = found.hits, found.texts, found.subject
    over = [frozenset(terms_of(f"{hits[rank].title}\n{hits[rank].section}")) for rank in quoted]
    alone = max(subject.share(text) for text in texts[:_BEST])
    together = max(alone, subject.share(frozenset().union(*texts[:_BEST])) * 0.85)
    covered = (together + subject.share(frozenset().union(*quoted.values(), *over))) / 2
    shares = [subject.share(text) for text in texts[:_WITNESSES]]
    best = max(shares)
    agreement = sum(one >= best / 2 for one in shares) / _WITNESSES if best else 0.0
    similarities = [one for rank in quoted if (one := hits[rank].similarity) is not None]
    if not similarities:
        return 0.8 * covered + 0.2 * agreement * covered
    closeness = min(1.0, max(0.0, (max(similarities) - _FAR) / (_NEAR - _FAR)))
    closeness = min(closeness, max(alone, _backing(subject, texts[:_WITNESSES])))
    closeness = max(closeness, *(_named(subject, hits[rank]) for rank in quoted))
    return 0.5 * closeness + 0.4 * covered + 0.1 * agreement * closeness


def _backing(subject: Subject, texts: Sequence[frozenset[str]]) -> float:
    """How far the number of the question's terms in one text backs its similarity."""
    most = max(len(subject.held(text) - _LIGHT) for text in texts)
    return min(1.0, most / _BACKED)


def _named(subject: Subject, hit: Hit) -> float:
    """The share of the question that the heading over a hit is, where the question has all of it."""
    terms = frozenset(terms_of(heading_of(hit)))
    is_named = bool(terms) and terms <= subject.weights.keys()
    return subject.share(terms) if is_named else 0.0
