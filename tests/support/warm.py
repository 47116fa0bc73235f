"""Commands in processes of their own, forked from one that has imported the program: seconds saved on each."""

import json
import os
import runpy
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import headwater.main
import index.adapters.embed.hashed

IMPORTED = (headwater.main, index.adapters.embed.hashed)
"""What every command would import again."""


@dataclass(frozen=True, slots=True)
class Ended:
    """A command that has ended."""

    status: int
    out: str
    err: str


class Warm:
    """Runs one command at a time."""

    def __init__(self, server: "subprocess.Popen[str]") -> None:
        self._server = server

    def run(self, command: Sequence[str], *, cwd: Path, env: Mapping[str, str]) -> Ended:
        """Run a module, the first of `command`, with its arguments."""
        if self._server.stdin is None or self._server.stdout is None:
            raise ValueError("the server has no pipes")
        with tempfile.NamedTemporaryFile("r") as out, tempfile.NamedTemporaryFile("r") as err:
            asked = {"command": list(command), "cwd": str(cwd), "env": dict(env)}
            self._server.stdin.write(json.dumps(asked | {"out": out.name, "err": err.name}) + "\n")
            self._server.stdin.flush()
            status = int(self._server.stdout.readline())
            return Ended(status, out.read(), err.read())


@contextmanager
def a_warm_start() -> Iterator[Warm]:
    """The process to fork from, as long as the block runs."""
    with subprocess.Popen(
        [sys.executable, "-m", "tests.support.warm"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as server:
        yield Warm(server)


def main() -> None:
    """Fork a process for each line of standard input, and answer with its exit status."""
    for line in sys.stdin:
        asked = json.loads(line)
        pid = os.fork()
        if pid == 0:
            _become(asked)
        _, how = os.waitpid(pid, 0)
        print(os.waitstatus_to_exitcode(how), flush=True)  # noqa: T201


def _become(asked: Mapping[str, object]) -> None:
    """Be the process that was asked for, in all that it can see of itself."""
    os.setsid()
    signal.signal(signal.SIGINT, signal.default_int_handler)
    for number, path in enumerate((os.devnull, str(asked["out"]), str(asked["err"]))):
        opened = os.open(path, os.O_RDWR)
        os.dup2(opened, number)
        os.close(opened)
    sys.stdin = open(0)  # noqa: SIM115
    os.chdir(str(asked["cwd"]))
    os.environ.clear()
    os.environ.update(dict(asked["env"]))  # type: ignore[call-overload]
    module, *sys.argv[1:] = list(asked["command"])  # type: ignore[call-overload]
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
