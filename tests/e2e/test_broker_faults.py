"""The broker killed, restarted, emptied or away: what was committed to the docs arrives all the same."""

from collections.abc import Iterator

import pytest

from headwater.cluster.broker import LocalBroker
from tests.support.broker import a_broker
from tests.support.deployment import Deployed, a_deployment
from tests.support.program import poll
from tests.support.warm import Warm

_PAGES = 20


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


def test_r15_r16_a_broker_killed_under_load_and_started_again_loses_nothing(
    deployed: Deployed, own_broker: LocalBroker
) -> None:
    ingest, worker = deployed.started[:2]
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
