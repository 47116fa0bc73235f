"""Where even parking is impossible a worker ends with nothing acknowledged, and goes on once it is possible again."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg
import pytest

from headwater.cluster.broker import LocalBroker
from headwater.failing import EXIT_UNREACHABLE
from tests.support.deployment import Deployed, a_deployment
from tests.support.program import poll
from tests.support.warm import Warm

_BUG = "unlucky"
_FORBID = """
CREATE FUNCTION forbid() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'nothing is kept here' USING ERRCODE = 'check_violation';
END $$;
CREATE TRIGGER forbid BEFORE INSERT ON parked FOR EACH ROW EXECUTE FUNCTION forbid();
CREATE TRIGGER forbid BEFORE INSERT ON undecodable FOR EACH ROW EXECUTE FUNCTION forbid();
"""
_ALLOW = "DROP FUNCTION forbid() CASCADE"


@pytest.fixture
def deployed(tmp_path: Path, broker: LocalBroker, database: str, warm: Warm) -> Iterator[Deployed]:
    """Five pages, indexed, with intake running and no worker."""
    with a_deployment(tmp_path, broker, database, warm) as deployed:
        words = deployed.write(5)
        deployed.start("ingest")
        worker = deployed.start("worker")
        deployed.check(words)
        assert worker.end() == 0
        yield deployed


def test_r05_a_worker_that_can_neither_apply_nor_park_ends_with_nothing_acknowledged(
    deployed: Deployed,
) -> None:
    before = deployed.committed()
    with _parking_is_impossible(deployed.database):
        deployed.docs.write("page0.md", f"# Page 0\n\nThe {_BUG} word is canary0turn9.\n")
        deployed.docs.commit()
        poll(lambda: deployed.published() > before, "the event")

        worker = deployed.begin("worker", "--refuse", _BUG)

        assert worker.wait() == EXIT_UNREACHABLE, worker.said
        assert "could not be parked" in worker.said
        assert (deployed.committed(), deployed.parked()) == (before, [])

    again = deployed.start("worker", "--refuse", _BUG)
    poll(lambda: deployed.committed() == deployed.published(), "everything acknowledged")

    [(path, _, reason)] = deployed.parked()
    assert (path, _BUG in reason) == ("page0.md", True)
    assert "canary0turn1" in deployed.indexed()
    assert again.end() == 0


def test_r06_a_worker_that_cannot_keep_a_record_in_sight_ends_with_nothing_acknowledged(
    deployed: Deployed,
) -> None:
    before = deployed.committed()
    with _parking_is_impossible(deployed.database):
        deployed.send((b"docs/page0.md", b"no message"))

        worker = deployed.begin("worker")

        assert worker.wait() == EXIT_UNREACHABLE, worker.said
        assert deployed.committed() == before

    again = deployed.start("worker")
    poll(lambda: deployed.committed() == deployed.published(), "everything acknowledged")

    assert len(deployed.rows("SELECT FROM undecodable")) == 1
    assert again.end() == 0


@contextmanager
def _parking_is_impossible(database: str) -> Iterator[None]:
    with psycopg.connect(database, autocommit=True) as connection:
        connection.execute(_FORBID)
        yield
        connection.execute(_ALLOW)
