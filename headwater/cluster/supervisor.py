"""Looking after processes: each is started again when it ends, until all are told to."""

import os
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from schemas.errors import StoreUnavailable

_POLL_S = 0.1
_FIRST_PAUSE_S, _LONGEST_PAUSE_S = 0.5, 10.0
_HEALTHY_AFTER_S = 30.0
_END_WITHIN_S = 30.0

Say = Callable[[str], None]


@dataclass(slots=True)
class Child:
    """A process that is looked after. `is_up` tells when those that need it may start."""

    name: str
    command: Sequence[str]
    is_up: Callable[[], bool] = lambda: True
    env: Mapping[str, str] = field(default_factory=dict)
    process: subprocess.Popen[bytes] | None = None
    started_s: float = 0.0
    pause_s: float = _FIRST_PAUSE_S
    restarts: int = 0


class Supervisor:
    """Starts children in order, each once the one before is up, and keeps them there.

    What a child writes goes to `<name>.log` in `folder`.
    """

    def __init__(self, folder: Path, env: Mapping[str, str], say: Say) -> None:
        self.folder = folder
        self._env = env
        self._say = say
        self._children: list[Child] = []
        self._turn = threading.Lock()
        self._is_ending = threading.Event()
        self._watch = threading.Thread(target=self._keep, name="supervisor", daemon=True)

    def start(self, child: Child, *, within_s: float = 120.0) -> None:
        """Start it and return once it is up. Raises: StoreUnavailable, naming its log."""
        if not self._watch.is_alive() and not self._is_ending.is_set():
            self._watch.start()
        self._say(f"starting {child.name}")
        with self._turn:
            self._run(child)
            self._children.append(child)
        deadline = time.monotonic() + within_s
        while not child.is_up():
            if time.monotonic() > deadline or self._is_ending.is_set():
                raise StoreUnavailable(f"{child.name} is not up; {self.log_of(child)} tells why")
            time.sleep(_POLL_S)
        self._say(f"{child.name} is up after {time.monotonic() - child.started_s:.0f} s")

    def child(self, name: str) -> Child:
        """The child of that name."""
        return next(child for child in self._children if child.name == name)

    def log_of(self, child: Child) -> Path:
        """What it wrote."""
        return self.folder / f"{child.name}.log"

    def end(self) -> None:
        """End all, the last started first; who does not listen is killed. Idempotent."""
        self._is_ending.set()
        with self._turn:
            for child in reversed(self._children):
                _end(child)

    def _keep(self) -> None:
        while not self._is_ending.wait(_POLL_S):
            with self._turn:
                for child in self._children:
                    self._look_after(child)

    def _look_after(self, child: Child) -> None:
        if child.process is None or child.process.poll() is None or self._is_ending.is_set():
            return
        now_s = time.monotonic()
        if now_s - child.started_s > _HEALTHY_AFTER_S:
            child.pause_s = _FIRST_PAUSE_S
        if now_s - child.started_s < child.pause_s:
            return
        child.pause_s = min(child.pause_s * 2, _LONGEST_PAUSE_S)
        child.restarts += 1
        self._say(f"{child.name} ended with {child.process.returncode}; starting it again")
        self._run(child)

    def _run(self, child: Child) -> None:
        with self.log_of(child).open("ab") as log:
            child.process = subprocess.Popen(
                child.command,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                cwd=self.folder,
                env={**self._env, **child.env},
                start_new_session=True,  # a Ctrl-C in the terminal is for the supervisor
            )
        child.started_s = time.monotonic()


def _end(child: Child) -> None:
    if child.process is None:
        return
    if child.process.poll() is None:
        child.process.terminate()
        try:
            child.process.wait(_END_WITHIN_S)
        except subprocess.TimeoutExpired:
            os.killpg(child.process.pid, signal.SIGKILL)
            child.process.wait()
