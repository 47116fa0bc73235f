"""The whole deployed topology as processes on loopback: broker, database, Ray head, intake, workers, answering."""

import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from shutil import which
from typing import Self

import httpx

from headwater.cluster.broker import LocalBroker, free_port, listens
from headwater.cluster.environment import write_environment
from headwater.cluster.supervisor import Child, Supervisor
from index.adapters.embed.ray_cluster import environment_of
from index.adapters.postgres.server import EmbeddedServer
from schemas.errors import HeadwaterError, StoreUnavailable, WrongUse

PARTITIONS = 8
_POSTGRES_CHECK_S = 1.0
_RAY_STORE_BYTES = 100 * 2**20
_COMMAND_WITHIN_S = 120.0
_READY_WITHIN_S = 5.0
_MODEL_WITHIN_S = 900.0
_LAST = "ingest"

Say = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Plan:
    """What to run. `main` is how the program is started; `ray` False leaves embedding to the workers themselves.

    `parts` are started once each, beside the workers. With `ray_serve` questions are embedded by Ray Serve, which takes
    about a gigabyte more.
    """

    folder: Path
    config: Path
    workers: int = 2
    port: int = 0
    ray: bool = True
    ray_serve: bool = False
    main: Sequence[str] = (sys.executable, "-m", "headwater.main")
    parts: Sequence[str] = ("ingest", "serve")


class Cluster:
    """A running topology; a block that begins once every process is there and ends them all.

    Nothing runs before the block: what breaks its beginning off ends whatever has been started.
    """

    def __init__(self, plan: Plan, env: Mapping[str, str], say: Say) -> None:
        self._plan = plan
        self._say = say
        plan.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self.broker = LocalBroker(plan.folder / "kafka")
        self._postgres_home = plan.folder / "postgres"
        self._postgres_port = free_port()
        self._postgres: EmbeddedServer | None = None
        self.ray_port = free_port()
        self._ray_folder = ""
        self.ports = {
            **{part: free_port() for part in plan.parts},
            **{f"worker-{number}": free_port() for number in range(1, plan.workers + 1)},
        }
        if plan.port and "serve" in self.ports:
            self.ports["serve"] = plan.port
        self._ours = {
            "HEADWATER_HOME": str(plan.folder / "home"),
            "HEADWATER_KAFKA": self.broker.address,
            "HEADWATER_KAFKA__PARTITIONS": str(PARTITIONS),
        }
        if plan.ray:
            self._ours.update(environment_of(plan.folder))
            self._ours["HEADWATER_RAY_ADDRESS"] = f"127.0.0.1:{self.ray_port}"
        if plan.ray and plan.ray_serve:
            port = free_port()
            self._ours["HEADWATER_RAY__SERVE_PORT"] = str(port)
            self._ours["HEADWATER_RAY__SERVE_URL"] = f"http://127.0.0.1:{port}"
        self.env = {**env, **self._ours}
        self.supervisor = Supervisor(plan.folder, self.env, say)

    def __enter__(self) -> Self:
        try:
            self._start()
        except BaseException:
            self._end()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self._end()

    def address(self, name: str) -> str:
        """Where a process answers."""
        return f"http://127.0.0.1:{self.ports[name]}"

    @property
    def environment_file(self) -> Path:
        """What sets the variables of this topology in a shell, while it runs."""
        return self._plan.folder / "environment"

    def run(self, *arguments: str) -> str:
        """Run one command of the program against this topology. Returns: what it printed. Raises: WrongUse."""
        done = subprocess.run(
            [*self._plan.main, *arguments, "--config", str(self._plan.config)],
            env=self.env,
            cwd=self._plan.folder,
            capture_output=True,
            text=True,
            timeout=_COMMAND_WITHIN_S,
            check=False,
        )
        if done.returncode:
            raise WrongUse(f"{' '.join(arguments)} gave {done.returncode}: {done.stderr[-500:]}")
        return done.stdout

    def keep_postgres(self) -> None:
        """Start the database again where it has died; called every second or so."""
        if not listens(self._postgres_port):
            before, self._postgres = self._postgres, self._start_postgres()
            if before is not None:
                before.close()

    def wait(self, is_told: Callable[[], bool]) -> None:
        """Look after everything until told to end."""
        while not is_told():
            try:
                self.keep_postgres()
            except HeadwaterError as error:
                self._say(str(error))
            time.sleep(_POSTGRES_CHECK_S)

    def _start(self) -> None:
        start = self.supervisor.start
        self._say("starting postgres")
        self._postgres = self._start_postgres()
        self._ours["HEADWATER_DATABASE_URL"] = self._postgres.address.conninfo
        self.env.update(self._ours)
        write_environment(self.environment_file, self._ours)
        # Sockets below it have room for about 100 characters.
        self._ray_folder = tempfile.mkdtemp(prefix="hw-ray-")
        broker = Child("kafka", self.broker.command, lambda: listens(self.broker.port))
        start(broker)
        if self._plan.ray:
            start(
                Child(
                    "ray",
                    head_command(self.ray_port, self._ray_folder),
                    lambda: listens(self.ray_port),
                )
            )
        self._say("making the topics")
        self.run("topics", "apply")
        self._say("making the schema")
        self.run("migrate")
        if url := self.env.get("HEADWATER_RAY__SERVE_URL"):
            start(self._models(f"{url}/-/healthz"), within_s=_MODEL_WITHIN_S)
        # Who publishes comes last: until somebody consumes it would only warn of that.
        for name in sorted(self.ports, key=_LAST.__eq__):
            start(self._process(name), within_s=_MODEL_WITHIN_S)  # the first prepares the model

    def _process(self, name: str) -> Child:
        part = name.partition("-")[0]
        port = str(self.ports[name])
        command = [*self._plan.main, part, "--port", port, "--config", str(self._plan.config)]
        return Child(name, command, lambda: _answers(f"{self.address(name)}/healthz"))

    def _models(self, url: str) -> Child:
        command = [*self._plan.main, "models", "serve", "--config", str(self._plan.config)]
        return Child("models", command, lambda: _answers(url))

    def _start_postgres(self) -> EmbeddedServer:
        return EmbeddedServer.start(self._postgres_home, self._say, tcp_port=self._postgres_port)

    def _end(self) -> None:
        self._say("ending: what is at hand is finished first")
        self.environment_file.unlink(missing_ok=True)
        self.supervisor.end()
        if self._postgres is not None:
            self._postgres.close()
        if self._ray_folder:
            shutil.rmtree(self._ray_folder, ignore_errors=True)


def head_command(port: int, folder: str) -> Sequence[str]:
    """How the head of a Ray cluster is started on loopback. Raises: WrongUse where Ray is not installed.

    Without what nobody asks here, and each of which is a process with a Python of its own: the autoscaler, and what
    sends logs to drivers.
    """
    ray = which("ray", path=f"{Path(sys.executable).parent}:{os.defpath}")
    if ray is None:
        raise WrongUse("Ray is not installed: pip install 'headwater[cluster]'")
    return [
        *(ray, "start", "--head", "--block", f"--port={port}"),
        *("--node-ip-address=127.0.0.1", f"--temp-dir={folder}"),
        *("--include-dashboard=false", "--disable-usage-stats"),
        *("--no-monitor", "--include-log-monitor=false"),
        f"--object-store-memory={_RAY_STORE_BYTES}",
    ]


def _answers(url: str) -> bool:
    try:
        return httpx.get(url, timeout=_READY_WITHIN_S).is_success
    except httpx.HTTPError:
        return False


def wait_ready(cluster: Cluster, name: str, *, within_s: float) -> None:
    """Return once a process says that it is ready. Raises: StoreUnavailable with what it said last."""
    deadline = time.monotonic() + within_s
    told = ""
    while time.monotonic() < deadline:
        try:
            answer = httpx.get(f"{cluster.address(name)}/readyz", timeout=_READY_WITHIN_S)
        except httpx.HTTPError as error:
            told = type(error).__name__
        else:
            if answer.is_success:
                return
            told = str(answer.json().get("detail", answer.text))
        time.sleep(0.2)
    raise StoreUnavailable(f"{name} is not ready: {told}")
