"""The file in which a Postgres server writes its process down, and whether that process is still it."""

import os
import re
from dataclasses import dataclass
from pathlib import Path

_FILE = "postmaster.pid"
_COMMAND = "postgres"
_STARTED_WITHIN_S = 30.0
"""Between a process and its first line of work; what the clock was set by since comes on top."""


@dataclass(frozen=True, slots=True)
class _Record:
    """What the server wrote. `started_at_s` is a Unix time."""

    pid: int
    started_at_s: int


def live_postmaster(data: Path) -> int | None:
    """The process that serves the folder `data`, never one that merely got its number.

    It is told by the folder it works in; where that may not be seen (root without CAP_SYS_PTRACE), by its name and the
    time it began; where there is no /proc, the word of a live process has to do.
    """
    record = _read(data)
    if record is None or not _exists(record.pid):
        return None
    if not Path("/proc/self").exists():
        return record.pid
    try:
        is_ours = os.path.samefile(f"/proc/{record.pid}/cwd", data)
    except PermissionError:
        is_ours = _is_postmaster(record)
    except OSError:
        is_ours = False
    return record.pid if is_ours else None


def forget_postmaster(data: Path) -> None:
    """Remove the record of a dead server whose number lives on: Postgres trusts any live process that has it."""
    record = _read(data)
    if record is not None and _exists(record.pid) and live_postmaster(data) is None:
        (data / _FILE).unlink(missing_ok=True)


def _read(data: Path) -> _Record | None:
    """The first and third line: process and start time. Source: Postgres' `CreateLockFile`, miscinit.c."""
    try:
        pid, _, started_at_s = (data / _FILE).read_text().split("\n")[:3]
        return _Record(int(pid), int(started_at_s))
    except (FileNotFoundError, ValueError):
        return None


def _is_postmaster(record: _Record) -> bool:
    """Fields 2, 3 and 22 of the line: name, state, and start in ticks since the boot. Source: proc_pid_stat(5)."""
    try:
        stat = Path(f"/proc/{record.pid}/stat").read_text()
        boot = re.search(r"^btime (\d+)$", Path("/proc/stat").read_text(), re.MULTILINE)
    except OSError:
        return False
    command, _, rest = stat.partition("(")[2].rpartition(")")
    state, *fields = rest.split()
    if boot is None or command != _COMMAND or state in ("Z", "X"):
        return False
    started_at_s = int(boot[1]) + int(fields[18]) / os.sysconf("SC_CLK_TCK")
    return abs(started_at_s - record.started_at_s) <= _STARTED_WITHIN_S


def _exists(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        pass
    return True
