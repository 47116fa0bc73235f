"""The memory that a running command and its database take, as the kernel counts it."""

import subprocess
import threading
from pathlib import Path

_EVERY_S = 0.2


class MemoryWatch:
    """Notes the peaks, in GB, of a process, of its reading child and of Postgres until the process ends.

    The first two are the kernel's own high-water marks. Postgres is the sum over its processes of memory in
    which each page counts once, however many share it; where only its private memory can be read, `postgres_is`
    says so.
    """

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process
        self._peaks = {"main": 0.0, "reading_child": 0.0, "postgres": 0.0}
        self._is_private = False
        self._thread = threading.Thread(target=self._watch)
        self._thread.start()

    def peaks(self) -> dict[str, float | str]:
        """Wait for the end. Returns: the peaks by part."""
        self._thread.join()
        rounded = {name: round(value, 3) for name, value in self._peaks.items()}
        return {**rounded, "postgres_is": "private" if self._is_private else "proportional"}

    def _watch(self) -> None:
        ended = threading.Event()
        while self._process.poll() is None:
            self._look()
            ended.wait(_EVERY_S)

    def _look(self) -> None:
        seen = {"main": _gb(_status(self._process.pid, "VmHWM")), "reading_child": 0.0}
        seen["postgres"] = 0.0
        for pid in _pids():
            command = _command(pid)
            if "index.adapters.reading_child" in command and _parent(pid) == self._process.pid:
                seen["reading_child"] += _gb(_status(pid, "VmHWM"))
            elif command.startswith(("postgres:", "postgres ")) or "/bin/postgres" in command:
                seen["postgres"] += self._proportional_gb(pid)
        for name, value in seen.items():
            self._peaks[name] = max(self._peaks[name], value)

    def _proportional_gb(self, pid: int) -> float:
        proportional = _field(Path(f"/proc/{pid}/smaps_rollup"), "Pss")
        if proportional or not _status(pid, "RssAnon"):
            return _gb(proportional)
        self._is_private = True
        return _gb(_status(pid, "RssAnon"))


def _pids() -> list[int]:
    return [int(entry.name) for entry in Path("/proc").iterdir() if entry.name.isdigit()]


def _command(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/cmdline").read_text("utf-8", "replace").replace("\0", " ")
    except OSError:
        return ""


def _parent(pid: int) -> int:
    return int(_status(pid, "PPid") or 0)


def _status(pid: int, field: str) -> str:
    return _field(Path(f"/proc/{pid}/status"), field)


def _field(file: Path, field: str) -> str:
    try:
        lines = file.read_text("utf-8").splitlines()
    except OSError:
        return ""
    return next((line.split()[1] for line in lines if line.startswith(f"{field}:")), "")


def _gb(kilobytes: str) -> float:
    return int(kilobytes or 0) / 2**20
