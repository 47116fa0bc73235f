"""Migrations: forward only, known by number, and together the schema of the snapshot."""

import psycopg
import pytest

from index.adapters.postgres.migrate import migrate, migrations
from schemas.errors import WrongUse
from tests.support.schema import SNAPSHOT, schema_of


def test_migrating_twice_changes_nothing(conninfo: str) -> None:
    before = schema_of(conninfo)

    applied = migrate(conninfo)

    assert list(applied) == []
    assert schema_of(conninfo) == before


def test_checking_lists_what_is_missing_and_applies_nothing(empty_conninfo: str) -> None:
    everything = [name for _, name, _ in migrations()]

    missing = migrate(empty_conninfo, check=True)

    assert list(missing) == everything
    assert list(migrate(empty_conninfo)) == everything
    assert list(migrate(empty_conninfo, check=True)) == []


def test_a_schema_newer_than_the_program_is_refused(conninfo: str) -> None:
    with psycopg.connect(conninfo) as connection:
        connection.execute("INSERT INTO migration (number, name) VALUES (9999, '9999_later.sql')")

    with pytest.raises(WrongUse):
        migrate(conninfo)


def test_the_migrations_give_the_schema_of_the_snapshot(conninfo: str) -> None:
    """After a new migration, write the snapshot anew: `python -m tests.support.schema CONNINFO`."""
    assert schema_of(conninfo) == SNAPSHOT.read_text("utf-8").splitlines()
