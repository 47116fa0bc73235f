"""One Postgres server as a process: made, found, started, asked and stopped."""

import os
import shlex
import shutil
import subprocess
import sys
import tempfile
import time
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from psycopg.conninfo import make_conninfo
from psycopg.pq import PGconn, Ping

from index.adapters.postgres.postmaster_file import forget_postmaster, live_postmaster
from index.adapters.postgres.server_install import Installation
from index.adapters.postgres.server_place import SOCKET_NAME
from schemas.errors import StoreUnavailable

USER = "headwater"

_INITDB_TIMEOUT_S = 120
_START_TIMEOUT_S = 150  # a start after a crash replays up to max_wal_size
_STOP_TIMEOUT_S = 90
_SILENCE_TIMEOUT_S = 5.0
_LAST_CLIENTS_TIMEOUT_S = 15.0
_POLL_S = 0.05
_MAX_LOG_BYTES = 10 * 2**20
_ROOMY_SHARED_MEMORY_BYTES = 512 * 2**20
_CGROUP_MEMORY = Path("/sys/fs/cgroup/memory.max")
# One sync of the file system takes half the time of a thousand fsyncs; only Linux has it.
_SYNC_METHOD = "syncfs" if sys.platform == "linux" else "fsync"

_SETTINGS = {
    "listen_addresses": "",
    "unix_socket_permissions": "0700",
    "port": "5432",
    "max_connections": "50",
    "maintenance_work_mem": "256MB",
    "max_wal_size": "1GB",
    "max_parallel_workers": "2",
    "fsync": "on",
    "recovery_init_sync_method": _SYNC_METHOD,
    "synchronous_commit": "on",
    "jit": "off",
    "statement_timeout": "0",
    "timezone": "UTC",
    "log_timezone": "UTC",
    "logging_collector": "off",
    "log_min_error_statement": "panic",  # no page texts in the log
}


@dataclass(frozen=True, slots=True)
class Server:
    """The server of one folder. Whoever calls it holds the start lock of its home.

    `tcp_port` has it listen on 127.0.0.1 too; 0 leaves it to its socket.
    """

    installation: Installation
    folder: Path
    sockets: Path
    password: str = field(repr=False)
    tcp_port: int = 0

    def conninfo(self, database: str) -> str:
        """How psycopg connects; everything that the environment could override is spelled out."""
        return make_conninfo(
            host="127.0.0.1" if self.tcp_port else str(self.sockets),
            hostaddr="",
            port=self.tcp_port or 5432,
            user=USER,
            password=self.password,
            dbname=database,
            sslmode="disable",
            gssencmode="disable",
        )

    def run(self) -> None:
        """Return once the server answers: the one that runs already, or one started here.

        Raises: StoreUnavailable.
        """
        if self._ping() == Ping.OK:
            return
        if self._live_pid() is not None:
            if self._comes_round():
                return
            self._shut_down()
        self._initialise()
        self._forget_the_dead()
        self._start()

    def stop(self) -> None:
        """Shut down cleanly; harmless when nothing runs. Raises: StoreUnavailable."""
        if self._live_pid() is not None:
            self._shut_down()
        if self.sockets.parent != self.folder:  # then it is in /tmp, made for one run
            self._forget_socket()
            with suppress(OSError):
                self.sockets.rmdir()

    def has_data(self) -> bool:
        return (self.folder / "data" / "PG_VERSION").exists()

    def _shut_down(self) -> None:
        stopped = self._pg_ctl("stop", "-m", "fast", "-t", str(_STOP_TIMEOUT_S))
        if stopped.returncode != 0 and self._live_pid() is not None:
            raise StoreUnavailable(f"it does not stop ({_why(stopped)})")

    def _ping(self) -> int:
        return PGconn.ping(make_conninfo(self.conninfo("postgres"), connect_timeout=2).encode())

    def _live_pid(self) -> int | None:
        return live_postmaster(self.folder / "data")

    def _comes_round(self) -> bool:
        """Wait for a server that lives but is not up: True once it answers.

        False when it has ended, or is out of reach because somebody removed its socket.
        """
        now_s = time.monotonic()
        deadline, patience = now_s + _START_TIMEOUT_S, now_s + _SILENCE_TIMEOUT_S
        while self._live_pid() is not None and time.monotonic() < min(deadline, patience):
            status = self._ping()
            if status == Ping.OK:
                return True
            if status == Ping.REJECT:  # starting up, recovering or shutting down
                patience = time.monotonic() + _SILENCE_TIMEOUT_S
            time.sleep(_POLL_S)
        return False

    def _initialise(self) -> None:
        """Make the data folder under another name first: a half-made one is never taken for it."""
        for leftover in self.folder.glob("draft-*"):
            shutil.rmtree(leftover, ignore_errors=True)
        if self.has_data():
            return
        draft = Path(tempfile.mkdtemp(prefix="draft-", dir=self.folder))
        (draft / "data").mkdir(mode=0o700)
        (draft / "password").touch(mode=0o600)
        (draft / "password").write_text(self.password)
        for path in (draft / "password", draft / "data", draft):
            self.installation.hand_over(path)
        self._initdb(draft)
        (draft / "data").rename(self.folder / "data")
        shutil.rmtree(draft)
        _sync_folder(self.folder)

    def _initdb(self, draft: Path) -> None:
        # Code-point order from Postgres itself, so that no C library's locale can change it.
        # SCRAM although the socket's folder is private: then no other process of a user, nor a
        # folder opened by mistake, gives the data away, and the client knows its server too.
        made = self._call(
            "initdb",
            *("-D", f"{draft.name}/data", "-U", USER, "-E", "UTF8", "--locale=C"),
            *("--locale-provider=builtin", "--builtin-locale=C.UTF-8", "-A", "scram-sha-256"),
            *(f"--pwfile={draft.name}/password", "--no-instructions"),
            *("--sync-method", _SYNC_METHOD),
            timeout_s=_INITDB_TIMEOUT_S,
        )
        if made.returncode != 0:
            raise StoreUnavailable(f"it cannot be made ({_why(made)})")

    def _forget_the_dead(self) -> None:
        """Remove what a crash left."""
        forget_postmaster(self.folder / "data")
        self._forget_socket()

    def _forget_socket(self) -> None:
        for name in (SOCKET_NAME, f"{SOCKET_NAME}.lock"):
            (self.sockets / name).unlink(missing_ok=True)

    def _start(self) -> None:
        log = self.folder / "log"
        if log.exists() and log.stat().st_size > _MAX_LOG_BYTES:
            log.replace(self.folder / "log.old")
        deadline = time.monotonic() + _LAST_CLIENTS_TIMEOUT_S
        while True:
            read_from = log.stat().st_size if log.exists() else 0
            arguments = ("-t", str(_START_TIMEOUT_S), "-l", "log", "-o", self._options())
            started = self._pg_ctl("start", *arguments)
            if started.returncode == 0:
                return
            reason = _reason(_text_from(log, read_from)) or _why(started)
            # After a kill -9 of the server alone, its last sessions need a moment to end.
            if "still in use" not in reason or time.monotonic() > deadline:
                raise StoreUnavailable(f"it does not start ({reason}; see {log})")
            time.sleep(_POLL_S)

    def _options(self) -> str:
        # A parallel index build takes maintenance_work_mem from /dev/shm: 64 MB in a container.
        parallel = "1" if _free_shared_memory_bytes() > _ROOMY_SHARED_MEMORY_BYTES else "0"
        settings = _SETTINGS | {
            "unix_socket_directories": str(self.sockets),
            "shared_buffers": f"{buffer_bytes(_memory_bytes()) // 2**20}MB",
            "max_parallel_workers_per_gather": parallel,
            "max_parallel_maintenance_workers": parallel,
        }
        if self.tcp_port:
            settings |= {"listen_addresses": "127.0.0.1", "port": str(self.tcp_port)}
        return shlex.join(
            part for name, value in settings.items() for part in ("-c", f"{name}={value}")
        )

    def _pg_ctl(self, verb: str, *arguments: str) -> subprocess.CompletedProcess[str]:
        timeout_s = 10 + max(_START_TIMEOUT_S, _STOP_TIMEOUT_S)
        return self._call("pg_ctl", verb, "-D", "data", "-w", *arguments, timeout_s=timeout_s)

    def _call(
        self, program: str, *arguments: str, timeout_s: float
    ) -> subprocess.CompletedProcess[str]:
        try:
            return self.installation.run(
                program, *arguments, folder=self.folder, timeout_s=timeout_s
            )
        except subprocess.TimeoutExpired as exc:
            raise StoreUnavailable(f"{program} took more than {timeout_s:g} s") from exc


def buffer_bytes(memory_bytes: int) -> int:
    """An eighth of the memory, 128 MiB to 1 GiB; it is taken only as far as the index fills it.

    Walking a graph of vectors that does not fit reads it from the system's cache, page by page, for each change.
    """
    return max(128 * 2**20, min(memory_bytes // 8, 2**30))


def _memory_bytes() -> int:
    """What this machine has, or its container may take."""
    whole = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    with suppress(OSError, ValueError):
        return min(whole, int(_CGROUP_MEMORY.read_text()))
    return whole


def _free_shared_memory_bytes() -> int:
    try:
        found = os.statvfs("/dev/shm")
    except OSError:
        return 0
    return found.f_bavail * found.f_frsize


def _sync_folder(folder: Path) -> None:
    folder_fd = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(folder_fd)
    finally:
        os.close(folder_fd)


def _text_from(log: Path, offset: int) -> str:
    try:
        with log.open("rb") as file:
            file.seek(offset)
            return file.read(65_536).decode(errors="replace")
    except OSError:
        return ""


def _why(ended: subprocess.CompletedProcess[str]) -> str:
    return _reason(ended.stderr) or f"{Path(ended.args[0]).name} gave status {ended.returncode}"


def _reason(output: str) -> str:
    """The line that tells most: the first that says it failed, else the last."""
    lines = [line.strip() for line in output.splitlines() if line.strip()]
    failed = [line for line in lines if "FATAL" in line or "PANIC" in line or "error:" in line]
    return (failed + lines[-1:])[0] if lines else ""
