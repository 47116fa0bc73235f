"""How two rankings become one list of sections to read: fused, page first."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from schemas.ids import SourceName


@dataclass(frozen=True, slots=True)
class QueryTerms:
    """The distinct terms of a question, as `index.core.terms` makes them."""

    terms: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class RankWeights:
    """How the rankings are weighed; every value is 0 or more.

    `k1` and `b` are BM25's; the field weights multiply a term's count there. `lexical` is the share of the lexical
    ranking in the fused one, `damping` that of reciprocal rank fusion, `page` the share of the page's score in a chunk's.
    """

    k1: float = 1.2
    b: float = 0.75
    title: float = 3.0
    heading: float = 2.0
    path: float = 1.0
    body: float = 1.0
    lexical: float = 1.0
    damping: float = 60.0
    per_page: int = 2


@dataclass(frozen=True, slots=True)
class ChunkKey:
    """A chunk by its page and place."""

    source: SourceName
    path: str
    ordinal: int


@dataclass(frozen=True, slots=True)
class Candidate:
    """A chunk that one of the legs found, with all that a hit shows.

    `cosine` is its similarity to the question, in [-1, 1]; `lexical` the BM25 score of its section, 0 when no term
    matches.
    """

    key: ChunkKey
    section: int
    url: str
    title: str
    heading_path: tuple[str, ...]
    anchor: str
    text: str
    commit: str
    cosine: float
    lexical: float


@dataclass(frozen=True, slots=True)
class SourceAsOf:
    """What the answers reflect of a source: the newest commit that is wholly searchable or parked."""

    commit: str
    committed_at: datetime | None
    indexed_at: datetime | None
    parked: int


@dataclass(frozen=True, slots=True)
class Candidates:
    """What one snapshot of the store offers a question."""

    chunks: tuple[Candidate, ...]
    as_of: Mapping[SourceName, SourceAsOf]


@dataclass(frozen=True, slots=True)
class Ranked:
    """A candidate with its fused score."""

    candidate: Candidate
    score: float


def inverse_frequency(sections: int, holding: int) -> float:
    """How much a term tells, from how many of `sections` hold it: always above 0.

    Source: Robertson & Zaragoza, The Probabilistic Relevance Framework (2009), with the +1 that keeps it positive.
    """
    return math.log(1 + (max(sections, holding) - holding + 0.5) / (holding + 0.5))


def rank_page_first(
    candidates: Sequence[Candidate], *, k: int, weights: RankWeights
) -> list[Ranked]:
    """Fuse both rankings, order pages by their best chunk, and take at most `per_page` chunks of each, `k` in all.

    Ties fall back to source, path and ordinal. A chunk that only one leg found takes part with that leg alone.
    Source: reciprocal rank fusion, Cormack, Clarke & Buettcher, SIGIR 2009.
    """
    fused = _fuse(candidates, weights)
    by_page: dict[tuple[SourceName, str], list[Ranked]] = {}
    for ranked in sorted(fused, key=_best_first):
        key = ranked.candidate.key
        by_page.setdefault((key.source, key.path), []).append(ranked)
    pages = sorted(by_page.values(), key=lambda page: _best_first(page[0]))
    rounds = [
        page[depth] for depth in range(weights.per_page) for page in pages if depth < len(page)
    ]
    return sorted(rounds[:k], key=_best_first)


def _fuse(candidates: Sequence[Candidate], weights: RankWeights) -> list[Ranked]:
    by_cosine = _ranks(candidates, [candidate.cosine for candidate in candidates])
    by_lexical = _ranks(candidates, [candidate.lexical for candidate in candidates])
    return [
        Ranked(
            candidate,
            1 / (weights.damping + dense)
            + (weights.lexical / (weights.damping + lexical) if candidate.lexical > 0 else 0.0),
        )
        for candidate, dense, lexical in zip(candidates, by_cosine, by_lexical, strict=True)
    ]


def _ranks(candidates: Sequence[Candidate], scores: Sequence[float]) -> list[int]:
    """1-based ranks, equal scores sharing the better one."""
    order = sorted(range(len(candidates)), key=lambda i: -scores[i])
    ranks = [0] * len(candidates)
    for place, i in enumerate(order, 1):
        same = place > 1 and scores[i] == scores[order[place - 2]]
        ranks[i] = ranks[order[place - 2]] if same else place
    return ranks


def _best_first(ranked: Ranked) -> tuple[float, SourceName, str, int]:
    key = ranked.candidate.key
    return (-ranked.score, key.source, key.path, key.ordinal)
