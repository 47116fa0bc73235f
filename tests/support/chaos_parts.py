"""The processes of a deployment under chaos: killed, stopped, ended, added, and started again as by a supervisor."""

import signal
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import httpx

from tests.support.deployment import Deployed
from tests.support.program import Serving


@dataclass(frozen=True, slots=True)
class Part:
    """How a process reaches the database and the broker; as the deployment does where that is left out."""

    database: str = ""
    servers: str = ""


class Parts:
    """Processes by name, such as `worker-1`. A fault returns what ends it, or None while another one lasts."""

    def __init__(self, deployed: Deployed, ways: Mapping[str, Part]) -> None:
        self._deployed = deployed
        self._ways = ways
        self._running: dict[str, Serving] = {}
        self._in_trouble: set[str] = set()
        self.restarts: Counter[str] = Counter()

    def start(self, name: str) -> None:
        """Start a process, or another in its place."""
        way = self._ways.get(name, Part())
        part = name.partition("-")[0]
        self._running[name] = self._deployed.begin(
            part, "--embed-s", "0.01", database=way.database, servers=way.servers
        )

    def serving(self, name: str) -> Serving:
        """The process of that name that runs now."""
        return self._running[name]

    def kill(self, name: str) -> Callable[[], None] | None:
        """End it the hard way; its successor is started when the fault is over."""
        return self._away(name, lambda process: process.end(signal.SIGKILL))

    def end(self, name: str) -> Callable[[], None] | None:
        """Tell it to end, and wait for nothing."""
        return self._away(name, lambda process: process.tell(signal.SIGTERM))

    def _away(self, name: str, end: Callable[[Serving], object]) -> Callable[[], None] | None:
        if name in self._in_trouble or not self._running[name].is_running:
            return None
        self._in_trouble.add(name)
        end(self._running[name])
        return lambda: self._in_trouble.discard(name)

    def stop(self, name: str) -> Callable[[], None] | None:
        """Put it to sleep; it goes on as a zombie when the fault is over."""
        process = self._running[name]
        if name in self._in_trouble or not process.is_running:
            return None
        self._in_trouble.add(name)
        process.tell(signal.SIGSTOP)

        def wake() -> None:
            process.tell(signal.SIGCONT)
            self._in_trouble.discard(name)

        return wake

    def add(self, name: str) -> Callable[[], None] | None:
        """One process more for a while."""
        if name in self._running:
            return None
        self.start(name)
        process = self._running[name]
        self._in_trouble.add(name)

        def leave() -> None:
            process.tell(signal.SIGTERM)
            self._in_trouble.discard(name)
            del self._running[name]

        return leave

    def restart_what_ended(self) -> None:
        """Start again what has ended, whatever the reason, unless a fault keeps it down."""
        for name, process in list(self._running.items()):
            if name not in self._in_trouble and not process.is_running:
                self.restarts[name] += 1
                self.start(name)

    def wake_all(self) -> None:
        """End every fault of processes."""
        for process in self._deployed.started:
            if process.is_running:
                process.tell(signal.SIGCONT)
        self._in_trouble.clear()

    def push(self, secret: str) -> bool:
        """Tell intake that something was committed. Returns: whether it took note."""
        try:
            return self._running["ingest"].answering().push("docs", secret=secret) < 300
        except (httpx.HTTPError, AssertionError):
            return False
