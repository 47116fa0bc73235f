"""The file that lets a shell find a running topology."""

import subprocess
from pathlib import Path

from headwater.cluster.environment import write_environment


def test_a_shell_gets_the_values_as_they_are_and_others_cannot_read_them(tmp_path: Path) -> None:
    file = tmp_path / "environment"
    file.write_text("export OLD=1\n", "utf-8")  # of an earlier run, and open to all
    file.chmod(0o644)
    value = "host=127.0.0.1 password='it''s $HOME'\nnext"

    write_environment(file, {"HEADWATER_DATABASE_URL": value})

    script = f'. {file} && printf %s "$HEADWATER_DATABASE_URL${{OLD-}}"'
    told = subprocess.run(["sh", "-c", script], capture_output=True, text=True, check=True)
    assert told.stdout == value
    assert file.stat().st_mode & 0o777 == 0o600
