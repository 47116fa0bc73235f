"""What a ranker may know of a page that search found: nothing that names a corpus, a page or its path."""

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from index.core.rank import Candidate, RankWeights
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


def pages_of(
    candidates: Sequence[Candidate], weights: RankWeights
) -> list[tuple[float, list[tuple[float, Candidate]]]]:
    """The pages with their chunks as the plain fusion ranks them: (page's score, its chunks' scores), best first."""
    best = max((one.lexical for one in candidates), default=0.0) or 1.0
    scored = sorted(
        ((one.cosine + weights.lexical * one.lexical / best, one) for one in candidates),
        key=lambda pair: (-pair[0], pair[1].key.source, pair[1].key.path, pair[1].key.ordinal),
    )
    pages: dict[str, list[tuple[float, Candidate]]] = {}
    for score, one in scored:
        pages.setdefault(one.url, []).append((score, one))
    ranked = [
        (page[0][0] + weights.page * sum(score for score, _ in page[1:3]), page)
        for page in pages.values()
    ]
    return sorted(ranked, key=lambda page: -page[0])


def features_of(
    question: str, pages: Sequence[tuple[float, list[tuple[float, Candidate]]]]
) -> Floats:
    """A row for each page, shape (pages, `len(FEATURES)`)."""
    if not pages:
        return np.zeros((0, len(FEATURES)))
    asked = frozenset(terms_of(question))
    scores = [score for score, _ in pages]
    cosines = [max(one.cosine for _, one in chunks) for _, chunks in pages]
    lexical = [max(one.lexical for _, one in chunks) for _, chunks in pages]
    most = max(lexical) or 1.0
    by_cosine, by_terms = _places(cosines), _places(lexical)
    lead = scores[0] - scores[1] if len(scores) > 1 else 0.0
    rows = []
    for at, (score, chunks) in enumerate(pages):
        after = scores[at + 1] if at + 1 < len(scores) else score
        rows.append(
            [
                score, cosines[at], lexical[at] / most, *_more(chunks),
                math.log1p(at), math.log1p(by_cosine[at]), math.log1p(by_terms[at]), math.log1p(len(chunks)),
                score - scores[0], cosines[at] - max(cosines), score - after,
                *_matches(asked, chunks[0][1]),
                *_place(chunks[0][1]),
                len(asked), _names(asked), max(cosines), lead,
            ]
        )  # fmt: skip
    return np.array(rows, dtype=np.float64)


def _more(chunks: Sequence[tuple[float, Candidate]]) -> list[float]:
    return [chunks[at][0] if len(chunks) > at else 0.0 for at in (1, 2)]


def _matches(asked: frozenset[str], chunk: Candidate) -> list[float]:
    title = frozenset(terms_of(chunk.title))
    heading = frozenset(terms_of(" ".join(chunk.heading_path)))
    text = frozenset(terms_of(chunk.text))
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
        math.log1p(len(chunk.text)),
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
