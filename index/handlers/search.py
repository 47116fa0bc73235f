"""Finding the chunks that answer a question."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace

import structlog

from index.core.caps import cap_sources
from index.core.explain import Account, crowded_out, left_out_of, passed_over, why_of
from index.core.inline_code import read_signs, without_signs
from index.core.names import names_in
from index.core.pinned import Apart, set_apart
from index.core.ports import QueryVector, SearchStore
from index.core.rank import (
    Around,
    Candidate,
    Candidates,
    ChunkKey,
    Ordered,
    QueryTerms,
    Ranked,
    RankWeights,
    SourceAsOf,
    Standing,
    order_page_first,
    standings_of,
    without_repeats,
)
from index.core.steering import Steering
from index.core.stored import ShownPage
from index.core.synonyms import widened_terms
from index.core.terms import terms_of
from schemas.answers import (
    HEADING_JOINT,
    AsOf,
    Explanation,
    Hit,
    PageResponse,
    PageSection,
    SearchResponse,
)
from schemas.errors import EmbedderUnavailable, StoreUnavailable, UnknownSource
from schemas.ids import SourceName

_log = structlog.get_logger()

_MAX_TERMS = 64
_MAX_CANDIDATES = 1_000
_MORE = 4
"""How many times more are asked for where hidden pages take the places."""

_SWITCHES = 5
"""Switches of the live generation that one question may meet, one after the other."""

EmbedQuery = Callable[[str], Awaitable[QueryVector]]
"""Embeds a question with the model of the live generation. Raises: EmbedderUnavailable."""


@dataclass(frozen=True, slots=True)
class Searcher:
    """All that a search is made with: `candidates` chunks are asked of each ranking; `caps`: the most of a source."""

    store: SearchStore
    embed_query: EmbedQuery
    weights: RankWeights
    candidates: int
    steering: Steering = field(default_factory=Steering)
    caps: Mapping[SourceName, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Within:
    """Where to look: `sources` None means all of them, no `paths` all pages, see `index.core.paths`."""

    sources: Sequence[str] | None = None
    paths: Sequence[str] = ()

    @property
    def names(self) -> Sequence[SourceName] | None:
        """The sources by the names they are stored under."""
        return None if self.sources is None else [SourceName(name) for name in self.sources]


async def search_index(
    question: str, *, k: int, within: Within, searcher: Searcher
) -> SearchResponse:
    """Find at most `k` chunks, best first; lexical search alone answers while the embedder is away.

    Raises: UnknownSource for a name in `within` that is none; StoreUnavailable.
    """
    steering = searcher.steering
    own = tuple(dict.fromkeys(terms_of(question)))[:_MAX_TERMS]
    widened = widened_terms(question, steering.synonyms)[:_MAX_TERMS]
    vector, found, hidden = await _find_shown(
        question, QueryTerms((*own, *widened)), within, searcher
    )
    for name in within.names or ():
        if name not in found.as_of:
            raise UnknownSource(name)
    has_vectors = vector is not None
    ways = steering.ways_to_ask(question) if steering.pinned else ()
    apart = set_apart(found.chunks, ways, steering.pinned, has_vectors=has_vectors)
    ordered, ranked, kept = _ranked(question, apart, k=k, searcher=searcher)
    crowded = crowded_out(ordered.crowded, kept, k=k)
    standings = {
        **standings_of(apart.others, has_vectors=has_vectors),
        **standings_of(apart.first, has_vectors=has_vectors),
    }
    repeats = passed_over(ordered.ranked, ranked)
    account = Account(apart, widened, hidden, passed_over(ranked, kept), repeats, crowded)
    around = await _around(found, kept, searcher.store)
    return SearchResponse(
        question=question,
        hits=[_hit(one, standings, account, around) for one in kept],
        as_of=shown_as_of(found.as_of),
        degraded=None if has_vectors else "lexical_only",
        explanation=Explanation(
            question=question,
            terms=own,
            synonyms=widened,
            left_out=tuple(left_out_of(account)),
        ),
    )


def _ranked(
    question: str, apart: Apart, *, k: int, searcher: Searcher
) -> tuple[Ordered, list[Ranked], list[Ranked]]:
    """All in order, those of them that repeat none, and the `k` of these that are shown."""
    ordered = order_page_first(
        apart.others,
        weights=searcher.weights,
        weight_of=searcher.steering.weight_of,
        first=apart.first,
        names=names_in(question),
    )
    most = len(ordered.ranked) if searcher.caps else k
    ranked = without_repeats(ordered.ranked, least=searcher.weights.alike, k=k, most=most)
    return ordered, ranked, cap_sources(ranked, searcher.caps, k=k)


async def _find_shown(
    question: str, terms: QueryTerms, within: Within, searcher: Searcher
) -> tuple[QueryVector | None, Candidates, Sequence[Candidate]]:
    """What is found without pages of weight 0, and these; where they take the places of others, more is asked for."""
    limit = searcher.candidates
    while True:
        vector, found = await _find(question, terms, within, replace(searcher, candidates=limit))
        if not searcher.steering.may_hide:
            return vector, found, ()
        shown = tuple(one for one in found.chunks if searcher.steering.weight_of(one.key) > 0)
        ranked = [one for one in shown if one.key.source not in searcher.steering.pinned]
        is_enough = len(ranked) >= searcher.candidates or len(shown) == len(found.chunks)
        if is_enough or limit >= _MAX_CANDIDATES:
            hidden = [one for one in found.chunks if searcher.steering.weight_of(one.key) == 0]
            return vector, replace(found, chunks=shown), hidden
        limit = min(limit * _MORE, _MAX_CANDIDATES)


async def _find(
    question: str, terms: QueryTerms, within: Within, searcher: Searcher
) -> tuple[QueryVector | None, Candidates]:
    """Ask the live generation with a vector of its own model, however often it is switched meanwhile."""
    for _ in range(_SWITCHES):
        vector: QueryVector | None = None
        try:
            vector = await searcher.embed_query(question)
        except EmbedderUnavailable as error:
            _log.warning("search.lexical_only", reason=str(error))
        found = await searcher.store.candidates(
            vector=vector,
            terms=terms,
            sources=within.names,
            limit=searcher.candidates,
            paths=within.paths,
        )
        if found is not None:
            return vector, found
    raise StoreUnavailable("the index is switched again and again")


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


async def _around(
    found: Candidates, kept: Sequence[Ranked], store: SearchStore
) -> Mapping[ChunkKey, Around]:
    if found.generation is None or not kept:
        return {}
    return await store.around(found.generation, [one.candidate for one in kept])


def shown_page(page: ShownPage) -> PageResponse:
    """The public shape of a page."""
    return PageResponse(
        url=page.url,
        title=page.title,
        source=page.source,
        path=page.path,
        commit=page.commit,
        sections=[
            PageSection(
                heading=section.heading,
                path=section.path,
                anchor=section.anchor,
                text=without_signs(section.text),
            )
            for section in page.sections
        ],
        as_of=shown_as_of(page.as_of),
    )


def _hit(
    ranked: Ranked,
    standings: Mapping[ChunkKey, Standing],
    account: Account,
    all_around: Mapping[ChunkKey, Around],
) -> Hit:
    chunk = ranked.candidate
    standing = standings[chunk.key]
    around = all_around.get(chunk.key, Around())
    texts, code = zip(*map(read_signs, (*around.before, chunk.text, *around.after)), strict=True)
    at = len(around.before)
    return Hit(
        url=chunk.url,
        title=chunk.title,
        section=HEADING_JOINT.join(chunk.heading_path),
        anchor=chunk.anchor,
        text=texts[at],
        score=ranked.score,
        source=chunk.key.source,
        commit=chunk.commit,
        similarity=None if standing.vectors is None else chunk.cosine,
        lexical=None if standing.lexical is None else chunk.lexical,
        vector_rank=standing.vectors,
        lexical_rank=standing.lexical,
        committed_at=chunk.committed_at,
        before=texts[:at],
        after=texts[at + 1 :],
        code=code if any(code) else (),
        pinned=ranked.parts.pinned > 0,
        why=why_of(ranked, account),
    )
