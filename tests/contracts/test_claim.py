"""The claim to follow in a database: one has it at a time, and it goes with its holder."""

import asyncio
import contextlib
import threading
import time

import psycopg
import pytest

from headwater.intake import keep_claim
from index.adapters.postgres.claim import DatabaseClaim
from schemas.errors import ClaimLost, StoreUnavailable
from tests.support.program import poll
from tests.support.proxy import before_database


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


def test_r24_who_no_longer_hears_the_server_stops_following_in_bounded_time(conninfo: str) -> None:
    """Its packets vanish, the server gives its claim to another, and it cannot learn of that."""
    with before_database(conninfo) as (proxy, address):
        first = DatabaseClaim(address, believed_for_s=3, answer_s=2)
        second = DatabaseClaim(conninfo)
        assert first.take_exclusive()
        proxy.swallow()
        end_sessions(conninfo)  # as its keepalives do
        assert second.take_exclusive()
        start_s = time.monotonic()

        with pytest.raises(ClaimLost):
            asyncio.run(asyncio.wait_for(keep_claim(first), 30))

        assert (
            time.monotonic() - start_s < 20
        )  # as long as it believes, and one try, on a busy machine
        assert second.is_kept()
        second.release()
        first.release()


def test_a_server_that_refuses_is_waited_for_without_limit(conninfo: str) -> None:
    with before_database(conninfo) as (proxy, address):
        claim = DatabaseClaim(address, believed_for_s=0)
        assert claim.take_exclusive()
        proxy.cut()
        for _ in range(3):
            with pytest.raises(StoreUnavailable):
                claim.is_kept()
        proxy.heal()

        assert claim.is_kept()
        claim.release()


def test_a_release_while_it_is_being_taken_leaves_nobody_with_the_claim(conninfo: str) -> None:
    with before_database(conninfo) as (proxy, address):
        claim, others = DatabaseClaim(address), DatabaseClaim(conninfo)
        taken: list[bool] = []
        proxy.swallow()
        taking = threading.Thread(target=lambda: taken.append(claim.take_exclusive(timeout_s=30)))
        taking.start()
        claim.release()
        proxy.heal()
        taking.join(timeout=30)

        assert taken == [False]
        poll(lambda: _is_free(others), "a claim that nobody has")


def _is_free(claim: DatabaseClaim) -> bool:
    with contextlib.suppress(StoreUnavailable):
        return not claim.is_taken()
    return False
