"""Scores of retrieval on questions whose page is known: pure functions of what was found."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import msgspec

_Z_95 = 1.959963984540054


class Question(msgspec.Struct, frozen=True, kw_only=True):
    """A question and the address, anchor included, of the section that answers it."""

    question: str
    source: str
    answer: str | None = None


@dataclass(frozen=True, slots=True)
class Found:
    """What one search placed in the context: page URLs without anchors, best first, a page once per chunk of it."""

    urls: tuple[str, ...]
    context_chars: int


class Item(msgspec.Struct, frozen=True, kw_only=True):
    """One question scored. `rank` is the labelled page's place among the distinct pages, from 1; None for a miss."""

    question: str
    source: str
    rank: int | None
    is_covered: bool
    urls: tuple[str, ...]
    error: str | None = None


class RetrievalReport(msgspec.Struct, frozen=True, kw_only=True):
    """What `headwater eval run` prints.

    `retrieval_score` is the share of questions whose page is among those of the k chunks, `interval` its Wilson 95 %
    interval; errors are in `unmeasured` and in no mean, a page that is not indexed is a miss and lowers `covered`.
    """

    n: int
    k: int
    covered: float
    retrieval_score: float
    interval: tuple[float, float]
    mrr: float
    ndcg: float
    recall_at: dict[int, float]
    distinct_pages: float
    context_chars: float
    unmeasured: int
    items: list[Item]


def page_of(url: str) -> str:
    """A page's address without the anchor of a section."""
    return url.partition("#")[0]


def rank_of(label: str, urls: Sequence[str]) -> int | None:
    """The place of the labelled page among the distinct pages found, from 1; None when it is not there."""
    distinct = list(dict.fromkeys(urls))
    page = page_of(label)
    return distinct.index(page) + 1 if page in distinct else None


def wilson(successes: int, n: int) -> tuple[float, float]:
    """The 95 % interval of a rate; (0, 1) for no trial. Source: Wilson, JASA 1927."""
    if n == 0:
        return (0.0, 1.0)
    share, square = successes / n, _Z_95**2
    middle = (share + square / (2 * n)) / (1 + square / n)
    half = _Z_95 / (1 + square / n) * math.sqrt(share * (1 - share) / n + square / (4 * n * n))
    return (max(0.0, middle - half), min(1.0, middle + half))


def report_of(items: Sequence[Item], found: Sequence[Found | None], *, k: int) -> RetrievalReport:
    """Sum up; `found` stands beside `items`, None where a question was not measured."""
    pairs = [(item, got) for item, got in zip(items, found, strict=True) if got is not None]
    ranks = [item.rank for item, _ in pairs]
    hits = sum(rank is not None for rank in ranks)
    return RetrievalReport(
        n=len(pairs),
        k=k,
        covered=_mean([float(item.is_covered) for item, _ in pairs]),
        retrieval_score=_mean([float(rank is not None) for rank in ranks]),
        interval=wilson(hits, len(pairs)),
        mrr=_mean([1 / rank if rank else 0.0 for rank in ranks]),
        ndcg=_mean([1 / math.log2(1 + rank) if rank else 0.0 for rank in ranks]),
        recall_at={
            at: _mean([float(rank is not None and rank <= at) for rank in ranks])
            for at in sorted({1, 3, 5, k})
            if at <= k
        },
        distinct_pages=_mean([float(len(set(got.urls))) for _, got in pairs]),
        context_chars=_mean([float(got.context_chars) for _, got in pairs]),
        unmeasured=len(items) - len(pairs),
        items=list(items),
    )


def _mean(values: Sequence[float]) -> float:
    return sum(values) / len(values) if values else 0.0
