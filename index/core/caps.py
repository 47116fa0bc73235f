"""How much of an answer one source may fill."""

from collections import Counter
from collections.abc import Mapping, Sequence

from index.core.rank import Ranked
from schemas.ids import SourceName


def cap_sources(
    ranked: Sequence[Ranked], caps: Mapping[SourceName, int], *, k: int
) -> list[Ranked]:
    """The first `k` in their order, of a source in `caps` no more than it says: pages written by anybody, and made
    for one question, can push nothing else out of its answer.
    """
    taken: Counter[SourceName] = Counter()
    kept: list[Ranked] = []
    for one in ranked:
        source = one.candidate.key.source
        if taken[source] < caps.get(source, k):
            taken[source] += 1
            kept.append(one)
    return kept[:k]
