"""A Ray cluster of a test module's own, started from the tests' process."""

import importlib
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from index.adapters.embed import ray_cluster
from index.settings import RaySettings

_token: list[str] = []


@contextmanager
def a_local_cluster(settings: RaySettings, home: Path) -> Iterator[None]:
    """Run one on loopback while the block runs. Another may follow in the same process.

    Ray reads its token once in a process, so those that follow have that of the first.
    """
    before = dict(os.environ)
    if _token:
        (home / "ray_token").touch(mode=0o600)
        (home / "ray_token").write_text(_token[0], "ascii")
    leave = ray_cluster.connect(settings, home)
    _token[:] = [(home / "ray_token").read_text("ascii")]
    try:
        yield
    finally:
        started = _processes()
        leave()
        for process in started:  # Ray ends them, and leaves it to us to hear of it
            process.wait(timeout=30)
        os.environ.clear()
        os.environ.update(before)


def _processes() -> list[Any]:
    """What Ray has started as children of this process; it has no public name for them."""
    worker: Any = importlib.import_module("ray._private.worker")
    listed = worker._global_node.all_processes.values() if worker._global_node else ()
    return [info.process for some in listed for info in some]
