"""A deployment that embeds on a real Ray cluster: first loads by Ray Data, and an embedder that hangs or lies."""

import contextlib
import signal
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import psutil
import pytest

from headwater.cluster.broker import LocalBroker
from tests.support.deployment import Deployed, a_deployment
from tests.support.program import Serving, poll
from tests.support.ray_fakes import NAN, NOTES, SHORT, STALL, WIDE, ZERO
from tests.support.ray_head import RayHead, a_ray_head
from tests.support.repository import page
from tests.support.warm import Warm

_PAGES = 12
_LIES = (NAN, ZERO, SHORT, WIDE)
_EMBEDDED = "headwater_texts_embedded_total"
_SETTINGS = {
    "HEADWATER_RAY__CPUS": "0.5",
    "HEADWATER_RAY__TIMEOUT_S": "2",
    "HEADWATER_RAY__LOST_AFTER_S": "5",
    "HEADWATER_RAY__PREFILL_TEXTS": "2",
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("ray")


@pytest.fixture(scope="module")
def head(folder: Path) -> Iterator[RayHead]:
    """A cluster whose actors note the trouble they meet."""
    with a_ray_head(folder, {NOTES: str(folder / "notes")}) as head:
        yield head


@pytest.fixture(scope="module")
def deployed(
    folder: Path, head: RayHead, broker: LocalBroker, module_database: str, warm: Warm
) -> Iterator[Deployed]:
    """Twelve pages, of which nothing is indexed yet."""
    with a_deployment(folder / "docs", broker, module_database, warm) as deployed:
        env = {**deployed.program.env, **head.joining, **_SETTINGS}
        deployed.program = replace(deployed.program, env=env)
        deployed.write(_PAGES)
        yield deployed


@pytest.fixture(scope="module")
def ingest(deployed: Deployed) -> Serving:
    return deployed.start("ingest")


@pytest.fixture(scope="module")
def worker(deployed: Deployed, ingest: Serving) -> Serving:
    return deployed.start("worker")


def test_a_head_of_one_machine_runs_no_process_that_nobody_asks(head: RayHead) -> None:
    commands = [
        " ".join(one.cmdline()) for one in psutil.Process(head.pid).children(recursive=True)
    ]

    unasked = ("monitor.py", "log_monitor.py")
    assert any("gcs_server" in command for command in commands)
    assert [command for command in commands for name in unasked if name in command] == []


def test_a_first_load_leaves_a_worker_nothing_to_embed(
    deployed: Deployed, ingest: Serving, worker: Serving
) -> None:
    words = {f"canary{number}turn1" for number in range(_PAGES)}
    deployed.wait_for(words, within_s=200)  # Ray Data takes its time to start

    deployed.check(words)
    [(vectors,)] = deployed.rows("SELECT count(*) FROM vector_g1")
    assert vectors >= _PAGES
    assert worker.metric(_EMBEDDED) == 0
    assert ingest.metric(_EMBEDDED) == vectors


def test_r27_bad_vectors_park_their_page_after_three_tries_and_keep_its_last_good_version(
    deployed: Deployed, folder: Path, worker: Serving
) -> None:
    before = deployed.indexed()
    troubled = dict(enumerate(_LIES))
    for number in range(_PAGES):
        word = troubled.get(number, f"canary{number}turn2")
        deployed.docs.write(f"page{number}.md", page(f"Page {number}", f"The word is {word}."))
    deployed.docs.commit()
    deployed.turn = 2
    kept = {word for word in before if int(word[6:].split("turn")[0]) in troubled}
    newer = {f"canary{number}turn2" for number in range(len(troubled), _PAGES)}

    deployed.check(kept | newer)

    parked = {path: reason for path, _, reason in deployed.parked()}
    assert set(parked) == {f"page{number}.md" for number in troubled}
    assert all("bad vectors" in reason for reason in parked.values())
    tries = (folder / "notes").read_text().split()
    assert all(3 <= tries.count(lie) <= 10 for lie in _LIES)
    norms = [norm for (norm,) in deployed.rows("SELECT vector_norm(embedding) FROM vector_g1")]
    assert norms == pytest.approx([1.0] * len(norms))
    assert worker.is_running


def test_a_call_that_never_returns_costs_its_actor_and_not_the_page(
    deployed: Deployed, folder: Path, worker: Serving
) -> None:
    words = deployed.write(_PAGES)
    deployed.docs.write("stalled.md", page("Stalled", f"This {STALL} once: canarystalled."))
    deployed.docs.commit()

    deployed.check({*words, "canarystalled"})

    assert (folder / "notes").read_text().split().count(STALL) > 1
    assert "stalled.md" not in {path for path, *_ in deployed.parked()}
    assert worker.is_running


def test_a_new_index_is_complete_also_when_the_driver_of_ray_data_is_killed(
    deployed: Deployed, ingest: Serving, worker: Serving
) -> None:
    assert ingest.end() == 0
    assert worker.end() == 0
    deployed.program = replace(
        deployed.program, env={**deployed.program.env, "HEADWATER_CHUNKING__TARGET_CHARS": "300"}
    )

    building = deployed.start("ingest")
    poll(lambda: _kill_driver_of(building), "a driver")
    embedding = deployed.start("worker")

    poll(lambda: deployed.program.done("status")["generation"] == 2, "a new index", every_s=0.5)
    assert "prefill.failed" in building.said
    assert deployed.program.done("verify")["ok"]
    assert embedding.metric(_EMBEDDED) > 0


def test_r26_a_worker_whose_cluster_is_gone_ends_with_nothing_applied_parked_or_acknowledged(
    deployed: Deployed, head: RayHead
) -> None:
    """Last: it ends the cluster."""
    worker = deployed.started[-1]
    before, parked, acknowledged = deployed.indexed(), deployed.parked(), deployed.committed()
    published = deployed.published()
    head.kill()

    deployed.write(_PAGES)

    poll(lambda: deployed.published() > published, "new events")
    poll(lambda: not worker.is_running, "the end of the worker")
    assert worker.end() != 0
    assert (deployed.indexed(), deployed.parked()) == (before, parked)
    assert deployed.committed() == acknowledged


def _kill_driver_of(ingest: Serving) -> bool:
    """Kill what drives Ray Data below a process, if it is there."""
    for child in psutil.Process(ingest.pid).children():
        with contextlib.suppress(psutil.NoSuchProcess, psutil.ZombieProcess):
            if "index.adapters.embed.ray_data_child" in child.cmdline():
                child.send_signal(signal.SIGKILL)
                return True
    return False
