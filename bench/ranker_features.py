"""What a ranker may know of a page that search found: nothing that names a corpus, a page or its path."""

import math
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from index.core.inline_code import without_signs
from index.core.names import names_in
from index.core.rank import Candidate, Ranked, RankWeights, order_page_first, without_repeats
from index.core.terms import terms_of

Floats = NDArray[np.float64]

GROUPS = {
    "scores": ("fused", "cosine", "lexical", "second", "third"),
    "ranks": ("rank", "cosine_rank", "lexical_rank", "chunks"),
    "margins": ("to_best", "cosine_to_best", "to_next"),
    "matches": ("in_title", "in_heading", "in_text", "names_in_title", "names_in_text", "title_covered"),
    "place": ("ordinal", "length", "title_length", "depth"),
    "question": ("terms", "names", "best_cosine", "lead"),
}  # fmt: skip
"""Features by what they tell, in the order of the columns."""
FEATURES = tuple(name for names in GROUPS.values() for name in names)
_CHUNKS = 3


def pages_of(question: str, candidates: Sequence[Candidate]) -> list[list[Ranked]]:
    """The pages as search ranks them, each with its best chunks, the first of which carries the page's score."""
    weights = replace(RankWeights(), per_page=_CHUNKS)
    ordered = order_page_first(candidates, weights=weights, names=names_in(question)).ranked
    ranked = without_repeats(ordered, least=weights.alike, k=0, most=len(ordered))
    pages: dict[str, list[Ranked]] = {}
    for one in ranked:
        pages.setdefault(one.candidate.url, []).append(one)
    return list(pages.values())


def features_of(question: str, pages: Sequence[Sequence[Ranked]]) -> Floats:
    """A row for each page, shape (pages, `len(FEATURES)`)."""
    if not pages:
        return np.zeros((0, len(FEATURES)))
    asked = frozenset(terms_of(question))
    scores = [page[0].score for page in pages]
    cosines = [max(one.candidate.cosine for one in page) for page in pages]
    lexical = [max(one.candidate.lexical for one in page) for page in pages]
    most = max(lexical) or 1.0
    by_cosine, by_terms = _places(cosines), _places(lexical)
    lead = scores[0] - scores[1] if len(scores) > 1 else 0.0
    rows = []
    for at, page in enumerate(pages):
        score, after = scores[at], scores[min(at + 1, len(scores) - 1)]
        best = page[0].candidate
        rows.append(
            [
                score, cosines[at], lexical[at] / most, *_more(page),
                math.log1p(at), math.log1p(by_cosine[at]), math.log1p(by_terms[at]), len(page),
                score - scores[0], cosines[at] - max(cosines), score - after,
                *_matches(asked, best), *_place(best),
                len(asked), _names(asked), max(cosines), lead,
            ]
        )  # fmt: skip
    return np.array(rows, dtype=np.float64)


def _more(page: Sequence[Ranked]) -> list[float]:
    return [page[at].score if len(page) > at else 0.0 for at in range(1, _CHUNKS)]


def _matches(asked: frozenset[str], chunk: Candidate) -> list[float]:
    title = frozenset(terms_of(chunk.title))
    heading = frozenset(terms_of(" ".join(chunk.heading_path)))
    text = frozenset(terms_of(without_signs(chunk.text)))
    names = frozenset(term for term in asked if _is_name(term))
    return [
        _share(asked, title),
        _share(asked, heading),
        _share(asked, text),
        _share(names, title | heading),
        _share(names, text),
        _share(title, asked),
    ]


def _place(chunk: Candidate) -> list[float]:
    return [
        math.log1p(chunk.key.ordinal),
        math.log1p(len(without_signs(chunk.text))),
        math.log1p(len(chunk.title)),
        float(len(chunk.heading_path)),
    ]


def _share(of: frozenset[str], within: frozenset[str]) -> float:
    return len(of & within) / len(of) if of else 0.0


def _names(terms: frozenset[str]) -> float:
    return float(sum(map(_is_name, terms)))


def _is_name(term: str) -> bool:
    return "_" in term or "." in term


def _places(values: Sequence[float]) -> list[int]:
    order = sorted(range(len(values)), key=lambda at: -values[at])
    places = [0] * len(values)
    for place, at in enumerate(order):
        places[at] = place
    return places
