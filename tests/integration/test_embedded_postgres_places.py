"""Where the embedded Postgres lives: any path, any user, and no trace of it elsewhere."""

import os
import shutil
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from index.adapters.postgres.server import EmbeddedServer, discard
from index.adapters.postgres.server_install import SYSTEM_FOLDER, find_installation
from index.adapters.postgres.server_place import remove_place
from schemas.errors import WrongUse
from tests.integration.embedded_homes import (
    AM_ROOT,
    ORDINARY,
    ROOT,
    as_ordinary_user,
    ask,
    folder_of,
    keep,
    kept,
    rights,
    served,
    server_pid,
    socket_of,
)

pytestmark = pytest.mark.timeout(180)
only_root = pytest.mark.skipif(not AM_ROOT, reason="root's own way of running Postgres")


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Path]:
    home = tmp_path / "home"
    yield home
    discard(home)


@pytest.fixture
def open_folder() -> Iterator[Path]:
    """A folder of the ordinary user, in a place that this user can reach."""
    folder = Path(tempfile.mkdtemp(prefix="headwater-test-", dir="/tmp"))
    if AM_ROOT:
        os.chown(folder, ORDINARY.pw_uid, ORDINARY.pw_gid)
    yield folder
    shutil.rmtree(folder)


def test_nothing_that_was_there_changes_its_mode_or_owner(tmp_path: Path, home: Path) -> None:
    home.mkdir()
    home.chmod(0o711)
    (home / "headwater.toml").touch(mode=0o640)
    before = rights(home)

    with served(home):
        while_up = rights(home)
    after = rights(home)

    assert {path: while_up.get(path) for path in before} == before
    assert {path: after.get(path) for path in before} == before


def test_a_moved_home_keeps_its_data(home: Path) -> None:
    with served(home) as server:
        keep(server, 7)
    moved = home.rename(home.with_name("moved"))
    with served(moved) as server:
        found = kept(server)
    moved.rename(home)

    assert found == 7


def test_discarding_a_home_in_use_is_refused(home: Path) -> None:
    with served(home) as server:
        with pytest.raises(WrongUse, match="in use"):
            discard(home)

        assert ask(server, "SELECT 1") == (1,)


def test_discarding_leaves_nothing_but_the_locks(home: Path) -> None:
    with served(home):
        folder = folder_of(home)

    discard(home)

    assert not folder.exists()
    assert {path.name for path in home.iterdir()} == {"server.lock", "start.lock"}


def test_a_home_that_cannot_be_made_is_told_in_one_line(tmp_path: Path) -> None:
    (tmp_path / "file").touch()

    with pytest.raises(WrongUse, match="HEADWATER_DATABASE_URL") as raised:
        EmbeddedServer.start(tmp_path / "file" / "home", lambda line: None)

    assert "\n" not in str(raised.value)


def test_a_platform_without_the_programs_is_told_the_alternative(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "path", [str(ROOT)])

    with pytest.raises(WrongUse, match=r"no build.*HEADWATER_DATABASE_URL"):
        EmbeddedServer.start(home, lambda line: None)


def test_a_damaged_record_is_told_and_kept(home: Path) -> None:
    home.mkdir()
    record = home / "postgres.json"
    record.write_text("{")

    with pytest.raises(WrongUse, match=r"postgres\.json is damaged"):
        EmbeddedServer.start(home, lambda line: None)

    assert record.read_text() == "{"
    record.unlink()


@pytest.mark.parametrize(
    "name",
    ["with spaces, commas", 'it\'s "quoted" $HOME `id`', "/".join(["long" * 30] * 3)],
    ids=["spaces", "quotes", "long"],
)
def test_an_ordinary_user_needs_no_root_whatever_the_path(open_folder: Path, name: str) -> None:
    home = open_folder / name

    def live() -> None:
        with served(home) as server:
            keep(server, 7)
        with served(home) as server:
            assert kept(server) == 7
            assert socket_of(home).parent.stat().st_mode & 0o777 == 0o700
        assert folder_of(home) == home / "postgres"
        assert not socket_of(home).exists()
        assert not socket_of(home).parent.exists() or home in socket_of(home).parents

    as_ordinary_user(live)


def test_an_ordinary_user_may_have_two_copies_of_a_home_up_at_once(open_folder: Path) -> None:
    original, copy = open_folder / ("long" * 30), open_folder / ("copy" * 30)

    def live() -> None:
        with served(original) as server:
            keep(server, 7)
            shutil.copytree(original, copy)
            with served(copy) as other:
                keep(other, 8)
                assert (kept(server), kept(other)) == (7, 8)

    as_ordinary_user(live)


def test_a_home_of_another_user_is_refused_in_one_line(open_folder: Path) -> None:
    def live() -> None:
        with pytest.raises(WrongUse, match=r"Permission denied.*HEADWATER_DATABASE_URL"):
            EmbeddedServer.start(Path("/usr/headwater"), lambda line: None)

    as_ordinary_user(live)


@only_root
def test_root_never_takes_over_the_database_of_an_ordinary_user(open_folder: Path) -> None:
    home = open_folder / "home"

    def live() -> None:
        with served(home):
            pass

    as_ordinary_user(live)
    with pytest.raises(WrongUse, match="another user"):
        EmbeddedServer.start(home, lambda line: None)


@only_root
def test_postgres_runs_as_its_own_user_in_a_folder_of_its_own(home: Path) -> None:
    with served(home):
        installation = find_installation(lambda line: None)
        assert installation.account is not None
        folder = folder_of(home).stat()

        assert Path(f"/proc/{server_pid(home)}").stat().st_uid == installation.account.uid
        assert (folder.st_uid, folder.st_mode & 0o777) == (installation.account.uid, 0o700)
        assert folder_of(home).parent == SYSTEM_FOLDER


@only_root
def test_a_copied_home_gets_a_database_of_its_own(home: Path, tmp_path: Path) -> None:
    lines: list[str] = []
    copy = tmp_path / "copy"
    with served(home) as server:
        keep(server, 7)
        shutil.copytree(home, copy)

        with served(copy, lines) as other:
            tables = ask(other, "SELECT to_regclass('kept')")
        found = kept(server)
    discard(copy)

    assert (found, tables) == (7, (None,))
    assert any("is a copy of" in line for line in lines)


@only_root
def test_data_that_are_gone_are_told_and_begun_anew(home: Path) -> None:
    lines: list[str] = []
    with served(home):
        pass
    remove_place(folder_of(home))

    with served(home, lines) as server:
        assert ask(server, "SELECT 1") == (1,)

    assert any("is gone" in line for line in lines)


@only_root
@pytest.mark.parametrize(("age_s", "stays"), [(8 * 86_400, False), (3_600, True)])
def test_the_data_of_a_deleted_home_go_after_a_week(
    home: Path, tmp_path: Path, age_s: int, stays: bool
) -> None:
    deleted = tmp_path / "deleted"
    with served(deleted):
        pass
    folder = folder_of(deleted)
    shutil.rmtree(deleted)
    last_used_s = time.time() - age_s
    os.utime(folder.with_name(f"{folder.name}.home"), (last_used_s, last_used_s))

    with served(home):
        is_there = folder.exists()
    remove_place(folder)

    assert is_there is stays
