"""The embedded Postgres with real servers: shared by processes, and killed in every way."""

import os
import shutil
import signal
import threading
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import psycopg
import pytest

from index.adapters.postgres.server import discard
from index.adapters.postgres.server_place import read_record, remove_place
from tests.integration.embedded_homes import (
    a_stranger,
    an_owner,
    ask,
    control_state,
    folder_of,
    is_running,
    keep,
    kept,
    let_go,
    poll,
    rename_pid,
    served,
    server_pid,
    socket_of,
    wait_until_up,
)

pytestmark = pytest.mark.timeout(180)


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Path]:
    home = tmp_path / "home"
    yield home
    discard(home)


def test_a_first_start_gives_an_empty_database_with_vectors(home: Path) -> None:
    lines: list[str] = []

    with served(home, lines) as server:
        found = ask(server, "SELECT current_database(), '[3,4]'::vector <-> '[0,0]', %s", "x")

    assert found == ("headwater", 5.0, "x")
    assert any("this once" in line for line in lines)


def test_data_outlive_the_last_user_and_a_later_start_says_nothing(home: Path) -> None:
    lines: list[str] = []
    with served(home) as server:
        keep(server, 7)

    with served(home, lines) as server:
        found = kept(server)

    assert found == 7
    assert lines == []
    assert control_state(home) == "shut down"


def test_two_processes_that_start_at_once_share_one_server_and_the_last_stops_it(
    home: Path,
) -> None:
    with ExitStack() as stack:
        owners = [stack.enter_context(an_owner(home)) for _ in range(2)]
        for owner in owners:
            wait_until_up(owner)
        with served(home) as server:
            pid = server_pid(home)

            let_go(owners[0])
            answer = ask(server, "SELECT 1")
        still_same_pid = server_pid(home)
        let_go(owners[1])

    assert answer == (1,)
    assert still_same_pid == pid
    assert not is_running(home)
    assert control_state(home) == "shut down"


def test_processes_that_come_and_go_at_once_never_find_the_server_half_way(home: Path) -> None:
    failures: list[BaseException] = []

    def come_and_go() -> None:
        try:
            for _ in range(4):
                with served(home) as server:
                    ask(server, "SELECT 1")
        except BaseException as exc:
            failures.append(exc)

    threads = [threading.Thread(target=come_and_go) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert failures == []
    assert not is_running(home)


def test_the_server_of_a_killed_owner_is_found_used_and_stopped_by_the_next(home: Path) -> None:
    with an_owner(home) as owner:
        wait_until_up(owner)
        pid = server_pid(home)
        owner.kill()
        owner.wait()

    with served(home) as server:
        keep(server, 7)
        same_pid = server_pid(home)

    assert same_pid == pid
    assert not is_running(home)
    assert control_state(home) == "shut down"


def test_ctrl_c_in_the_terminal_of_the_owner_does_not_reach_the_server(home: Path) -> None:
    with an_owner(home) as owner, served(home) as server:
        wait_until_up(owner)

        os.killpg(owner.pid, signal.SIGINT)
        owner.wait()

        assert ask(server, "SELECT 1") == (1,)


def test_a_killed_server_comes_back_with_what_was_committed(home: Path) -> None:
    with served(home) as first:
        keep(first, 7)
        os.kill(server_pid(home), signal.SIGKILL)

        with served(home) as second:
            found = kept(second)

    assert found == 7
    assert control_state(home) == "shut down"


def test_a_stranger_with_the_number_of_a_dead_server_is_not_mistaken_for_it(home: Path) -> None:
    with served(home) as server:
        keep(server, 7)
        os.kill(server_pid(home), signal.SIGKILL)
        with a_stranger() as stranger:
            rename_pid(home, stranger.pid)

            with served(home) as again:
                found = kept(again)
            is_unharmed = stranger.poll() is None

    assert found == 7
    assert is_unharmed


def test_a_database_whose_making_was_killed_is_made_again(home: Path) -> None:
    with an_owner(home) as owner:
        poll(lambda: any(folder_of(home).glob("draft-*/data/PG_VERSION")))
        owner.kill()
        owner.wait()
    half_made = not (folder_of(home) / "data").exists()

    with served(home) as server:
        keep(server, 7)
    with served(home) as server:  # the orphaned initdb may have gone on writing until now
        found = kept(server)

    assert half_made
    assert found == 7
    assert not list(folder_of(home).glob("draft-*"))


def test_a_server_whose_socket_was_removed_is_replaced(home: Path) -> None:
    with served(home) as server:
        keep(server, 7)
        socket_of(home).unlink()

        with served(home) as again:
            found = kept(again)

    assert found == 7


def test_the_password_is_for_its_owner_only_and_not_in_any_repr(home: Path) -> None:
    with served(home) as server:
        record = read_record(home)
        assert record is not None

        assert record.password in server.address.conninfo
        assert record.password not in repr((record, server.address, server))
        assert (home / "postgres.json").stat().st_mode & 0o777 == 0o600
        assert socket_of(home).parent.stat().st_mode & 0o777 == 0o700


def test_without_the_password_nobody_connects(home: Path) -> None:
    with served(home) as server:
        guessed = psycopg.conninfo.make_conninfo(server.address.conninfo, password="guess")

        with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
            psycopg.connect(guessed)


def test_the_environment_redirects_neither_server_nor_client(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    strays = {"PGPORT": "1", "PGHOSTADDR": "127.0.0.1", "PGDATA": "/nowhere", "PGDATABASE": "x"}
    for name, value in strays.items():
        monkeypatch.setenv(name, value)

    with served(home) as server:
        found = ask(server, "SELECT current_database()")

    assert found == ("headwater",)


def test_a_log_over_its_limit_is_set_aside_at_the_next_start(home: Path) -> None:
    with served(home):
        log = folder_of(home) / "log"
    os.truncate(log, 11 * 2**20)

    with served(home):
        pass

    assert log.stat().st_size < 2**20


def test_a_home_deleted_under_its_user_leaves_no_server_behind(home: Path) -> None:
    with served(home):
        folder, pid = folder_of(home), server_pid(home)
        shutil.rmtree(home)

    poll(lambda: not Path(f"/proc/{pid}/cwd").exists(), timeout_s=90)
    remove_place(folder)
