"""A Kafka broker of one process on loopback, for `make cluster` and for tests: KRaft, no ZooKeeper, no Docker."""

import secrets
import signal
import socket
import subprocess
import time
from base64 import urlsafe_b64encode
from pathlib import Path
from shutil import which

from schemas.errors import BrokerUnavailable, WrongUse

LIBRARIES = Path(__file__).resolve().parents[2] / ".tools" / "kafka"
"""Where `make kafka` puts the broker's jars."""

_UP_WITHIN_S = 60.0
_DOWN_WITHIN_S = 30.0
_POLL_S = 0.05
_HEAP = "-Xmx512m"
# The second compiler takes seconds of the processor that the rest of the machine needs, and gains them back in hours.
_COMPILER = "-XX:TieredStopAtLevel=1"


class LocalBroker:
    """One broker with its data in a folder of its own. Not for several threads at once."""

    def __init__(self, folder: Path, *, port: int = 0, libraries: Path = LIBRARIES) -> None:
        """`port` 0 takes a free one, which is kept over restarts. Raises: WrongUse without Java or the jars."""
        if which("java") is None or not libraries.is_dir():
            raise WrongUse("a local broker needs Java and its jars: run `make kafka` first")
        self._folder = folder
        self._libraries = libraries
        self._process: subprocess.Popen[bytes] | None = None
        self.port = port or free_port()
        self._format()

    @property
    def address(self) -> str:
        """`host:port`."""
        return f"127.0.0.1:{self.port}"

    @property
    def pid(self) -> int:
        """Raises: BrokerUnavailable when it was not started."""
        if self._process is None:
            raise BrokerUnavailable("it was not started")
        return self._process.pid

    @property
    def command(self) -> list[str]:
        """How it is started, for who looks after it."""
        return [*self._java("kafka.Kafka"), str(self._folder / "server.properties")]

    def start(self) -> None:
        """Start it and wait until it listens. Raises: BrokerUnavailable."""
        with (self._folder / "broker.log").open("ab") as log:
            self._process = subprocess.Popen(self.command, stdout=log, stderr=log)
        deadline = time.monotonic() + _UP_WITHIN_S
        while not listens(self.port):
            if self._process.poll() is not None:
                raise BrokerUnavailable(
                    f"it ended while starting; {self._folder / 'broker.log'} tells why"
                )
            if time.monotonic() > deadline:
                raise BrokerUnavailable(f"it does not listen after {_UP_WITHIN_S:g} s")
            time.sleep(_POLL_S)

    def stop(self) -> None:
        """End it in order; harmless when it does not run."""
        if self._process is None:
            return
        self._process.terminate()
        try:
            self._process.wait(_DOWN_WITHIN_S)
        except subprocess.TimeoutExpired:
            self.kill()
        self._process = None

    def kill(self) -> None:
        """End it as a power cut does."""
        if self._process is not None:
            self._process.send_signal(signal.SIGKILL)
            self._process.wait()
            self._process = None

    def _java(self, main: str) -> list[str]:
        classes = str(self._libraries / "*")
        return ["java", _HEAP, _COMPILER, "-XX:+UseSerialGC", "-cp", classes, main]

    def _format(self) -> None:
        """Write its properties, with the ports of this run, and make its storage where there is none."""
        properties, data = self._folder / "server.properties", self._folder / "data"
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        text = _PROPERTIES.format(port=self.port, controller_port=free_port(), data=data)
        properties.write_text(text, "utf-8")
        if (data / "meta.properties").exists():
            return
        cluster_id = _cluster_id(secrets.token_bytes(16))
        command = [
            *self._java("kafka.tools.StorageTool"),
            *("format", "-t", cluster_id, "-c", str(properties)),
        ]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode:
            raise BrokerUnavailable(f"its storage cannot be made: {done.stderr.strip()[-300:]}")


def _cluster_id(random: bytes) -> str:
    """16 bytes as Kafka writes them; the first is below 128, since its tools take a leading dash for an option."""
    return urlsafe_b64encode(bytes([random[0] & 0x7F]) + random[1:]).decode().rstrip("=")


def free_port() -> int:
    """A port of the loopback address that nobody listens on at the moment."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def listens(port: int) -> bool:
    """Whether somebody does at the moment, on the loopback address."""
    with socket.socket() as probe:
        probe.settimeout(1.0)
        return probe.connect_ex(("127.0.0.1", port)) == 0


_PROPERTIES = """\
process.roles=broker,controller
node.id=1
controller.quorum.voters=1@127.0.0.1:{controller_port}
controller.listener.names=CONTROLLER
listeners=PLAINTEXT://127.0.0.1:{port},CONTROLLER://127.0.0.1:{controller_port}
advertised.listeners=PLAINTEXT://127.0.0.1:{port}
listener.security.protocol.map=PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT
log.dirs={data}
message.max.bytes=8388608
offsets.topic.replication.factor=1
offsets.topic.num.partitions=4
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
share.coordinator.state.topic.replication.factor=1
share.coordinator.state.topic.min.isr=1
group.initial.rebalance.delay.ms=0
group.min.session.timeout.ms=1000
auto.create.topics.enable=false
broker.session.timeout.ms=2000
broker.heartbeat.interval.ms=500
"""
