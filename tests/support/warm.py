"""Commands in processes of their own, forked from one that has imported the program: seconds saved on each."""

import contextlib
import importlib
import json
import os
import runpy
import select
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

IMPORTED = (
    *(
        f"headwater.commands.{name}"
        for name in ("ask", "generation", "index", "inspect", "parked", "up", "upkeep")
    ),
    *(
        "headwater.main",
        "headwater.server",
        "headwater.adapters.kafka_group",
        "ingest.adapters.kafka",
    ),
    *("api.adapters.http", "index.adapters.embed.hashed", "stream.adapters.faust_worker"),
    *(
        "faust.transport.drivers.aiokafka",
        "litestar.plugins.pydantic.plugins.schema",
        "pydantic.json_schema",
    ),
    *("uvicorn.lifespan.on", "uvicorn.loops.auto", "uvicorn.protocols.http.h11_impl"),
    *("typer._adapters", "watchdog.observers", "watchfiles"),
)
"""What every process would import again. Nothing of Ray, which reads its environment when it is imported."""

_REQUEST = b"run"


@dataclass(frozen=True, slots=True)
class Ended:
    """A command that has ended."""

    status: int
    out: str
    err: str


class Forked:
    """A process that was forked elsewhere; it is used as one that `subprocess` has started."""

    def __init__(self, told: int) -> None:
        """`told` is where its id is written, and its exit status at its end."""
        self._told = open(told, encoding="ascii", buffering=1)  # noqa: SIM115
        self.pid = int(self._told.readline())
        self._status: int | None = None

    def poll(self) -> int | None:
        """The exit status; None while it runs."""
        return self._within(0.0)

    def wait(self, timeout: float | None = None) -> int:
        """The exit status. Raises: subprocess.TimeoutExpired."""
        status = self._within(timeout)
        if status is None:
            raise subprocess.TimeoutExpired(str(self.pid), timeout or 0.0)
        return status

    def send_signal(self, number: int) -> None:
        """Send a signal; harmless when it has ended."""
        if self.poll() is None:
            with contextlib.suppress(ProcessLookupError):
                os.kill(self.pid, number)

    def terminate(self) -> None:
        """Tell it to end."""
        self.send_signal(signal.SIGTERM)

    def kill(self) -> None:
        """End it."""
        self.send_signal(signal.SIGKILL)

    def _within(self, seconds: float | None) -> int | None:
        if self._status is None and select.select([self._told], [], [], seconds)[0]:
            self._status = int(self._told.readline())
            self._told.close()
        return self._status


class Warm:
    """Begins one process at a time; they run side by side."""

    def __init__(self, channel: socket.socket) -> None:
        self._channel = channel

    def begin(
        self, command: Sequence[str], *, cwd: Path, env: Mapping[str, str], out: int, err: int
    ) -> Forked:
        """Run a module, the first of `command`, with its arguments; it writes to these files."""
        asked = {"command": list(command), "cwd": str(cwd), "env": dict(env)}
        told, tells = os.pipe()
        # By a file of its own: a message has a length that the longest of questions is over.
        with tempfile.TemporaryFile() as request:
            request.write(json.dumps(asked).encode())
            request.seek(0)
            socket.send_fds(self._channel, [_REQUEST], [request.fileno(), out, err, tells])
        os.close(tells)
        return Forked(told)

    def run(self, command: Sequence[str], *, cwd: Path, env: Mapping[str, str]) -> Ended:
        """Run one to its end."""
        with tempfile.NamedTemporaryFile("r") as out, tempfile.NamedTemporaryFile("r") as err:
            begun = self.begin(command, cwd=cwd, env=env, out=out.fileno(), err=err.fileno())
            status = begun.wait()
            out.seek(0)  # the position is one with that of who wrote
            err.seek(0)
            return Ended(status, out.read(), err.read())


@contextmanager
def a_warm_start() -> Iterator[Warm]:
    """The process to fork from, as long as the block runs."""
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    with ours, theirs:
        command = [sys.executable, "-m", "tests.support.warm", str(theirs.fileno())]
        server = subprocess.Popen(command, pass_fds=[theirs.fileno()], stdin=subprocess.DEVNULL)
        theirs.close()
        yield Warm(ours)
    server.wait(timeout=30)


def main() -> None:
    """Fork a process for each request of a channel, until it is closed."""
    for name in IMPORTED:
        importlib.import_module(name)
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # keepers are not waited for
    channel = socket.socket(fileno=int(sys.argv[1]))
    while True:
        request, files, _, _ = socket.recv_fds(channel, len(_REQUEST), 4)
        if not request:
            return
        if os.fork() == 0:
            channel.close()
            with open(files[0], encoding="utf-8") as asked:
                wanted = json.load(asked)
            _keep(wanted, *files[1:])
        for file in files:
            os.close(file)


def _keep(asked: Mapping[str, object], out: int, err: int, tells: int) -> None:
    """Fork the process, and tell its id and how it ended: only its parent hears of that."""
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    pid = os.fork()
    if pid == 0:
        os.close(tells)
        _become(asked, out, err)
    os.close(out)
    os.close(err)
    with contextlib.suppress(BrokenPipeError):
        os.write(tells, f"{pid}\n".encode())
        _, how = os.waitpid(pid, 0)
        os.write(tells, f"{os.waitstatus_to_exitcode(how)}\n".encode())
    os._exit(0)


def _become(asked: Mapping[str, object], out: int, err: int) -> None:
    """Be the process that was asked for, in all that it can see of itself."""
    os.setsid()
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.signal(signal.SIGHUP, signal.SIG_DFL)
    nothing = os.open(os.devnull, os.O_RDWR)
    for number, opened in enumerate((nothing, out, err)):
        os.dup2(opened, number)
    for opened in {nothing, out, err} - {0, 1, 2}:
        os.close(opened)
    sys.stdin = open(0)  # noqa: SIM115
    os.chdir(str(asked["cwd"]))
    os.environ.clear()
    os.environ.update(dict(asked["env"]))  # type: ignore[call-overload]
    module, *sys.argv[1:] = list(asked["command"])  # type: ignore[call-overload]
    sys.modules.pop(module, None)  # which warns of one that was imported already
    status: object = 0
    try:
        runpy.run_module(module, run_name="__main__", alter_sys=True)
    except SystemExit as ended:
        status = ended.code
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
    os._exit(status if isinstance(status, int) else 1)


if __name__ == "__main__":
    main()
