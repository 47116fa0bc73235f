"""How well what was found and quoted bears on a question."""

import math
from collections.abc import Mapping, Sequence

from index.core.asking import asked_terms
from index.core.terms import terms_of
from schemas.answers import Hit

_FAR, _NEAR = 0.2, 0.7
"""Cosines of all-MiniLM-L6-v2 between which a chunk passes from unrelated to plainly about the
question.
"""
_BEST = 3
_WITNESSES = 5


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


def share(terms: frozenset[str], weights: Mapping[str, float]) -> float:
    """The part of all weight that `terms` cover, in [0, 1]."""
    whole = sum(weights.values())
    return (
        sum(weight for term, weight in weights.items() if term in terms) / whole if whole else 0.0
    )


def evidence(question: str, hits: Sequence[Hit], quoted: Mapping[int, frozenset[str]]) -> float:
    """How sure one may be that what is quoted of `hits` (best first) answers `question`, 0 to 1.

    `quoted` has the terms of what is quoted, headings included, by the rank of its hit; nothing
    quoted is no evidence. It weighs the nearest similarity of the hits quoted, the share of the
    question's rare terms that the quotes and that the best three hits cover, and how many of the
    first five agree with the best of them. Without similarities the terms alone decide.
    """
    if not quoted:
        return 0.0
    texts = [hit_terms(hit) for hit in hits]
    weights = rarity(asked_terms(question), texts)
    found = max(
        share(frozenset().union(*texts[:_BEST]), weights) * 0.85,
        max(share(text, weights) for text in texts[:_BEST]),
    )
    covered = (found + share(frozenset().union(*quoted.values()), weights)) / 2
    shares = [share(text, weights) for text in texts[:_WITNESSES]]
    best = max(shares)
    agreement = sum(one >= best / 2 for one in shares) / _WITNESSES if best else 0.0
    similarities = [one for rank in quoted if (one := hits[rank].similarity) is not None]
    if not similarities:
        return 0.8 * covered + 0.2 * agreement * covered
    closeness = min(1.0, max(0.0, (max(similarities) - _FAR) / (_NEAR - _FAR)))
    return 0.5 * closeness + 0.4 * covered + 0.1 * agreement * closeness
