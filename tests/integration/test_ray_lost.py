"""Embedding on a Ray cluster that is gone for good."""

import subprocess
import sys
from pathlib import Path


def test_r26_a_cluster_that_is_gone_is_told_and_not_taken_for_bad_texts(tmp_path: Path) -> None:
    played = subprocess.run(
        [sys.executable, "-m", "tests.support.lost_cluster", str(tmp_path)],
        capture_output=True,
        text=True,
        timeout=200,
        check=False,
    )

    assert played.stdout == "lost\n", played.stderr[-2_000:]
