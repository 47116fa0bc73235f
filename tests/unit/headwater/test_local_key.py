"""The key of the local model: one for a home, its user's alone, whoever starts it when."""

import os
import stat
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Barrier

import pytest

from headwater.commands.local_model import kept_key
from schemas.errors import WrongUse

STARTS = 4


def test_all_who_start_it_for_the_first_time_at_once_have_the_same_key(tmp_path: Path) -> None:
    together = Barrier(STARTS, timeout=10)

    def start(n: int) -> str:
        together.wait()
        return kept_key(tmp_path / str(n // STARTS))

    with ThreadPoolExecutor(STARTS) as starts:
        keys = list(starts.map(start, range(STARTS * 20)))

    assert len(set(keys)) == 20
    assert min(map(len, keys)) >= 32


def test_a_key_that_a_start_left_empty_is_made_anew_for_its_user_alone(tmp_path: Path) -> None:
    file = tmp_path / "key"
    file.touch(0o644)
    os.chmod(file, 0o644)

    key = kept_key(file)

    assert file.read_text("ascii") == key == kept_key(file)
    assert stat.S_IMODE(file.stat().st_mode) == 0o600


def test_a_key_that_is_no_text_or_cannot_be_kept_is_told(tmp_path: Path) -> None:
    (tmp_path / "key").write_bytes(b"\xff")

    for file in (tmp_path / "key", tmp_path):
        with pytest.raises(WrongUse, match="cannot be kept"):
            kept_key(file)
