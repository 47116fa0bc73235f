"""The same promises with a broker between intake and workers, and a process for each part."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from headwater.cluster.broker import LocalBroker, free_port
from tests.support.deployment import Deployed, a_deployment
from tests.support.program import FAKE, Serving, a_program, poll
from tests.support.warm import Warm


@pytest.fixture(scope="module")
def deployed(
    tmp_path_factory: pytest.TempPathFactory, broker: LocalBroker, module_database: str, warm: Warm
) -> Iterator[Deployed]:
    """Twenty pages, indexed, with every part running."""
    folder = tmp_path_factory.mktemp("deployed")
    with a_deployment(folder, broker, module_database, warm) as deployed:
        words = deployed.write(20)
        ingest, worker = deployed.start("ingest"), deployed.start("worker")
        serve = deployed.start("serve")
        for serving in (ingest, worker, serve):
            serving.ready()
        deployed.check(words)
        yield deployed


@pytest.fixture
def serve(deployed: Deployed) -> Serving:
    return deployed.started[2]


def test_a_commit_is_answered_from_its_newest_text(deployed: Deployed, serve: Serving) -> None:
    words = deployed.write(20)

    deployed.check(words)

    assert "canary7turn" in serve.texts(f"canary7turn{deployed.turn}")
    assert serve.search("canary")["as_of"]["docs"]["commit"] == deployed.docs.git(
        "rev-parse", "HEAD"
    )


def test_deletions_and_moves_arrive_as_edits_do(deployed: Deployed, serve: Serving) -> None:
    words = deployed.write(20)
    deployed.docs.remove("page3.md")
    deployed.docs.rename("page4.md", "four.md")
    deployed.docs.commit()

    deployed.check(words - {f"canary3turn{deployed.turn}"})

    hits = serve.search(f"canary4turn{deployed.turn}")["hits"]
    assert hits[0]["url"].endswith("four.md")
    assert not any(hit["url"].endswith("page4.md") for hit in hits)
    deployed.docs.remove("four.md")
    deployed.check(deployed.write(20))


def test_each_part_answers_for_itself_alone(deployed: Deployed) -> None:
    ingest, worker, serve = deployed.started

    asked = {
        name: serving.client.post("/search", json={"question": "canary"}).status_code
        for name, serving in (("ingest", ingest), ("worker", worker), ("serve", serve))
    }
    checked = {
        name: set(serving.client.get("/readyz").json()["parts"])
        for name, serving in (("ingest", ingest), ("worker", worker), ("serve", serve))
    }

    assert asked == {"ingest": 404, "worker": 404, "serve": 200}
    assert checked == {
        "ingest": {"database", "sources", "broker"},
        "worker": {"database", "broker", "joined"},
        "serve": {"database"},
    }


def test_what_is_measured_is_measured_where_it_happens(deployed: Deployed) -> None:
    worker = deployed.started[1]
    before = worker.metric('headwater_processing_seconds_count{kind="changed",source="docs"}')

    deployed.check(deployed.write(20))

    after = worker.metric('headwater_processing_seconds_count{kind="changed",source="docs"}')
    assert after - before == 20
    poll(lambda: worker.metric("headwater_lag_events") == 0, "no lag")


def test_index_beside_a_deployment_waits_for_what_its_workers_do(deployed: Deployed) -> None:
    words = deployed.write(20)

    report = deployed.program.done("index")

    assert report["commit"] == deployed.docs.git("rev-parse", "HEAD")
    assert deployed.indexed() == words
    assert deployed.program.done("status")["followed"]


def test_r28_workers_fill_a_generation_and_the_kept_one_goes_on(
    deployed: Deployed, serve: Serving
) -> None:
    words, program = deployed.write(20), deployed.program

    built = program.done("generation", "build", "--target-chars", "200")
    promoted = program.done("generation", "promote", str(built["generation"]))
    edited = deployed.write(20)
    deployed.check(edited)  # the kept one has them too
    found = serve.texts(f"canary7turn{deployed.turn}")
    status = program.done("status")
    back = program.done("generation", "rollback")
    dropped = program.done("generation", "drop", str(built["generation"]))
    poll(lambda: program.done("status")["lag"] == 0, "no lag", every_s=0.5)

    assert words != edited
    assert (built["complete"], built["lacking"]) == (True, {})
    assert (promoted["promoted"], promoted["before"], promoted["pinned"]) == (True, 1, True)
    assert f"canary7turn{deployed.turn}" in found
    assert (status["generation"], status["pinned"]) == (built["generation"], True)
    assert (back["generation"], dropped["dropped"]) == (1, True)
    deployed.check(deployed.write(20))


def test_what_is_parked_is_replayed_through_the_process_that_follows(deployed: Deployed) -> None:
    deployed.docs.write("latin.md", b"caf\xe9")
    words = deployed.write(20)
    deployed.check(words)

    refused = deployed.program.run("parked", "replay", "--all", "--json")
    deployed.docs.remove("latin.md")
    deployed.check(deployed.write(20))

    assert (refused.status, list(refused.json["parked"])) == (1, ["docs/latin.md"])
    assert deployed.program.done("parked", "list")["parked"] == []


def test_a_broker_that_is_not_there_is_told_in_one_line(tmp_path: Path) -> None:
    env = {"HEADWATER_KAFKA": f"127.0.0.1:{free_port()}"}
    with a_program(tmp_path, main=FAKE, env=env) as program:
        ran = program.run("topics", "apply", "--check")

    assert ran.status == 3
    assert "broker" in ran.complaint
    assert ran.err.strip() == ran.complaint


@pytest.mark.parametrize("part", ["ingest", "worker"])
def test_a_part_without_a_broker_says_what_is_missing(part: str, tmp_path: Path) -> None:
    with a_program(tmp_path, main=FAKE) as program:
        ran = program.run(part)

    assert ran.status == 2
    assert "[kafka] servers" in ran.complaint


def test_a_password_that_is_not_set_is_told_before_anything_connects(tmp_path: Path) -> None:
    env = {
        "HEADWATER_KAFKA": "broker:9092",
        "HEADWATER_KAFKA__SECURITY": "SASL_SSL",
        "HEADWATER_KAFKA__SASL_PASSWORD_ENV": "NO_SUCH_PASSWORD",
    }
    with a_program(tmp_path, main=FAKE, env=env) as program:
        ran = program.run("topics", "apply")

    assert ran.status == 2
    assert "NO_SUCH_PASSWORD" in ran.complaint
