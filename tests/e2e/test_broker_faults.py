"""The broker killed, restarted, emptied, frozen or away: what was committed to the docs arrives all the same."""

import os
import signal
import time
from collections.abc import Iterator

import psycopg
import pytest

from headwater.cluster.broker import LocalBroker
from tests.support.broker import a_broker
from tests.support.deployment import Deployed, a_deployment
from tests.support.program import Serving, poll
from tests.support.warm import Warm

_PAGES = 20
_ENDS_WITHIN_S = 30.0
_AUDIT = """
CREATE TABLE audit (number bigserial, generation int, path text, revision bigint);
CREATE FUNCTION audit() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
 INSERT INTO audit (generation, path, revision) VALUES (NEW.generation, NEW.path, NEW.revision); RETURN NULL; END $$;
CREATE TRIGGER audit AFTER INSERT OR UPDATE ON page_state FOR EACH ROW EXECUTE FUNCTION audit();
"""


@pytest.fixture(scope="module")
def own_broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalBroker]:
    """A broker that may be broken."""
    with a_broker(tmp_path_factory.mktemp("kafka")) as broker:
        yield broker


@pytest.fixture(scope="module")
def deployed(
    tmp_path_factory: pytest.TempPathFactory,
    own_broker: LocalBroker,
    module_database: str,
    warm: Warm,
) -> Iterator[Deployed]:
    """Twenty pages, indexed, with intake and a worker running."""
    folder = tmp_path_factory.mktemp("broken")
    with a_deployment(folder, own_broker, module_database, warm) as deployed:
        words = deployed.write(_PAGES)
        deployed.start("ingest")
        deployed.start("worker")
        deployed.check(words)
        yield deployed


def test_r15_r16_a_broker_killed_under_load_and_started_again_loses_nothing_and_doubles_nothing(
    deployed: Deployed, own_broker: LocalBroker
) -> None:
    ingest, worker = deployed.started[:2]
    with psycopg.connect(deployed.database) as connection:
        connection.execute(_AUDIT)
    deployed.write(_PAGES)
    poll(lambda: deployed.in_flight() > 0, "load")
    deployed.hang_up()
    own_broker.kill()
    words = deployed.write(_PAGES)
    poll(lambda: "broker" in ingest.client.get("/readyz").text, "unreadiness")
    poll(lambda: ingest.client.get("/readyz").status_code == 503, "unreadiness")
    early = deployed.start("worker")

    own_broker.start()

    deployed.wait_for(words, within_s=90)
    deployed.check(words)
    poll(lambda: ingest.client.get("/readyz").status_code == 200, "readiness")
    assert ingest.is_running
    assert worker.is_running
    assert early.is_running
    assert early.end() == 0
    assert deployed.parked() == []
    applied = deployed.rows("SELECT generation, path, revision FROM audit ORDER BY number")
    assert len(applied) == len(set(applied)) >= _PAGES
    for path in {path for _, path, _ in applied}:
        revisions = [revision for _, of, revision in applied if of == path]
        assert revisions == sorted(set(revisions))


def test_r19_what_the_topic_lost_unread_is_sent_again(deployed: Deployed) -> None:
    """The worker is away while events come in, and the topic is emptied before it is back."""
    worker = deployed.started[1]
    assert worker.end() == 0
    words = deployed.write(_PAGES)
    poll(lambda: deployed.published() - deployed.committed() == _PAGES, "everything published")
    deployed.empty()

    late = deployed.start("worker")

    detected = 'headwater_reset_detected_total{reason="unread_gone"}'
    poll(lambda: late.metric(detected) >= 1, "it was noticed")
    deployed.wait_for(words, within_s=150)
    deployed.check(words)


def test_r38_whoever_waits_for_a_broker_that_swallows_everything_ends_in_time(
    deployed: Deployed, own_broker: LocalBroker
) -> None:
    """Its host still takes connections, and nothing ever answers: to who was connected, and to who never was."""
    ingest, worker = deployed.started[0], deployed.started[-1]
    poll(lambda: worker.client.get("/readyz").status_code == 200, "readiness")
    deployed.hang_up()
    os.kill(own_broker.pid, signal.SIGSTOP)
    try:
        words = deployed.write(_PAGES)
        poll(lambda: deployed.in_flight() > 0, "something to send")
        poll(lambda: worker.client.get("/readyz").status_code == 503, "unreadiness")
        late_worker, late_ingest = deployed.start("worker"), deployed.start("ingest")
        assert "joined" in late_worker.client.get("/readyz").json()["detail"]
        poll(lambda: _broker(late_ingest) != "ok", "unreadiness")
        _end_in_time(late_worker, late_ingest, worker, ingest)
    finally:
        os.kill(own_broker.pid, signal.SIGCONT)

    deployed.start("ingest")
    deployed.start("worker").ready()
    deployed.check(words)


def _broker(serving: Serving) -> str:
    """How a process says that the broker is."""
    return str(serving.client.get("/readyz").json()["parts"]["broker"])


def _end_in_time(*waiting: Serving) -> None:
    start_s = time.monotonic()
    for serving in waiting:
        serving.tell(signal.SIGTERM)  # all at once; to hear it twice changes nothing
    for serving in waiting:
        assert serving.end(within_s=60) == 0
    assert time.monotonic() - start_s < _ENDS_WITHIN_S
