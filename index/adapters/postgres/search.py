"""Reading for questions in Postgres: both rankings, their texts and `as_of` in one snapshot."""

import contextlib
from collections.abc import Collection, Mapping, Sequence
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
        self._apart = sorted(apart)

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
                generation = await _live(cursor)
                source_ids = await _source_ids(cursor, sources)
                if vector is not None and vector.generation != generation:
                    return None
                if generation is None:
                    return Candidates((), {})
                values["generation"] = generation
                chunks: list[Candidate] = []
                for ids in await self._ranked_together(cursor, source_ids):
                    values["source_ids"] = ids
                    chunks += await _found(cursor, generation, values, limit)
                as_of = await _as_of(cursor, generation, source_ids)
                return Candidates(tuple(chunks), as_of, generation)
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

    async def _ranked_together(
        self, cursor: Cursor, source_ids: list[int] | None
    ) -> Sequence[list[int] | None]:
        """The sources of each ranking; None means all of them."""
        apart = await _source_ids(cursor, self._apart) if self._apart else None
        if not apart:
            return [source_ids]
        if source_ids is None:
            await cursor.execute("SELECT source_id FROM source")
            source_ids = [row[0] for row in await cursor.fetchall()]
        others = [one for one in source_ids if one not in apart]
        return [ids for ids in (others, [one for one in source_ids if one in apart]) if ids]

    async def as_of(self, sources: Sequence[SourceName]) -> Mapping[SourceName, SourceAsOf]:
        """The state of some sources in the live generation; nothing while there is none."""
        async with self._database.transaction(snapshot=True) as cursor:
            generation = await _live(cursor)
            if generation is None:
                return {}
            return await _as_of(cursor, generation, await _source_ids(cursor, sources))

    async def page_at(self, url: str) -> ShownPage | None:
        """The live page at `url` with its sections in reading order, or None."""
        for _ in range(_SWITCHES):
            with contextlib.suppress(GenerationGone):
                return await self._page_at(url)
        raise StoreUnavailable("the index is switched again and again")

    async def _page_at(self, url: str) -> ShownPage | None:
        async with self._database.transaction(snapshot=True) as cursor:
            generation = await _live(cursor)
            if generation is None:
                return None
            values = {"generation": generation, "url": url}
            with unless_dropped(generation):
                await cursor.execute(statement_for("read_page_sections_by_url", generation), values)
            rows = await cursor.fetchall()
            if not rows:
                return None
            name, path, page_url, title, commit = rows[0][:5]
            source_ids = await _source_ids(cursor, [SourceName(name)])
            sections = tuple(
                ShownSection(row[5], tuple(row[6]), row[7], row[8])
                for row in rows
                if row[1] == path and row[5] is not None
            )
            as_of = await _as_of(cursor, generation, source_ids)
        return ShownPage(SourceName(name), path, page_url, title, commit, sections, as_of)

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


async def _live(cursor: Cursor) -> Generation | None:
    await cursor.execute("SELECT generation FROM generation WHERE state = 'live'")
    row = await cursor.fetchone()
    return Generation(row[0]) if row else None


async def _source_ids(cursor: Cursor, sources: Sequence[SourceName] | None) -> list[int] | None:
    if sources is None:
        return None
    await cursor.execute("SELECT source_id FROM source WHERE name = ANY(%s)", (list(sources),))
    return [row[0] for row in await cursor.fetchall()]


async def _as_of(
    cursor: Cursor, generation: Generation, source_ids: list[int] | None
) -> Mapping[SourceName, SourceAsOf]:
    await cursor.execute(
        statement("read_as_of"), {"generation": generation, "source_ids": source_ids}
    )
    return {SourceName(row[0]): SourceAsOf(*row[1:]) for row in await cursor.fetchall()}


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
