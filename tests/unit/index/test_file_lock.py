"""The laws of FileLock, between handles and between real processes."""

import os
import signal
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import pytest

from index.adapters.file_lock import FileLock

HOLDER = """
import sys
from pathlib import Path
from index.adapters.file_lock import FileLock
lock = FileLock(Path(sys.argv[1]))
print(lock.take_exclusive(), flush=True)
sys.stdin.read()
"""

FORKS = """
import os, sys
from pathlib import Path
from index.adapters.file_lock import FileLock
lock = FileLock(Path(sys.argv[1]))
taken = lock.take_exclusive()
if os.fork() == 0:
    print(taken, flush=True)
sys.stdin.read()
"""
STARTS_A_PROGRAM = """
import subprocess, sys
from pathlib import Path
from index.adapters.file_lock import FileLock
lock = FileLock(Path(sys.argv[1]))
taken = lock.take_exclusive()
subprocess.Popen(["cat"], close_fds=False)
print(taken, flush=True)
sys.stdin.read()
"""


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "some.lock"


def test_many_share_a_file(path: Path) -> None:
    first, second = FileLock(path), FileLock(path)

    taken = first.take_shared(), second.take_shared()

    assert taken == (True, True)


def test_who_has_a_file_alone_shares_it_with_nobody(path: Path) -> None:
    owner, other = FileLock(path), FileLock(path)

    owner.take_exclusive()

    assert not other.take_shared()
    assert not other.take_exclusive()


def test_nobody_gets_a_shared_file_alone(path: Path) -> None:
    first, second = FileLock(path), FileLock(path)
    first.take_shared()

    assert not second.take_exclusive()
    assert not second.is_held


def test_the_last_of_many_gets_the_file_alone(path: Path) -> None:
    first, last = FileLock(path), FileLock(path)
    first.take_shared()
    last.take_shared()

    first.release()

    assert last.take_exclusive()


def test_a_conversion_that_fails_leaves_nothing_held(path: Path) -> None:
    first, second = FileLock(path), FileLock(path)
    first.take_shared()
    second.take_shared()

    assert not first.take_exclusive()
    assert not first.is_held
    assert second.take_exclusive()


def test_a_claim_made_shared_again_lets_others_in(path: Path) -> None:
    first, second = FileLock(path), FileLock(path)
    first.take_exclusive()

    first.take_shared()

    assert second.take_shared()


def test_releasing_twice_is_harmless(path: Path) -> None:
    lock = FileLock(path)
    lock.take_exclusive()

    lock.release()
    lock.release()

    assert FileLock(path).take_exclusive()


def test_a_block_holds_the_file_until_its_end_however_it_ends(path: Path) -> None:
    other = FileLock(path)
    taken = []

    with suppress(ZeroDivisionError), FileLock(path).exclusive(timeout_s=0):
        taken.append(other.take_shared())
        raise ZeroDivisionError
    taken.append(other.take_shared())

    assert taken == [False, True]


def test_waiting_for_a_block_ends_at_its_time_limit(path: Path) -> None:
    owner = FileLock(path)
    owner.take_exclusive()

    with pytest.raises(TimeoutError, match=r"some\.lock"), FileLock(path).exclusive(timeout_s=0.03):
        pass


def test_a_lock_on_a_replaced_file_excludes_nobody_and_is_not_granted(path: Path) -> None:
    lock = FileLock(path)
    lock.take_shared()
    path.unlink()
    path.touch()

    assert not lock.take_exclusive()
    assert lock.take_exclusive()


def test_the_file_is_for_its_owner_only(path: Path) -> None:
    FileLock(path).take_shared()

    assert path.stat().st_mode & 0o777 == 0o600


def test_a_killed_process_lets_go(path: Path) -> None:
    with _holder(path) as holder:
        excluded = not FileLock(path).take_shared()
        holder.kill()
        holder.wait(timeout=10)

    assert excluded
    assert FileLock(path).take_exclusive()


def test_a_forked_child_cannot_give_its_parents_claim_away(path: Path) -> None:
    lock = FileLock(path)
    lock.take_exclusive()
    child = os.fork()
    if child == 0:
        lock.release()
        os._exit(0)

    os.waitpid(child, 0)

    assert lock.is_held
    assert not FileLock(path).take_shared()


@pytest.mark.parametrize("child", [FORKS, STARTS_A_PROGRAM], ids=["forked", "program"])
def test_a_killed_process_lets_go_though_its_child_lives_on(path: Path, child: str) -> None:
    with _holder(path, child) as holder:
        excluded = not FileLock(path).take_shared()
        os.kill(holder.pid, signal.SIGKILL)
        holder.wait(timeout=10)

        assert excluded
        assert FileLock(path).take_exclusive()


def _holder(path: Path, script: str = HOLDER) -> "subprocess.Popen[str]":
    holder = subprocess.Popen(
        [sys.executable, "-c", script, str(path)],
        cwd=Path(__file__).parents[3],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert holder.stdout is not None
    assert holder.stdout.readline() == "True\n"
    return holder
