"""The recipes that install, with a `uv` that only notes what it is asked for."""

import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path

import pytest

_ROOT = Path(__file__).resolve().parents[2]
_UV = """\
#!/bin/sh
echo "$@" >> uv.log
if [ "$1" = venv ]; then mkdir -p .venv/bin && : > .venv/bin/python; fi
"""


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    for name in ("Makefile", "pyproject.toml"):
        shutil.copy(_ROOT / name, tmp_path)
    shutil.copytree(_ROOT / "requirements", tmp_path / "requirements")
    uv = tmp_path / "uv"
    uv.write_text(_UV, "utf-8")
    uv.chmod(0o755)
    return tmp_path


def _make(checkout: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = ["make", "UV=./uv", *arguments]
    return subprocess.run(command, cwd=checkout, capture_output=True, text=True, check=False)


def _synced(checkout: Path) -> set[str]:
    """The locks that the environment was last made equal to."""
    lines = (checkout / "uv.log").read_text("utf-8").splitlines()
    last = [line for line in lines if line.startswith("pip sync")][-1]
    return {Path(word).stem for word in last.split() if word.endswith(".lock")}


@pytest.mark.parametrize(
    ("targets", "locks"),
    [
        (["install"], {"run"}),
        (["install-cluster"], {"cluster"}),
        (["install", "install-cluster"], {"run", "cluster"}),
        (["install-cluster", "install"], {"run", "cluster"}),
        (["dev", "install", "install-cluster"], {"dev"}),
        (["install", "dev"], {"dev"}),
    ],
)
def test_what_a_recipe_installs_stays_when_another_comes(
    checkout: Path, targets: Sequence[str], locks: set[str]
) -> None:
    for target in targets:
        assert _make(checkout, target).returncode == 0

    assert _synced(checkout) == locks


@pytest.mark.parametrize("options", ["", "CLUSTER=--config other.toml --workers 1"])
def test_a_cluster_without_sources_is_refused_before_anything_is_installed(
    checkout: Path, options: str
) -> None:
    done = _make(checkout, "cluster", *([options] if options else []))

    assert done.returncode != 0
    assert ("other.toml" if options else "headwater.toml") + ": no such file" in done.stdout
    assert not (checkout / "uv.log").exists()
