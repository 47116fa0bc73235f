"""A database that dies, refuses to write, deadlocks, or is cut off at the worst moment: nothing lost, nothing twice."""

import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import ExitStack

import psycopg
import pytest

from headwater.cluster.broker import LocalBroker
from tests.support.author import Author
from tests.support.broker import a_broker_with_a_leg
from tests.support.deployment import SECRET, Deployed, a_deployment
from tests.support.journal import committed_texts, embedded, paid_twice
from tests.support.leg import CommitCut, Leg, Way, a_leg_to_database
from tests.support.postgres import OwnPostgres, a_postgres
from tests.support.program import Serving, poll
from tests.support.warm import Warm
from tests.support.watch import (
    Reader,
    Watch,
    again_and_again,
    applied,
    applied_wrongly,
    note_applied,
)

_AWAY_S = 10.0
_UNANSWERED_S = 2.0
_FAILURES = """
CREATE SEQUENCE witness.failure;
CREATE FUNCTION witness.fail() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    CASE nextval('witness.failure')
        WHEN 1, 3 THEN RAISE EXCEPTION 'could not serialize' USING ERRCODE = 'serialization_failure';
        WHEN 2, 4 THEN RAISE EXCEPTION 'deadlock' USING ERRCODE = 'deadlock_detected';
        ELSE RETURN NEW;
    END CASE;
END $$;
CREATE TRIGGER fail BEFORE INSERT OR UPDATE ON page_state FOR EACH ROW EXECUTE FUNCTION witness.fail();
"""
_LATER = "ALTER TABLE page_state ADD COLUMN of_tomorrow text; SELECT pg_sleep({seconds});"


@pytest.fixture(scope="module")
def stack() -> Iterator[ExitStack]:
    with ExitStack() as stack:
        yield stack


@pytest.fixture(scope="module")
def own_broker(
    stack: ExitStack, tmp_path_factory: pytest.TempPathFactory
) -> tuple[LocalBroker, Leg]:
    """A broker, and a way to it that a test may break."""
    return stack.enter_context(a_broker_with_a_leg(tmp_path_factory.mktemp("kafka")))


@pytest.fixture(scope="module")
def postgres(stack: ExitStack, tmp_path_factory: pytest.TempPathFactory) -> OwnPostgres:
    """A server that a test may break."""
    return stack.enter_context(a_postgres(tmp_path_factory.mktemp("postgres")))


@pytest.fixture(scope="module")
def deployed(
    stack: ExitStack,
    tmp_path_factory: pytest.TempPathFactory,
    own_broker: tuple[LocalBroker, Leg],
    postgres: OwnPostgres,
    warm: Warm,
) -> Deployed:
    folder = tmp_path_factory.mktemp("database")
    deployment = a_deployment(folder, own_broker[0], postgres.conninfo, warm)
    return stack.enter_context(deployment)


@pytest.fixture(scope="module")
def author(deployed: Deployed) -> Author:
    """Who has written a dozen pages, which are indexed; intake, a worker and answering go on."""
    author = Author(deployed.docs, seed=20)
    author.begin()
    for part in ("ingest", "worker", "serve"):
        deployed.begin(part, "--embed-s", "0.02")
    for serving in deployed.started:
        serving.answering()
    deployed.check(set(author.tree.values()))
    note_applied(deployed.database)
    return author


@pytest.fixture
def parts(deployed: Deployed, author: Author) -> Iterator[list[Serving]]:
    """Intake, the worker and answering; nothing may have been parked, doubled or taken back afterwards."""
    parts = deployed.started[:3]
    reader = Reader(parts[2].client)
    with again_and_again(reader.read):
        yield parts
        deployed.check(set(author.tree.values()))
    assert reader.violations == []
    assert deployed.parked() == []
    assert applied_wrongly(deployed.database) == []
    assert all(serving.is_running for serving in parts)


def test_r02_r04_a_worker_killed_within_a_transaction_leaves_whole_pages_and_little_to_do_again(
    deployed: Deployed, author: Author, parts: list[Serving]
) -> None:
    """It dies while the server writes a page of its, in the middle of a batch."""
    watch = Watch(deployed.database)
    dying = deployed.start("worker", "--die", "write:amid:3")
    deployed.until_shared(2)
    begun = deployed.journal.stat().st_size
    with again_and_again(watch.look, every_s=0.02):
        author.edit_all()
        poll(lambda: not dying.is_running, "the death")
        deployed.wait_for(set(author.tree.values()))

    texts = committed_texts(deployed.journal, since=begun)  # questions are embedded too
    calls = [text for text in embedded(deployed.journal, since=begun) if text in texts]
    assert len(texts) > len(author.tree)
    assert len(texts) <= len(calls) <= len(texts) * (20 + 7) / 20
    assert paid_twice(deployed.journal, since=begun) == set()
    assert watch.violations == []
    assert watch.looks > 10


def test_r22_deadlocks_and_serialisation_failures_are_tried_again(
    deployed: Deployed, author: Author, parts: list[Serving]
) -> None:
    with psycopg.connect(deployed.database) as connection:
        connection.execute(_FAILURES)
    author.edit_all()

    deployed.wait_for(set(author.tree.values()))

    [(tries,)] = deployed.rows("SELECT last_value FROM witness.failure")
    with psycopg.connect(deployed.database) as connection:
        connection.execute("DROP FUNCTION witness.fail CASCADE")
    assert tries >= len(author.tree) + 4


def test_r20_a_database_that_is_killed_under_load_stalls_everybody_and_loses_nothing(
    deployed: Deployed, author: Author, postgres: OwnPostgres, parts: list[Serving]
) -> None:
    author.edit_all()
    poll(lambda: deployed.in_flight() > 0, "load", every_s=0.0)
    postgres.kill()
    away_since_s = time.monotonic()
    author.edit_all()
    poll(lambda: all(_status(serving) == 503 for serving in parts), "unreadiness")
    time.sleep(max(0.0, _AWAY_S - (time.monotonic() - away_since_s)))

    postgres.start()

    deployed.wait_for(set(author.tree.values()), within_s=120)
    for serving in parts:
        serving.ready()


def test_r21_a_database_that_takes_no_writes_holds_up_writers_and_no_readers(
    deployed: Deployed, author: Author, postgres: OwnPostgres, parts: list[Serving]
) -> None:
    ingest, _, serve = parts
    author.edit_all()
    poll(lambda: deployed.in_flight() > 0, "load", every_s=0.0)
    postgres.read_only(True)
    try:
        lacking = len(deployed.indexed() ^ set(author.tree.values()))
        poll(lambda: ingest.push("docs", secret=SECRET) == 503, "a webhook that is refused")
        acknowledged = deployed.committed()
        texts = serve.texts("the word")
        time.sleep(_UNANSWERED_S)  # as long as it takes to see that nobody gives up
        assert deployed.committed() == acknowledged < deployed.published()
        assert len(deployed.indexed() ^ set(author.tree.values())) == lacking > 0
    finally:
        postgres.read_only(False)

    deployed.wait_for(set(author.tree.values()))
    assert "canary" in texts
    assert ingest.push("docs", secret=SECRET) == 202


def test_r23_a_page_whose_commit_is_cut_off_is_applied_once(
    deployed: Deployed, author: Author, parts: list[Serving]
) -> None:
    with a_leg_to_database(deployed.database) as (leg, address):
        worker = deployed.start("worker", database=address)
        deployed.until_shared(2)
        for cuts, lost in enumerate(CommitCut, start=1):
            begun = len(applied(deployed.database))
            leg.cut_links()  # a statement has its text in a new connection alone
            leg.cut_next_commit(lost)
            author.edit_all()

            deployed.wait_for(set(author.tree.values()))

            assert leg.commits_cut == cuts
            assert len(applied(deployed.database)) - begun == len(author.tree)
        assert worker.end() == 0


@pytest.mark.parametrize("way", list(Way))
def test_r24_workers_that_were_cut_off_one_way_and_killed_on_their_return_take_no_page_back(
    deployed: Deployed,
    author: Author,
    own_broker: tuple[LocalBroker, Leg],
    way: Way,
    parts: list[Serving],
) -> None:
    """One is cut off from the broker, the other one from the database."""
    slow, to_broker = ("--embed-s", "0.02"), own_broker[1]
    with a_leg_to_database(deployed.database) as (to_database, address):
        away = [
            deployed.begin("worker", *slow, servers=f"127.0.0.1:{to_broker.port}"),
            deployed.begin("worker", *slow, database=address),
        ]
        deployed.until_shared(3)
        author.edit_all()
        poll(lambda: deployed.in_flight() > 0, "load", every_s=0.0)
        for leg in (to_broker, to_database):
            leg.hold(way)
        author.edit_all()
        deployed.until_shared(
            2
        )  # the session with the broker has ended, so others have its partitions
        poll(lambda: deployed.in_flight() > 0, "pages that wait")

        for leg in (to_broker, to_database):
            leg.heal()
        for worker in away:
            worker.end(signal.SIGKILL)

    deployed.wait_for(set(author.tree.values()))


def test_r25_an_intake_that_was_asleep_is_a_zombie_that_nobody_believes(
    deployed: Deployed, author: Author, parts: list[Serving]
) -> None:
    """It sleeps between the ledger's row and the event; what it sends when it wakes is older than what is there."""
    first = parts[0]
    assert first.end() == 0
    with a_leg_to_database(deployed.database) as (leg, address):
        zombie = deployed.start("ingest", "--stop", "announce:after:2", database=address)
        zombie.ready()
        author.edit_all()
        poll(lambda: _is_asleep(zombie), "its sleep")
        old = deployed.rows("SELECT max(revision) FROM publication")
        leg.cut()  # the server ends its session, and with it the claim
        leg.heal()
        with psycopg.connect(deployed.database) as connection:
            connection.execute("UPDATE source SET lease_until = now()")  # a minute has passed
        deployed.started[0] = parts[0] = heir = deployed.start("ingest")
        author.edit_all()
        deployed.wait_for(set(author.tree.values()))
        deployed.check(set(author.tree.values()))
        sent = deployed.published()

        zombie.tell(signal.SIGCONT)

        poll(lambda: not zombie.is_running, "the end of the zombie")
    assert deployed.rows("SELECT max(revision) FROM publication") > old
    assert heir.is_running
    assert deployed.published() >= sent
    author.edit_all()


def test_r30_a_migration_that_is_killed_midway_is_run_again_under_load(
    deployed: Deployed, author: Author, parts: list[Serving]
) -> None:
    later = deployed.program.folder / "later.sql"
    later.write_text(_LATER.format(seconds=60))
    migrate = deployed.program.command("migrate", main=deployed.main("--migration", str(later)))
    with again_and_again(author.act, every_s=0.5):
        with subprocess.Popen(
            migrate, cwd=deployed.program.folder, env=deployed.program.environment()
        ) as process:
            poll(lambda: _sleeping_backends(deployed), "a migration on its way")
            process.kill()
        _end_sleeping_backends(deployed)
        halfway = deployed.rows("SELECT count(*) FROM migration WHERE name = 'later.sql'")
        later.write_text(_LATER.format(seconds=0.2))
        subprocess.run(
            migrate, cwd=deployed.program.folder, env=deployed.program.environment(), check=True
        )
    author.edit_all()
    deployed.wait_for(set(author.tree.values()))

    assert halfway == [(0,)]
    assert deployed.rows("SELECT count(*) FROM migration WHERE name = 'later.sql'") == [(1,)]
    with psycopg.connect(
        deployed.database
    ) as connection:  # what is started from now on is of today
        connection.execute("DELETE FROM migration WHERE name = 'later.sql'")
        connection.execute("ALTER TABLE page_state DROP COLUMN of_tomorrow")


def _status(serving: Serving) -> int:
    return serving.client.get("/readyz").status_code


def _is_asleep(serving: Serving) -> bool:
    with open(f"/proc/{serving.pid}/stat", encoding="utf-8") as stat:
        return stat.read().rpartition(")")[2].split()[0] == "T"


def _sleeping_backends(deployed: Deployed) -> list[tuple[int]]:
    return deployed.rows(
        "SELECT pid FROM pg_stat_activity WHERE query LIKE '%of_tomorrow%' AND wait_event = 'PgSleep'"
    )


def _end_sleeping_backends(deployed: Deployed) -> None:
    """As the server would by itself when it next wrote to who is gone."""
    deployed.rows(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
        " WHERE query LIKE '%of_tomorrow%' AND wait_event = 'PgSleep'"
    )
