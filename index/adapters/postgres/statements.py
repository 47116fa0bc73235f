"""The SQL files: one statement each, loaded by name."""

from collections.abc import Mapping
from functools import cache, lru_cache
from importlib import resources

from psycopg import sql

from schemas.ids import Generation

_TABLES = ("section", "chunk", "vector", "term", "orphan")


@cache
def statement(name: str) -> str:
    """The statement in `sql/<name>.sql`."""
    return (
        resources.files("index.adapters.postgres").joinpath("sql", f"{name}.sql").read_text("utf-8")
    )


@cache
def statement_for(name: str, generation: Generation) -> sql.Composed:
    """The statement in `sql/<name>.sql`, its `{chunk}`, `{vector}` … filled with that generation's tables."""
    return _filled(name, generation, {})


@lru_cache(maxsize=64)
def search_statement(
    generation: Generation, *, limit: int, few: int, most_postings: int, is_filtered: bool
) -> bytes:
    """The search in `sql/search_candidates.sql`, for at most `limit` chunks of either ranking.

    What every search has the same stands in it as it is, and so does that nothing is filtered: one plan serves all.
    """
    return _filled(
        "search_candidates",
        generation,
        {
            "source_ids": sql.Placeholder("source_ids") if is_filtered else sql.NULL,
            "within": sql.Placeholder("within") if is_filtered else sql.NULL,
            "limit": sql.Literal(limit),
            "few": sql.Literal(few),
            "most_postings": sql.Literal(most_postings),
        },
    ).as_bytes(None)


def _filled(name: str, generation: Generation, parts: Mapping[str, sql.Composable]) -> sql.Composed:
    tables = {table: sql.Identifier(f"{table}_g{generation:d}") for table in _TABLES}
    return sql.SQL(statement(name)).format(**tables, **parts)
