"""The deployed chain as processes on loopback: servers first, then each part when a benchmark asks for it."""

import os
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import httpx
import psutil
import psycopg
from kafka import KafkaAdminClient
from kafka.errors import KafkaError

from bench.corpus import ROOT
from bench.cpu import alone_s, cpu_s, shares_s
from bench.server import SECRET, Server, wait_until
from headwater.cluster.broker import free_port
from headwater.cluster.topology import PARTITIONS, Cluster, Plan
from index.adapters.postgres.claim import DatabaseClaim
from index.adapters.postgres.server import discard
from schemas.broker import Broker, KafkaSettings

RAY = "[ray]\ncpus = 2\n"
"""One actor with both processors: how a machine of two is best used."""
_UP_WITHIN_S, _END_WITHIN_S = 900.0, 40.0
_LOG_TAIL = 3_000
_LOOK_S = 0.02


@dataclass(slots=True)
class Process:
    """One running part of the program, and where it answers."""

    name: str
    base: str
    popen: subprocess.Popen[bytes]
    log: Path

    def end(self) -> None:
        """End it in order, or the hard way when it does not listen. Idempotent."""
        if self.popen.poll() is None:
            self.popen.terminate()
            try:
                self.popen.wait(_END_WITHIN_S)
            except subprocess.TimeoutExpired:
                self.popen.kill()
                self.popen.wait()

    def metric(self, name: str) -> float:
        """The sum over all labels of one of its metrics."""
        lines = httpx.get(f"{self.base}/metrics", timeout=30).text.splitlines()
        return sum(float(line.rsplit(" ", 1)[1]) for line in lines if _is_of(line, name))


@dataclass(slots=True)
class Chain:
    """Broker, database and, if asked for, a Ray head that run; parts are started by `start`."""

    cluster: Cluster
    config: Path
    stack: ExitStack
    started: list[Process] = field(default_factory=list)

    @property
    def database(self) -> str:
        """How to connect."""
        return self.cluster.env["HEADWATER_DATABASE_URL"]

    @property
    def broker(self) -> Broker:
        """The broker as the program reaches it."""
        settings = KafkaSettings(servers=self.cluster.broker.address, partitions=PARTITIONS)
        return Broker(settings=settings)

    def start(
        self, part: str, *, main: str = "headwater.main", env: Mapping[str, str] | None = None
    ) -> Process:
        """Start a part, which answers when this returns. `main` is the module that is run."""
        return self.start_all(part, 1, main=main, env=env)[0]

    def start_all(
        self,
        part: str,
        count: int,
        *,
        main: str = "headwater.main",
        env: Mapping[str, str] | None = None,
    ) -> list[Process]:
        """Start several of a part side by side; all of them answer when this returns."""
        processes = [self._launch(part, main, env or {}) for _ in range(count)]
        for process in processes:
            wait_until(partial(_answers, process), what=process.name, within_s=_UP_WITHIN_S)
        return processes

    def _launch(self, part: str, main: str, env: Mapping[str, str]) -> Process:
        port = free_port()
        number = len(self.started)
        log = self.config.parent / f"{part}-{number}.log"
        command = [sys.executable, "-m", main, part]
        with log.open("wb") as output:
            popen = subprocess.Popen(
                [*command, "--port", str(port), "--config", str(self.config)],
                cwd=self.cluster.supervisor.folder,
                env={**self.cluster.env, **env},
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                start_new_session=True,  # a Ctrl-C in the terminal is for the benchmark
            )
        process = Process(f"{part}-{number}", f"http://127.0.0.1:{port}", popen, log)
        self.started.append(process)
        self.stack.callback(process.end)
        return process

    def rows(self, statement: str, *values: object) -> list[tuple[Any, ...]]:
        """What the database answers."""
        with psycopg.connect(self.database, autocommit=True) as connection:
            return connection.execute(statement.encode(), values or None).fetchall()

    def count(self, statement: str, *values: object) -> int:
        """The one number that the database answers."""
        return int(self.rows(statement, *values)[0][0])

    def until_shared(self, members: int) -> None:
        """Return once the group of indexers has so many members, each with partitions."""
        admin = KafkaAdminClient(bootstrap_servers=self.broker.servers)
        group = self.broker.topics.indexers
        try:
            wait_until(
                lambda: _sharing(admin, group) == members, what=f"{members} members", within_s=120
            )
        finally:
            admin.close()

    def cpu(self) -> dict[str, float]:
        """Seconds of processor time so far by server and by part, the children of parts for themselves."""
        children = self.cluster.supervisor
        known = {"postgres": self._postmaster(), "kafka": _pid(children.child("kafka"))}
        seconds = {name: cpu_s(pid) for name, pid in known.items()}
        if "HEADWATER_RAY_ADDRESS" in self.cluster.env:
            ray = shares_s(_pid(children.child("ray")))
            seconds |= {f"ray {name}": share for name, share in ray.items()}
        for process in self.started:
            all_s, own_s = cpu_s(process.popen.pid), alone_s(process.popen.pid)
            seconds |= {process.name: own_s, f"{process.name} children": all_s - own_s}
        return seconds

    def _postmaster(self) -> int:
        """The process that all of the database's are below."""
        with psycopg.connect(
            self.database, autocommit=True
        ) as connection:  # held while it is looked at
            return psutil.Process(connection.info.backend_pid).ppid()

    def check_alive(self) -> None:
        """Raises: SystemExit when a part has ended by itself, with the last of what it wrote."""
        for process in self.started:
            if process.popen.poll() not in (None, 0):
                tail = process.log.read_text("utf-8", "replace")[-_LOG_TAIL:]
                raise SystemExit(f"{process.name} ended with {process.popen.returncode}: {tail}")


@contextmanager
def a_chain(folder: Path, config: str, *, ray: bool) -> Iterator[Chain]:
    """Servers that run with `config` in `folder`, topics and schema made; all ends and is deleted with the block."""
    file = folder / "chain.toml"
    file.write_text(config + (RAY if ray else ""), "utf-8")
    plan = Plan(folder / "cluster", file, workers=0, ray=ray, parts=())
    environment = {
        **{name: value for name, value in os.environ.items() if not name.startswith("HEADWATER_")},
        "PYTHONPATH": str(ROOT),  # actors load embedders by name
        "BENCH_SECRET": SECRET,
    }
    try:
        with Cluster(plan, environment, lambda _: None) as cluster, ExitStack() as stack:
            yield Chain(cluster, file, stack)
    finally:
        discard(folder / "cluster" / "postgres")


@contextmanager
def held_intake(chain: Chain) -> Iterator[DatabaseClaim]:
    """Keep every intake process waiting; whoever holds the claim lets it go by `release`."""
    claim = DatabaseClaim(chain.database)
    if not claim.take_exclusive(timeout_s=10):
        raise SystemExit("another process follows the sources already")
    try:
        yield claim
    finally:
        claim.release()


def begin(chain: Chain, claim: DatabaseClaim) -> float:
    """Let intake begin. Returns: when it began, on this process's clock."""
    claim.release()
    while not claim.is_taken():
        time.sleep(_LOOK_S / 2)
    return time.perf_counter()


def until_published(chain: Chain, source: str, commit: str, *, within_s: float = 1800.0) -> float:
    """Return once a commit of a source is searchable. Returns: when, on this process's clock."""
    with psycopg.connect(chain.database, autocommit=True) as connection:
        deadline_s = time.perf_counter() + within_s
        while time.perf_counter() < deadline_s:
            row = connection.execute(
                "SELECT published_commit FROM source WHERE name = %s", (source,)
            ).fetchone()
            if row is not None and row[0] == commit:
                return time.perf_counter()
            chain.check_alive()
            time.sleep(_LOOK_S)
    raise SystemExit(f"{commit} of {source} was not searchable within {within_s:g} s")


@contextmanager
def clients(serve: Process, ingest: Process) -> Iterator[Server]:
    """Ask `serve` and hint `ingest`."""
    with (
        httpx.Client(base_url=serve.base, timeout=60) as client,
        httpx.Client(base_url=ingest.base, timeout=60) as hooks,
    ):
        yield Server(serve.base, serve.popen.pid, client, 0.0, hooks)


def spent(before: Mapping[str, float], after: Mapping[str, float]) -> dict[str, float]:
    """The processor time of each part between two looks."""
    return {name: round(after[name] - before.get(name, 0.0), 2) for name in after}


def _pid(child: Any) -> int:
    return int(child.process.pid)


def _answers(process: Process) -> bool:
    if process.popen.poll() is not None:
        tail = process.log.read_text("utf-8", "replace")[-_LOG_TAIL:]
        raise SystemExit(f"{process.name} ended with {process.popen.returncode}: {tail}")
    time.sleep(_LOOK_S)
    try:
        return httpx.get(f"{process.base}/healthz", timeout=5).is_success
    except httpx.HTTPError:
        return False


def _sharing(admin: KafkaAdminClient, group: str) -> int:
    time.sleep(_LOOK_S)
    try:
        [told] = admin.describe_groups([group]).values()
    except KafkaError:  # the broker is only just making its own topic
        return 0
    return len(told["members"]) if told["group_state"] == "Stable" else 0


def _is_of(line: str, name: str) -> bool:
    return line.startswith((f"{name}{{", f"{name} "))
