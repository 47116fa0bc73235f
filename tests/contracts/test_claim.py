"""The claim to follow in a database: one has it at a time, and it goes with its holder."""

import psycopg
import pytest

from index.adapters.postgres.claim import DatabaseClaim
from schemas.errors import StoreUnavailable


def end_sessions(conninfo: str) -> None:
    """End every session that holds a claim, as a restart of the server does."""
    with psycopg.connect(conninfo, autocommit=True) as connection:
        connection.execute(
            "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity"
            " WHERE application_name = 'headwater claim'"
            " AND datname = current_database()"
        )


def test_one_has_it_at_a_time(conninfo: str) -> None:
    first, second = DatabaseClaim(conninfo), DatabaseClaim(conninfo)

    assert first.take_exclusive()
    assert first.take_exclusive()
    assert not second.take_exclusive(timeout_s=0.2)
    assert second.is_taken()
    first.release()
    first.release()
    assert second.take_exclusive()
    second.release()
    assert not first.is_taken()


def test_who_lost_it_with_the_connection_has_it_again_if_nobody_took_it(conninfo: str) -> None:
    claim = DatabaseClaim(conninfo)
    assert claim.take_exclusive()
    end_sessions(conninfo)

    assert claim.is_kept()
    assert not DatabaseClaim(conninfo).take_exclusive()
    claim.release()


def test_who_lost_it_to_another_is_told(conninfo: str) -> None:
    first, second = DatabaseClaim(conninfo), DatabaseClaim(conninfo)
    assert first.take_exclusive()
    end_sessions(conninfo)
    assert second.take_exclusive()

    assert not first.is_kept()
    assert second.is_kept()
    second.release()


def test_a_database_that_is_away_is_nobodys_claim() -> None:
    claim = DatabaseClaim("host=127.0.0.1 port=1 connect_timeout=1")

    assert not claim.take_exclusive()
    with pytest.raises(StoreUnavailable):
        claim.is_kept()
