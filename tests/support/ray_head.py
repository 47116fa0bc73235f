"""The head of a Ray cluster as a process of its own, on loopback."""

import contextlib
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psutil

from headwater.cluster.broker import free_port, listens
from headwater.cluster.topology import head_command
from index.adapters.embed.ray_cluster import environment_of
from tests.support.program import poll


@dataclass(frozen=True, slots=True)
class RayHead:
    """A running head, and the variables that a process needs to join it."""

    joining: Mapping[str, str]
    pid: int

    def kill(self) -> None:
        """Kill it with its node and all actors there."""
        head = psutil.Process(self.pid)
        for process in [*head.children(recursive=True), head]:
            with contextlib.suppress(psutil.NoSuchProcess):
                process.kill()


@contextmanager
def a_ray_head(home: Path, env: Mapping[str, str]) -> Iterator[RayHead]:
    """A head whose actors have the variables `env` too; it is ended with the block."""
    folder, port = tempfile.mkdtemp(prefix="hw-ray-"), free_port()
    joining = environment_of(home)
    with (home / "ray.log").open("wb") as log:
        process = subprocess.Popen(
            head_command(port, folder),
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            env=os.environ | joining | dict(env),
            start_new_session=True,
        )
    try:
        poll(lambda: listens(port), "a Ray head")
        address = {"HEADWATER_RAY_ADDRESS": f"127.0.0.1:{port}"}
        yield RayHead(joining | address, process.pid)
    finally:
        process.terminate()
        process.wait(timeout=60)
        shutil.rmtree(folder, ignore_errors=True)
