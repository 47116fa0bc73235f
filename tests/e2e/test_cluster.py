"""`make cluster`: the whole topology as processes, and a supervisor that starts again what ends."""

import contextlib
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from shlex import quote

import httpx
import psutil
import pytest

from headwater.cluster.supervisor import Child, Supervisor
from headwater.cluster.topology import Cluster, Plan, wait_ready
from index.adapters.postgres.server import discard
from schemas.errors import StoreUnavailable
from tests.support.program import FAKE, poll
from tests.support.repository import Repository, page

_SLEEP = [sys.executable, "-c", "import time; time.sleep(600)"]
_MAIN = (sys.executable, "-m", *FAKE)
_CONFIG = """
[[source]]
name = "docs"
location = "{docs}"
poll_s = 0.4
[kafka]
session_timeout_s = 2
resend_after_s = 10
[ray]
cpus = 0.5
lost_after_s = 5
prefill_texts = 0
"""


@pytest.fixture
def supervisor(tmp_path: Path) -> Iterator[Supervisor]:
    supervisor = Supervisor(tmp_path, dict(os.environ), lambda _: None)
    yield supervisor
    supervisor.end()


def test_what_ends_is_started_again(supervisor: Supervisor) -> None:
    child = Child("sleeper", _SLEEP)
    supervisor.start(child)
    assert child.process is not None
    before = child.process.pid

    os.kill(before, signal.SIGKILL)

    poll(lambda: child.process and child.process.pid != before, "another process")
    assert child.restarts == 1


def test_what_is_told_to_end_stays_ended(supervisor: Supervisor) -> None:
    child = Child("sleeper", _SLEEP)
    supervisor.start(child)

    supervisor.end()

    assert child.process is not None
    assert child.process.returncode == -signal.SIGTERM
    assert child.restarts == 0


def test_what_does_not_come_up_is_told_with_its_log(supervisor: Supervisor, tmp_path: Path) -> None:
    child = Child("broken", [sys.executable, "-c", "raise SystemExit('why')"], lambda: False)

    with pytest.raises(StoreUnavailable, match=r"broken\.log"):
        supervisor.start(child, within_s=1.0)

    assert "why" in (tmp_path / "broken.log").read_text()


def test_a_start_that_is_broken_off_leaves_nothing_running(tmp_path: Path) -> None:
    (tmp_path / "headwater.toml").write_text("", "utf-8")
    plan = Plan(tmp_path / "cluster", tmp_path / "headwater.toml", ray=False)

    def breaks_off(line: str) -> None:
        if "topics" in line:  # said once the database and the broker are up
            raise KeyboardInterrupt

    before = {process.pid for process in psutil.Process().children(recursive=True)}
    try:
        cluster = Cluster(plan, _environment(), breaks_off)
        assert {process.pid for process in psutil.Process().children(recursive=True)} == before
        with pytest.raises(KeyboardInterrupt):
            cluster.__enter__()
        after = [
            process
            for process in psutil.Process().children(recursive=True)
            if process.pid not in before and _lives(process)
        ]
        assert after == []
    finally:
        discard(tmp_path / "cluster" / "postgres")


def test_a_topology_says_what_it_starts_and_a_shell_that_reads_its_file_speaks_to_it(
    tmp_path: Path,
) -> None:
    (tmp_path / "headwater.toml").write_text("", "utf-8")
    folder, config, said = tmp_path / "cluster", tmp_path / "headwater.toml", list[str]()
    plan = Plan(folder, config, workers=1, ray=False, parts=("ingest",), main=_MAIN)
    try:
        with Cluster(plan, _environment(), said.append) as cluster:
            assert _in_a_shell(cluster, "topics", "apply", "--check") == 0
            assert _in_a_shell(cluster, "migrate", "--check") == 0
            assert not (tmp_path / ".headwater").exists()
        assert not cluster.environment_file.exists()
    finally:
        discard(folder / "postgres")
    starts = [line.removeprefix("starting ") for line in said if line.startswith("starting ")]
    assert starts == ["postgres", "kafka", "worker-1", "ingest"]  # who publishes comes last
    assert [line.split()[0] for line in said if " is up " in line] == starts[1:]
    assert said[-1].startswith("ending")


def test_r26_a_commit_arrives_also_after_a_worker_and_the_head_of_the_cluster_were_killed(
    tmp_path: Path,
) -> None:
    docs = Repository(tmp_path / "docs")
    docs.write("a.md", page("A", "The word is before."))
    docs.commit()
    (tmp_path / "headwater.toml").write_text(_CONFIG.format(docs=docs.folder), "utf-8")
    plan = Plan(
        tmp_path / "cluster", tmp_path / "headwater.toml", workers=1, ray_serve=True, main=_MAIN
    )
    try:
        with Cluster(plan, _environment(), lambda _: None) as cluster:
            wait_ready(cluster, "ingest", within_s=60)
            poll(lambda: "before" in _found(cluster, "before"), "the first word")
            assert _degraded(cluster) == {None}
            assert set(_listening(cluster)) <= {"127.0.0.1", "::1", "::ffff:127.0.0.1"}

            _kill(cluster, "worker-1")
            _kill(cluster, "ray")
            assert _degraded(cluster) == {"lexical_only"}
            assert "before" in _found(cluster, "before")
            docs.write("a.md", page("A", "The word is after."))
            docs.commit()

            poll(lambda: "after" in _found(cluster, "after"), "the second word", within_s=120)
            verified = cluster.run("verify", "--json")
            assert '"ok": true' in verified
            poll(lambda: _degraded(cluster) == {None}, "vectors for questions", within_s=120)
            below = psutil.Process().children(recursive=True)
            parts = [process for process in below if _is_ray(process)]
        assert parts
        assert not [process for process in parts if _lives(process)]
    finally:
        discard(tmp_path / "cluster" / "postgres")


def _environment() -> dict[str, str]:
    return {key: value for key, value in os.environ.items() if not key.startswith("HEADWATER_")}


def _found(cluster: Cluster, question: str) -> str:
    answer = httpx.post(f"{cluster.address('serve')}/search", json={"question": question})
    return " ".join(hit["text"] for hit in answer.json()["hits"])


def _degraded(cluster: Cluster) -> set[str | None]:
    """How both routes say that a question was answered with less than all: in two ways while that changes."""
    return {
        httpx.post(f"{cluster.address('serve')}/{path}", json={"question": "Which word?"})
        .json()
        .get("degraded")
        for path in ("search", "query")
    }


def _in_a_shell(cluster: Cluster, *arguments: str) -> int:
    """What a command exits with in a shell that knows nothing but the file that the topology wrote."""
    program = f"{' '.join([*_MAIN, *arguments])}"
    script = f". {quote(str(cluster.environment_file))} && exec {program}"
    folder = cluster.supervisor.folder.parent  # with headwater.toml
    environment = {**_environment(), "PYTHONPATH": os.getcwd()}
    return subprocess.run(
        ["sh", "-c", script], cwd=folder, env=environment, check=False, timeout=120
    ).returncode


def _kill(cluster: Cluster, name: str) -> None:
    """Kill a child with all below it."""
    child = cluster.supervisor.child(name)
    assert child.process is not None
    process = psutil.Process(child.process.pid)
    for one in [*process.children(recursive=True), process]:
        one.kill()
    poll(lambda: child.restarts > 0, f"another {name}")


def _listening(cluster: Cluster) -> list[str]:
    """The addresses that anything of the topology listens on."""
    found: list[str] = []
    for process in psutil.Process().children(recursive=True):
        with contextlib.suppress(psutil.NoSuchProcess):
            if str(cluster.supervisor.folder) in process.cwd() or _is_ray(process):
                found += [
                    connection.laddr.ip
                    for connection in process.net_connections("inet")
                    if connection.status == psutil.CONN_LISTEN
                ]
    return found


def _lives(process: psutil.Process) -> bool:
    with contextlib.suppress(psutil.NoSuchProcess):
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    return False


def _is_ray(process: psutil.Process) -> bool:
    try:
        return "/ray" in " ".join(process.cmdline())
    except psutil.NoSuchProcess:
        return False
