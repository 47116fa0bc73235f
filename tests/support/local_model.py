"""The real small model, served as users serve it."""

import os
import re
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from queue import Queue

_ADDRESS, _KEY_FILE = (re.compile(rf'^{key} = "(.+)"$') for key in ("base_url", "api_key_file"))
_WITHIN_S = 60.0


@dataclass(frozen=True, slots=True)
class Served:
    """Where it answers, and the file of the key that it wants."""

    base_url: str
    key_file: Path

    @property
    def key(self) -> str:
        return self.key_file.read_text("ascii")

    def headers(self) -> dict[str, str]:
        """What a request has to have."""
        return {"Authorization": f"Bearer {self.key}"}


@contextmanager
def a_local_model(folder: Path) -> Iterator[Served]:
    """Served with its home in `folder`, while the block runs. What it says is for a person, and no log is among it."""
    command = [
        sys.executable,
        "-m",
        "headwater.main",
        "models",
        "local",
        "--port",
        "0",
        "--threads",
        "2",
    ]
    lines: Queue[str] = Queue()
    with subprocess.Popen(
        command,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        stdin=subprocess.DEVNULL,
        text=True,
        cwd=folder,
        env={key: value for key, value in os.environ.items() if not key.startswith("HEADWATER_")},
    ) as process:

        def read() -> None:
            for line in process.stdout or ():
                lines.put(line)

        reading = threading.Thread(target=read, daemon=True)
        reading.start()
        try:
            first = lines.get(timeout=_WITHIN_S)
            assert " answers on http://" in first, first
            yield Served(_told(lines, _ADDRESS), Path(_told(lines, _KEY_FILE)))
        finally:
            process.terminate()
            process.wait(timeout=30)
            reading.join(timeout=5)


def _told(lines: "Queue[str]", what: re.Pattern[str]) -> str:
    while not (found := what.search(lines.get(timeout=_WITHIN_S).rstrip())):
        pass
    return found[1]
