"""The SQL files: one statement each, loaded by name."""

from functools import cache
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
    tables = {table: sql.Identifier(f"{table}_g{generation:d}") for table in _TABLES}
    return sql.SQL(statement(name)).format(**tables)
