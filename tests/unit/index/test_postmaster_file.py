"""Which process is the server that a data folder names, and when that name may be forgotten."""

import os
import shutil
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from index.adapters.postgres.postmaster_file import forget_postmaster, live_postmaster


@pytest.fixture
def postmaster(tmp_path: Path) -> Iterator[int]:
    """A process that looks like a server at work in the folder `data`."""
    (tmp_path / "data").mkdir()
    program = tmp_path / "postgres"
    shutil.copy(shutil.which("sleep") or "sleep", program)
    with subprocess.Popen([program, "60"], cwd=tmp_path / "data") as process:
        yield process.pid
        process.kill()


def _unseen(*_: object) -> bool:
    raise PermissionError


@pytest.mark.parametrize(
    ("is_cwd_seen", "is_its_number", "started_ago_s", "lives"),
    [
        (True, True, 0, True),
        (True, True, 3600, True),
        (True, False, 0, False),
        (False, True, 0, True),
        (False, True, 3600, False),
        (False, False, 0, False),
    ],
)
def test_a_server_is_told_by_its_folder_or_else_by_its_name_and_start(
    *,
    postmaster: int,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    is_cwd_seen: bool,
    is_its_number: bool,
    started_ago_s: int,
    lives: bool,
) -> None:
    data = tmp_path / "data"
    pid = postmaster if is_its_number else os.getpid()
    (data / "postmaster.pid").write_text(f"{pid}\n{data}\n{int(time.time()) - started_ago_s}\n")
    if not is_cwd_seen:
        monkeypatch.setattr(os.path, "samefile", _unseen)

    found = live_postmaster(data)
    forget_postmaster(data)

    assert found == (pid if lives else None)
    assert (data / "postmaster.pid").exists() == lives


@pytest.mark.parametrize("record", ["", "x\ny\nz\n", "99999999\n/d\n1\n"])
def test_a_record_of_no_process_is_left_to_postgres(tmp_path: Path, record: str) -> None:
    (tmp_path / "postmaster.pid").write_text(record)

    forget_postmaster(tmp_path)

    assert live_postmaster(tmp_path) is None
    assert (tmp_path / "postmaster.pid").exists()
