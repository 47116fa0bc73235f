"""Finding the chunks that answer a question."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import structlog
from numpy.typing import NDArray

from index.core.ports import SearchStore
from index.core.rank import QueryTerms, Ranked, RankWeights, SourceAsOf, rank_page_first
from index.core.terms import terms_of
from schemas.answers import HEADING_JOINT, AsOf, Hit, SearchResponse
from schemas.errors import EmbedderUnavailable, UnknownSource
from schemas.ids import SourceName

_log = structlog.get_logger()

_MAX_TERMS = 64

EmbedQuery = Callable[[str], Awaitable[NDArray[np.float32]]]


@dataclass(frozen=True, slots=True)
class Searcher:
    """All that a search is made with: `candidates` chunks are asked of each ranking."""

    store: SearchStore
    embed_query: EmbedQuery
    weights: RankWeights
    candidates: int


async def search_index(
    question: str, *, k: int, sources: Sequence[str] | None, searcher: Searcher
) -> SearchResponse:
    """Find at most `k` chunks, best first; lexical search alone answers while the embedder is away.

    Raises: UnknownSource for a name in `sources` that is none; StoreUnavailable.
    """
    names = None if sources is None else [SourceName(name) for name in sources]
    terms = QueryTerms(tuple(dict.fromkeys(terms_of(question)))[:_MAX_TERMS])
    vector: NDArray[np.float32] | None = None
    try:
        vector = await searcher.embed_query(question)
    except EmbedderUnavailable as error:
        _log.warning("search.lexical_only", reason=str(error))
    found = await searcher.store.candidates(
        vector=vector, terms=terms, sources=names, limit=searcher.candidates
    )
    for name in names or ():
        if name not in found.as_of:
            raise UnknownSource(name)
    ranked = rank_page_first(found.chunks, k=k, weights=searcher.weights)
    return SearchResponse(
        question=question,
        hits=[_hit(entry, has_vector=vector is not None) for entry in ranked],
        as_of=shown_as_of(found.as_of),
        degraded=None if vector is not None else "lexical_only",
    )


def shown_as_of(as_of: Mapping[SourceName, SourceAsOf]) -> dict[str, AsOf]:
    """The public shape of `as_of`. A source whose first sync is under way reflects no commit yet and is left out."""
    return {
        name: AsOf(
            commit=state.commit,
            committed_at=state.committed_at,
            indexed_at=state.indexed_at,
            parked=state.parked,
        )
        for name, state in as_of.items()
        if state.committed_at is not None and state.indexed_at is not None
    }


def _hit(ranked: Ranked, *, has_vector: bool) -> Hit:
    chunk = ranked.candidate
    return Hit(
        url=chunk.url,
        title=chunk.title,
        section=HEADING_JOINT.join(chunk.heading_path),
        anchor=chunk.anchor,
        text=chunk.text,
        score=ranked.score,
        source=chunk.key.source,
        commit=chunk.commit,
        similarity=chunk.cosine if has_vector else None,
        before=chunk.before,
        after=chunk.after,
    )
