"""A worker killed, stopped, paused, poisoned or without its database: nothing is lost, doubled or promised early."""

import signal
import time
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from headwater.cluster.broker import LocalBroker
from headwater.failing import EXIT_STALLED
from schemas.broker import KafkaSettings
from tests.support.deployment import Deployed, a_deployment
from tests.support.journal import paid_twice
from tests.support.program import Serving, poll
from tests.support.proxy import before_database
from tests.support.warm import Warm

TAKEN_OVER_WITHIN_S = 15.0
_PAGES = 20


@pytest.fixture(scope="module")
def deployed(
    tmp_path_factory: pytest.TempPathFactory, broker: LocalBroker, module_database: str, warm: Warm
) -> Iterator[Deployed]:
    """Twenty pages, indexed, with intake running and no worker."""
    folder = tmp_path_factory.mktemp("faults")
    with a_deployment(folder, broker, module_database, warm) as deployed:
        words = deployed.write(_PAGES)
        deployed.start("ingest")
        worker = deployed.start("worker")
        deployed.check(words)
        assert worker.end() == 0
        yield deployed


@pytest.fixture(autouse=True)
def _nothing_left(deployed: Deployed) -> Iterator[None]:
    """A test that fails leaves no worker to the next."""
    before = list(deployed.started)
    yield
    for serving in deployed.started:
        if serving not in before and serving.is_running:
            serving.end(signal.SIGKILL)


def test_r03_what_was_applied_and_not_acknowledged_is_not_written_again(
    deployed: Deployed,
) -> None:
    before = deployed.rows("SELECT path, xmin::text FROM page_state ORDER BY path")
    deployed.rewind()

    worker = deployed.start("worker")
    poll(lambda: deployed.committed() == deployed.published(), "all acknowledged again")

    assert deployed.rows("SELECT path, xmin::text FROM page_state ORDER BY path") == before
    assert worker.end() == 0


def test_r06_s33_poison_is_kept_in_sight_and_holds_up_nobody(deployed: Deployed) -> None:
    unknown = msgspec.msgpack.encode({"type": "page.changed.v99", "page_id": "docs/x.md"})
    poison = [
        (b"docs/x.md", b"\xff\xfe no message"),
        (b"docs/x.md", unknown),
        (b"docs/x.md", None),
        (b"another key", msgspec.msgpack.encode(_event("docs/x.md"))),
        (b"elsewhere/x.md", msgspec.msgpack.encode(_event("elsewhere/x.md"))),
        (b"docs/page0.md", msgspec.msgpack.encode(_event("docs/page0.md") | {"revision": 10**6})),
    ]
    worker = deployed.start("worker")
    deployed.send(*poison)
    words = deployed.write(_PAGES)

    deployed.check(words)

    kept = deployed.rows('SELECT topic, partition, "offset", reason, head FROM undecodable')
    assert len(kept) == len(poison)
    assert all(topic == deployed.broker.topics.pages and reason for topic, *_, reason, _ in kept)
    assert poison[0][1] in {bytes(head) for *_, head in kept if head is not None}
    assert deployed.rows("SELECT name FROM source") == [("docs",)]
    assert worker.end() == 0


def test_a_dead_workers_partitions_are_taken_over(deployed: Deployed) -> None:
    first, second = deployed.start("worker"), deployed.start("worker")
    deployed.until_shared(2)
    deployed.check(deployed.write(_PAGES))
    first.end(signal.SIGKILL)
    start_s = time.monotonic()

    words = deployed.write(_PAGES)
    deployed.wait_for(words)

    taken_over_s = time.monotonic() - start_s
    deployed.check(words)
    assert taken_over_s < TAKEN_OVER_WITHIN_S
    assert second.end() == 0


def test_the_dead_are_taken_over_from_in_time_with_a_session_of_the_usual_length(
    deployed: Deployed,
) -> None:
    """By a survivor that has nothing to do, and by one that waits for its database."""
    usual = {"HEADWATER_KAFKA__SESSION_TIMEOUT_S": str(KafkaSettings().session_timeout_s)}
    with before_database(deployed.database) as (proxy, address):
        survivor = deployed.start("worker", database=address, env=usual)
        first = deployed.start("worker", env=usual)
        deployed.until_shared(2)
        first.end(signal.SIGKILL)
        start_s = time.monotonic()
        words = deployed.write(_PAGES)
        deployed.wait_for(words)
        idle_s = time.monotonic() - start_s

        second = deployed.start("worker", env=usual)
        deployed.until_shared(2)
        poll(lambda: deployed.committed() == deployed.published(), "everything acknowledged")
        proxy.cut()
        deployed.write(_PAGES)
        poll(lambda: survivor.metric("headwater_lag_events") > 0, "a batch to retry", every_s=0.2)
        second.end(signal.SIGKILL)
        start_s = time.monotonic()
        deployed.until_shared(1)
        busy_s = time.monotonic() - start_s
        is_away = survivor.client.get("/readyz").json()["parts"]["database"] != "ok"
        proxy.heal()
        deployed.check({f"canary{n}turn{deployed.turn}" for n in range(_PAGES)})

    assert is_away
    assert idle_s < TAKEN_OVER_WITHIN_S
    assert busy_s < TAKEN_OVER_WITHIN_S
    assert survivor.end() == 0


def test_a_worker_whose_client_is_wedged_ends_for_another_to_go_on(
    deployed: Deployed, tmp_path: Path
) -> None:
    """It says that it lives, so nobody is given its partitions, while more and more records wait."""
    wedge = tmp_path / "wedge"
    short = {"HEADWATER_KAFKA__STALLED_AFTER_S": "3"}
    worker = deployed.start("worker", "--wedge", str(wedge), env=short)
    deployed.check(deployed.write(_PAGES))
    wedge.touch()
    committed = deployed.committed()
    words: set[str] = set()

    def has_ended() -> bool:
        if worker.is_running:  # each sync adds to what waits
            words.clear()
            words.update(deployed.write(_PAGES))
        return not worker.is_running

    poll(has_ended, "an end by itself", every_s=0.5)

    assert worker.wait() == EXIT_STALLED
    assert "nothing has moved" in worker.said
    assert deployed.committed() <= committed + 2 * _PAGES  # what it had fetched before
    again = deployed.start("worker")
    deployed.check(words)
    assert again.end() == 0


def test_r25_a_worker_that_was_asleep_is_a_zombie_that_changes_nothing(
    deployed: Deployed,
) -> None:
    sleeping = deployed.start("worker", "--embed-s", "0.05")
    deployed.check(deployed.write(_PAGES))
    deployed.write(_PAGES)
    poll(lambda: deployed.in_flight() > 0, "a batch at hand")
    sleeping.tell(signal.SIGSTOP)
    words = deployed.write(_PAGES)

    awake = deployed.start("worker")
    deployed.check(words)
    sleeping.tell(signal.SIGCONT)
    deployed.until_shared(2)  # it is back in the group, and has nothing of the old batch at hand
    deployed.check(words)
    newer = deployed.write(_PAGES)

    deployed.check(newer)
    assert sleeping.end() == 0
    assert awake.end() == 0


def test_r38_a_calm_end_under_load_leaves_no_work_for_a_second_time(deployed: Deployed) -> None:
    worker = deployed.start("worker", "--embed-s", "0.02")
    deployed.check(deployed.write(_PAGES))
    deployed.write(_PAGES)
    poll(lambda: deployed.in_flight() > 0, "a batch at hand")
    start_s = time.monotonic()

    status = worker.end()

    ended_s = time.monotonic() - start_s
    applied = len(deployed.indexed() & {f"canary{n}turn{deployed.turn}" for n in range(_PAGES)})
    assert (status, ended_s < 30.0) == (0, True)
    assert deployed.published() - deployed.committed() == _PAGES - applied
    again = deployed.start("worker")
    deployed.check({f"canary{n}turn{deployed.turn}" for n in range(_PAGES)})
    assert again.end() == 0


def test_r20_r38b_a_database_that_is_away_stalls_a_worker_which_ends_without_acknowledging(
    deployed: Deployed,
) -> None:
    with before_database(deployed.database) as (proxy, address):
        worker = deployed.start("worker", database=address)
        deployed.check(deployed.write(_PAGES))
        parked = deployed.parked()
        proxy.cut()
        words = deployed.write(_PAGES)
        poll(lambda: worker.client.get("/readyz").status_code == 503, "unreadiness")
        proxy.heal()
        deployed.check(words)
        acknowledged = deployed.committed()
        proxy.cut()
        words = deployed.write(_PAGES)
        poll(lambda: deployed.published() == acknowledged + _PAGES, "everything published")
        poll(lambda: worker.metric("headwater_lag_events") == _PAGES, "events at hand")
        start_s = time.monotonic()

        status = worker.end(within_s=40)

        ended_s = time.monotonic() - start_s
    assert (status, ended_s < 30.0) == (0, True)
    assert deployed.committed() == acknowledged
    assert deployed.parked() == parked
    again = deployed.start("worker")
    deployed.check(words)
    assert again.end() == 0


@pytest.fixture(scope="module")
def survivor(deployed: Deployed) -> Serving:
    """A worker that goes on."""
    return deployed.start("worker")


@pytest.mark.parametrize("point", ["vectors:after:1", "apply:before:1", "apply:after:3"])
def test_r01_r02_r03_r04_a_worker_killed_at_any_point_is_made_up_for_by_another(
    deployed: Deployed, survivor: Serving, point: str
) -> None:
    dying = deployed.start("worker", "--die", point)
    deployed.until_shared(2)
    begun = deployed.journal.stat().st_size
    [[vectors]] = deployed.rows("SELECT count(*) FROM vector_g1")
    words = deployed.write(_PAGES)
    poll(lambda: not dying.is_running, "the death")

    deployed.check(words)

    assert survivor.is_running
    assert paid_twice(deployed.journal, since=begun) == set()
    # Counted by rows: a vector may be committed right before the death that keeps it from being noted.
    assert deployed.rows("SELECT count(*) FROM vector_g1") >= [(vectors + _PAGES,)]


def _event(page_id: str) -> dict[str, object]:
    """A page of long ago, which changes nothing."""
    return {
        "type": "page.changed.v1",
        "page_id": page_id,
        "revision": 1,
        "url": "u",
        "format": "markdown",
        "text": "# Old\n",
        "blob": "b",
        "commit": "c",
        "committed_at": "2026-01-01T00:00:00Z",
    }
