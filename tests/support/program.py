"""The program as a user has it: commands run to their end, and a server that goes on."""

import hmac
import json
import os
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path
from typing import Any, TextIO
from uuid import uuid4

import httpx

from index.adapters.postgres.server import discard
from tests.support.warm import Forked, Warm

REAL = ("headwater.main",)
FAKE = ("tests.support.fake_main",)
"""The same program with an embedder that counts words: nothing to load, so much faster."""

Process = subprocess.Popen[bytes] | Forked

_WITHIN_S = 60.0
_ANNOUNCED = re.compile(r"answering on (http://\S+)")


def poll(
    is_so: Callable[[], object],
    what: str = "",
    *,
    within_s: float = _WITHIN_S,
    every_s: float = 0.02,
) -> None:
    """Return once `is_so` holds. Raises: AssertionError past the deadline."""
    deadline = time.monotonic() + within_s
    while not is_so():
        assert time.monotonic() < deadline, f"not within {within_s:g} s: {what or is_so}"
        time.sleep(every_s)


@dataclass(frozen=True, slots=True)
class Ran:
    """A command that has ended."""

    status: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        """Standard output as the one JSON value it has to be."""
        return json.loads(self.out)

    @property
    def complaint(self) -> str:
        """The one line in which it says what is wrong. Raises: AssertionError when it is not one line."""
        lines = [line for line in self.err.splitlines() if line.strip()]
        told = [line for line in lines if line.startswith("headwater: ")]
        assert "Traceback" not in self.err, self.err
        assert len(told) == 1, self.err
        assert lines[-1] == told[0], self.err
        return told[0]


@dataclass(frozen=True, slots=True)
class Program:
    """The program in a folder of its own, with a home of its own in it.

    `main` is the module to run, with what it takes before the command line. Commands are forked from `warm`
    where it is given.
    """

    folder: Path
    main: Sequence[str] = REAL
    warm: Warm | None = None
    env: Mapping[str, str] = field(default_factory=dict)

    @property
    def home(self) -> Path:
        return self.folder / ".headwater"

    def configure(self, text: str) -> None:
        """Write `headwater.toml`."""
        (self.folder / "headwater.toml").write_text(text, "utf-8")

    def command(self, *arguments: str, main: Sequence[str] | None = None) -> list[str]:
        """How the program is started."""
        return [sys.executable, "-m", *(main or self.main), *arguments]

    def environment(self) -> dict[str, str]:
        """Ours without what would configure the program, and with what the test says."""
        ours = {key: value for key, value in os.environ.items() if not key.startswith("HEADWATER_")}
        return ours | {"PYTHONUNBUFFERED": "1"} | dict(self.env)

    def run(self, *arguments: str, main: Sequence[str] | None = None) -> Ran:
        """Run one command to its end."""
        if self.warm is not None:
            command = [*(main or self.main), *arguments]
            ended = self.warm.run(command, cwd=self.folder, env=self.environment())
            return Ran(ended.status, ended.out, ended.err)
        done = subprocess.run(
            self.command(*arguments, main=main),
            cwd=self.folder,
            env=self.environment(),
            capture_output=True,
            text=True,
            timeout=_WITHIN_S,
            stdin=subprocess.DEVNULL,
        )
        return Ran(done.returncode, done.stdout, done.stderr)

    def done(self, *arguments: str) -> Any:
        """Run one command that has to succeed. Returns: the JSON value it prints."""
        ran = self.run(*arguments, "--json")
        assert ran.status == 0, ran
        return ran.json

    @contextmanager
    def up(
        self, *arguments: str, main: Sequence[str] | None = None, port: int = 0
    ) -> Iterator["Serving"]:
        """Run `up` while the block runs; it answers when the block begins, and may not be ready yet."""
        with self.starting(*arguments, main=main, port=port) as serving:
            yield serving.answering()

    @contextmanager
    def starting(
        self,
        *arguments: str,
        main: Sequence[str] | None = None,
        port: int = 0,
        part: str = "up",
        env: Mapping[str, str] | None = None,
    ) -> Iterator["Serving"]:
        """Run `up`, or one part of it, while the block runs; it has just been started when the block begins."""
        command = [part, "--port", str(port), *arguments]
        serving = self._begin(command, main or self.main, self.environment() | dict(env or {}))
        try:
            yield serving
        finally:
            serving.close()

    def _begin(
        self, command: Sequence[str], main: Sequence[str], env: Mapping[str, str]
    ) -> "Serving":
        reads, writes = os.pipe()
        if self.warm is not None:
            process: Process = self.warm.begin(
                [*main, *command], cwd=self.folder, env=env, out=1, err=writes
            )
        else:
            process = subprocess.Popen(
                self.command(*command, main=main),
                cwd=self.folder,
                env=env,
                stderr=writes,
                stdin=subprocess.DEVNULL,
            )
        os.close(writes)
        return Serving(process, open(reads, encoding="utf-8"))


class Serving:
    """A running `headwater up`."""

    def __init__(self, process: Process, said: TextIO) -> None:
        self._process = process
        self._said = said
        self._lines: list[str] = []
        self._reading = threading.Thread(target=self._read, daemon=True)
        self._reading.start()
        self.client = httpx.Client(timeout=60)

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def said(self) -> str:
        """All it has said on stderr so far."""
        return "".join(self._lines)

    @property
    def base(self) -> str:
        found = _ANNOUNCED.search(self.said)
        assert found is not None, self.said
        return found[1]

    def answering(self) -> "Serving":
        """Wait until it names its address."""
        poll(lambda: _ANNOUNCED.search(self.said) or not self.is_running, "an address")
        assert self.is_running, self.said
        self.client.base_url = httpx.URL(self.base)
        return self

    def ready(self) -> "Serving":
        """Wait until it says that it is ready."""
        poll(lambda: self.client.get("/readyz").status_code == 200, "readiness")
        return self

    @property
    def is_running(self) -> bool:
        return self._process.poll() is None

    def search(self, question: str, *, k: int = 7) -> dict[str, Any]:
        """POST /search, which has to succeed."""
        response = self.client.post("/search", json={"question": question, "k": k})
        assert response.status_code == 200, response.text
        found: dict[str, Any] = response.json()
        return found

    def texts(self, question: str) -> str:
        """All text that a search finds."""
        return "\n".join(hit["text"] for hit in self.search(question)["hits"])

    def metric(self, name: str) -> float:
        """The value of a metric; `name` with its labels, as it is written."""
        text = self.client.get("/metrics").text
        found = re.search(rf"^{re.escape(name)} (\S+)$", text, re.MULTILINE)
        return float(found[1]) if found else 0.0

    def push(self, source: str, *, secret: str, body: bytes = b"{}", delivery: str = "") -> int:
        """POST /webhooks/{source} as GitHub does. Returns: the status."""
        signature = hmac.new(secret.encode(), body, sha256).hexdigest()
        headers = {
            "X-Hub-Signature-256": f"sha256={signature}",
            "X-GitHub-Delivery": delivery or str(uuid4()),
            "X-GitHub-Event": "push",
            "Content-Type": "application/json",
        }
        return self.client.post(f"/webhooks/{source}", content=body, headers=headers).status_code

    def tell(self, number: int) -> None:
        """Send a signal, and go on."""
        self._process.send_signal(number)

    def end(self, number: int = signal.SIGTERM, *, within_s: float = 30.0) -> int:
        """Send a signal and wait. Returns: the exit status."""
        self._process.send_signal(number)
        return self._process.wait(timeout=within_s)

    def wait(self, *, within_s: float = _WITHIN_S) -> int:
        """Wait for it to end by itself. Returns: the exit status."""
        return self._process.wait(timeout=within_s)

    def close(self) -> None:
        """End it in any case."""
        self.client.close()
        if self.is_running:
            self._process.terminate()
            try:
                self._process.wait(timeout=60)
            finally:
                self._process.kill()
        self._reading.join(timeout=5)
        self._said.close()

    def _read(self) -> None:
        for line in self._said:
            self._lines.append(line)


@contextmanager
def a_program(
    folder: Path,
    *,
    main: Sequence[str] = REAL,
    warm: Warm | None = None,
    env: Mapping[str, str] | None = None,
) -> Iterator[Program]:
    """A program in `folder`, whose database is removed for good afterwards."""
    folder.mkdir(parents=True, exist_ok=True)
    program = Program(folder, main, warm, env or {})
    try:
        yield program
    finally:
        discard(program.home)
