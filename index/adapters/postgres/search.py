"""Reading for questions in Postgres: both rankings, their texts and `as_of` in one snapshot."""

import contextlib
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from pgvector import Vector

from index.adapters.postgres.database import Cursor, Database
from index.adapters.postgres.dropped import unless_dropped
from index.adapters.postgres.statements import search_statement, statement, statement_for
from index.core.paths import path_regex
from index.core.ports import QueryVector
from index.core.rank import (
    Around,
    Candidate,
    Candidates,
    ChunkKey,
    QueryTerms,
    RankWeights,
    SourceAsOf,
)
from index.core.stored import ShownPage, ShownSection
from schemas.answers import MAX_AROUND
from schemas.errors import GenerationGone, StoreUnavailable
from schemas.ids import Generation, SourceName

_FEW = 5_000
"""Chunks that a filter leaves, at most, for each of them to be compared: that takes some 20 ms."""

_MOST_POSTINGS = 50_000
"""Places of a question's terms that one search reads: in an index of 20,000 chunks hardly ever not all of them."""

_SWITCHES = 5
"""Switches of the live generation that one read may meet, one after the other."""


@dataclass(frozen=True, slots=True)
class _Live:
    """The live generation, None while there is none, and its sources that are asked for."""

    generation: Generation | None
    ids: Mapping[SourceName, int]
    as_of: Mapping[SourceName, SourceAsOf]


class PostgresSearch:
    """`index.core.ports.SearchStore` over Postgres.

    The sources that are to be `apart` have rankings of their own: they take no place in those of all others, and their
    words count nothing there.
    """

    def __init__(
        self, database: Database, *, weights: RankWeights, apart: Collection[SourceName] = ()
    ) -> None:
        self._database = database
        self._weights = weights
        self._apart = frozenset(apart)

    async def candidates(
        self,
        *,
        vector: QueryVector | None,
        terms: QueryTerms,
        sources: Sequence[SourceName] | None,
        limit: int,
        paths: Sequence[str] = (),
    ) -> Candidates | None:
        """See `SearchStore.candidates`."""
        values: dict[str, object] = {
            **self._weight_values(),
            "vector": None if vector is None else Vector(vector.values),
            "terms": list(terms.terms),
            "within": path_regex(paths) if paths else None,
        }
        with contextlib.suppress(GenerationGone):  # dropped right after it was the live one
            async with self._database.transaction(snapshot=True) as cursor:
                live = await _live(cursor, sources)
                if vector is not None and vector.generation != live.generation:
                    return None
                if live.generation is None:
                    return Candidates((), {})
                values["generation"] = live.generation
                chunks: list[Candidate] = []
                for ids in self._ranked_together(live, is_all=sources is None):
                    values["source_ids"] = ids
                    chunks += await _found(cursor, live.generation, values, limit)
                return Candidates(tuple(chunks), live.as_of, live.generation)
        return None

    async def around(
        self, generation: Generation, chunks: Sequence[Candidate]
    ) -> Mapping[ChunkKey, Around]:
        """See `SearchStore.around`."""
        values = {
            "generation": generation,
            "around": MAX_AROUND,
            "sources": [chunk.key.source for chunk in chunks],
            "paths": [chunk.key.path for chunk in chunks],
            "ordinals": [chunk.key.ordinal for chunk in chunks],
            "sections": [chunk.section for chunk in chunks],
            "revisions": [chunk.revision for chunk in chunks],
        }
        with contextlib.suppress(GenerationGone):  # what is gone has nothing around it
            async with self._database.statement() as cursor:
                with unless_dropped(generation):
                    await cursor.execute(statement_for("read_around", generation), values)
                return {
                    ChunkKey(SourceName(name), path, ordinal): Around(tuple(before), tuple(after))
                    for name, path, ordinal, before, after in await cursor.fetchall()
                }
        return {}

    def _ranked_together(self, live: _Live, *, is_all: bool) -> Sequence[list[int] | None]:
        """The sources of each ranking; None means all of them."""
        apart = [id_ for name, id_ in live.ids.items() if name in self._apart]
        others = [id_ for name, id_ in live.ids.items() if name not in self._apart]
        if not apart:
            return [None if is_all else others]
        return [ids for ids in (others, apart) if ids]

    async def as_of(self, sources: Sequence[SourceName]) -> Mapping[SourceName, SourceAsOf]:
        """The state of some sources in the live generation; nothing while there is none."""
        async with self._database.statement() as cursor:
            return (await _live(cursor, sources)).as_of

    async def page_at(self, url: str) -> ShownPage | None:
        """The live page at `url` with its sections in reading order, or None."""
        for _ in range(_SWITCHES):
            with contextlib.suppress(GenerationGone):
                return await self._page_at(url)
        raise StoreUnavailable("the index is switched again and again")

    async def _page_at(self, url: str) -> ShownPage | None:
        async with self._database.transaction(snapshot=True) as cursor:
            live = await _live(cursor, None)
            generation = live.generation
            if generation is None:
                return None
            values = {"generation": generation, "url": url}
            with unless_dropped(generation):
                await cursor.execute(statement_for("read_page_sections_by_url", generation), values)
            rows = await cursor.fetchall()
            if not rows:
                return None
            name, path, page_url, title, commit = rows[0][:5]
            sections = tuple(
                ShownSection(row[5], tuple(row[6]), row[7], row[8])
                for row in rows
                if row[1] == path and row[5] is not None
            )
        source = SourceName(name)
        as_of = {source: live.as_of[source]}
        return ShownPage(source, path, page_url, title, commit, sections, as_of)

    def _weight_values(self) -> dict[str, float]:
        weights = self._weights
        return {
            "k1": weights.k1,
            "b": weights.b,
            "title": weights.title,
            "heading": weights.heading,
            "path_weight": weights.path,
            "body": weights.body,
        }


async def _live(cursor: Cursor, sources: Sequence[SourceName] | None) -> _Live:
    names = None if sources is None else list(sources)
    await cursor.execute(statement("read_live"), {"sources": names})
    rows = await cursor.fetchall()
    known = [(SourceName(row[2]), row) for row in rows if row[2] is not None]
    return _Live(
        Generation(rows[0][0]) if rows else None,
        {name: row[1] for name, row in known},
        {name: SourceAsOf(*row[3:]) for name, row in known},
    )


async def _found(
    cursor: Cursor, generation: Generation, values: Mapping[str, object], limit: int
) -> Sequence[Candidate]:
    is_filtered = values["source_ids"] is not None or values["within"] is not None
    search = search_statement(
        generation, limit=limit, few=_FEW, most_postings=_MOST_POSTINGS, is_filtered=is_filtered
    )
    with unless_dropped(generation):
        # Planned anew for each filter: a plan for any of them takes twice as long as one for this.
        await cursor.execute(search, values, prepare=not is_filtered)
    return [_candidate(row) for row in await cursor.fetchall()]


def _candidate(row: Sequence[object]) -> Candidate:
    source, path, ordinal, section, url, title, heading_path, *rest = row
    key = ChunkKey(SourceName(str(source)), str(path), int(str(ordinal)))
    anchor, text, commit, revision, cosine, lexical, committed_at = rest
    return Candidate(
        key,
        int(str(section)),
        str(url),
        str(title),
        tuple(heading_path),  # type: ignore[arg-type] # a text[] column
        str(anchor),
        str(text),
        str(commit),
        float(cosine),  # type: ignore[arg-type] # a float8 column
        float(lexical),  # type: ignore[arg-type] # a float8 column
        committed_at if isinstance(committed_at, datetime) else None,
        int(str(revision)),
    )
