"""A store that finds what it is given."""

from collections.abc import Sequence

import numpy as np

from index.core.ports import QueryVector
from index.core.rank import Candidate, Candidates, QueryTerms
from schemas.errors import EmbedderUnavailable
from schemas.ids import SourceName


class FoundStore:
    """`index.core.ports.SearchStore`: offers the first `limit` of its chunks, and remembers what it was asked."""

    def __init__(self, chunks: Sequence[Candidate]) -> None:
        self.chunks = chunks
        self.limits: list[int] = []
        self.terms: tuple[str, ...] = ()

    async def candidates(
        self,
        *,
        vector: QueryVector | None,
        terms: QueryTerms,
        sources: Sequence[SourceName] | None,
        limit: int,
        paths: Sequence[str] = (),
    ) -> Candidates:
        self.limits.append(limit)
        self.terms = terms.terms
        return Candidates(tuple(self.chunks[:limit]), {})


async def some_vector(_question: str) -> QueryVector:
    """A question's vector, whatever it is."""
    return QueryVector(np.zeros(3, np.float32), None)


async def no_vector(_question: str) -> QueryVector:
    """Raises: EmbedderUnavailable."""
    raise EmbedderUnavailable("it is away")
