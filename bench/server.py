"""`headwater up` as a process of its own, and a client for it."""

import hmac
import json
import os
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from uuid import uuid4

import httpx

SECRET = "bench-secret"
_READY_WITHIN_S = 1800.0
_ANNOUNCED = re.compile(r"answering on (http://\S+)")


@dataclass(frozen=True, slots=True)
class Server:
    """A running server: its address, and the seconds from its start until it was ready.

    `hooks` is where webhooks go when intake is a process of its own.
    """

    base: str
    pid: int
    client: httpx.Client
    ready_s: float
    hooks: httpx.Client | None = None

    @property
    def intake(self) -> httpx.Client:
        """What takes webhooks and follows the sources."""
        return self.hooks or self.client

    def search(self, question: str, *, k: int = 7) -> dict[str, object]:
        """POST /search."""
        response = self.client.post("/search", json={"question": question, "k": k})
        response.raise_for_status()
        found: dict[str, object] = response.json()
        return found

    def push(self, source: str) -> float:
        """POST /webhooks/{source}, signed as GitHub does. Returns: when it was sent."""
        body = json.dumps({"ref": "refs/heads/main"}).encode()
        signature = hmac.new(SECRET.encode(), body, sha256).hexdigest()
        headers = {
            "X-Hub-Signature-256": f"sha256={signature}",
            "X-GitHub-Delivery": str(uuid4()),
            "X-GitHub-Event": "push",
            "content-type": "application/json",
        }
        sent_s = time.perf_counter()
        self.intake.post(f"/webhooks/{source}", content=body, headers=headers).raise_for_status()
        return sent_s

    def texts(self, question: str, *, k: int = 10) -> str:
        """All text that a search finds, joined."""
        hits = self.search(question, k=k)["hits"]
        return "\n".join(hit["text"] for hit in hits) if isinstance(hits, list) else ""


@contextmanager
def serving(folder: Path, *, command: str = "up") -> Iterator[Server]:
    """Run `headwater up`, or another command that answers, with the configuration in `folder`; ready in the block."""
    start_s = time.perf_counter()
    words = [sys.executable, "-m", "headwater.main", command, "--port", "0"]
    environment = {**os.environ, "BENCH_SECRET": SECRET}
    process = subprocess.Popen(
        words, cwd=folder, stderr=subprocess.PIPE, text=True, env=environment
    )
    try:
        base = _address(process)
        with httpx.Client(base_url=base, timeout=60) as client:
            _wait_ready(client)
            yield Server(base, process.pid, client, time.perf_counter() - start_s)
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(timeout=60)


def wait_until(
    condition: Callable[[], bool],
    *,
    what: str = "it",
    within_s: float = 30.0,
    since_s: float | None = None,
) -> float:
    """Ask `condition` until it holds. Returns: the seconds since `since_s`, or since the call.

    Raises: SystemExit past the deadline.
    """
    start_s = time.perf_counter() if since_s is None else since_s
    while time.perf_counter() - start_s < within_s:
        if condition():
            return time.perf_counter() - start_s
    raise SystemExit(f"{what} did not happen within {within_s:g} s")


def _address(process: subprocess.Popen[str]) -> str:
    if process.stderr is None:
        raise SystemExit("no output")
    for line in process.stderr:
        if found := _ANNOUNCED.search(line):
            threading.Thread(target=process.stderr.read, daemon=True).start()
            return found[1]
    raise SystemExit("the server ended before it answered")


def _wait_ready(client: httpx.Client) -> None:
    wait_until(lambda: client.get("/readyz").status_code == 200, within_s=_READY_WITHIN_S)
