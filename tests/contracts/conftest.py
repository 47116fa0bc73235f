"""Every contract of a store is kept by memory and by Postgres alike."""

import pytest

from index.adapters.postgres.database import Database
from tests.support.shelves import MemoryShelf, PostgresShelf, Shelf


@pytest.fixture(params=["memory", "postgres"])
def shelf(request: pytest.FixtureRequest) -> Shelf:
    """An empty store with its ledger."""
    if request.param == "memory":
        return MemoryShelf()
    database: Database = request.getfixturevalue("postgres")
    return PostgresShelf(database)
