"""The real small model, served as users serve it."""

import re
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from queue import Queue

_ADDRESS = re.compile(r'base_url = "(http://\S+)"')
_WITHIN_S = 60.0


@contextmanager
def a_local_model() -> Iterator[str]:
    """Its base URL, while the block runs. What it says is for a person: no log of what serves it is among it."""
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
    ) as process:

        def read() -> None:
            for line in process.stdout or ():
                lines.put(line)

        reading = threading.Thread(target=read, daemon=True)
        reading.start()
        try:
            first = lines.get(timeout=_WITHIN_S)
            assert " answers on http://" in first, first
            while not (found := _ADDRESS.search(lines.get(timeout=_WITHIN_S))):
                pass
            yield found[1]
        finally:
            process.terminate()
            process.wait(timeout=30)
            reading.join(timeout=5)
