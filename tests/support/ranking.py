"""Ranking as a search does it, in one call."""

from collections.abc import Sequence

from index.core.rank import (
    Candidate,
    Ranked,
    RankWeights,
    WeightOf,
    order_page_first,
    same_weight,
    without_repeats,
)


def rank_page_first(
    candidates: Sequence[Candidate],
    *,
    k: int,
    weights: RankWeights,
    weight_of: WeightOf = same_weight,
    first: Sequence[Candidate] = (),
    names: Sequence[str] = (),
) -> list[Ranked]:
    """The first `k` without repeats."""
    ordered = order_page_first(
        candidates, weights=weights, weight_of=weight_of, first=first, names=names
    ).ranked
    return without_repeats(ordered, least=weights.alike, k=k)
