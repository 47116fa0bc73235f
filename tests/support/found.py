"""A store that finds what it is given."""

from collections.abc import Mapping, Sequence

import numpy as np

from index.core.ports import QueryVector
from index.core.rank import Around, Candidate, Candidates, ChunkKey, QueryTerms
from schemas.errors import EmbedderUnavailable
from schemas.ids import Generation, SourceName

GENERATION = Generation(1)


class FoundStore:
    """`index.core.ports.SearchStore`: offers the first `limit` of its chunks, and remembers what it was asked."""

    def __init__(
        self, chunks: Sequence[Candidate], around: Mapping[ChunkKey, Around] | None = None
    ) -> None:
        self.chunks = chunks
        self._around = around or {}
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
        return Candidates(tuple(self.chunks[:limit]), {}, GENERATION)

    async def around(
        self, generation: Generation, chunks: Sequence[Candidate]
    ) -> Mapping[ChunkKey, Around]:
        assert generation == GENERATION
        return {chunk.key: self._around[chunk.key] for chunk in chunks if chunk.key in self._around}


async def some_vector(_question: str) -> QueryVector:
    """A question's vector, whatever it is."""
    return QueryVector(np.zeros(3, np.float32), None)


async def no_vector(_question: str) -> QueryVector:
    """Raises: EmbedderUnavailable."""
    raise EmbedderUnavailable("it is away")
