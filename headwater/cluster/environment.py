"""The variables by which a command finds a running topology, in a file for the shell."""

import os
import shlex
from collections.abc import Mapping
from pathlib import Path

_HEAD = """\
# Lets the commands of headwater find this topology, which ends with it. It holds the password of the database.
"""


def write_environment(file: Path, env: Mapping[str, str]) -> None:
    """Write what `. FILE` sets, readable by its owner alone. Raises: OSError."""
    lines = [f"export {name}={shlex.quote(value)}\n" for name, value in sorted(env.items())]
    file.unlink(missing_ok=True)  # one from before may have another mode, or be a link
    descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with open(descriptor, "w", encoding="utf-8") as written:
        written.write(_HEAD + "".join(lines))
