"""What the tests of git sources share."""

from pathlib import Path

import pytest

from tests.support.git_sources import commit, git


@pytest.fixture
def work(tmp_path: Path) -> Path:
    """A repository with one commit on `main`."""
    folder = tmp_path / "work"
    git("init", "-q", "-b", "main", str(folder), at=tmp_path)
    commit(folder, a="one\n")
    return folder


@pytest.fixture
def mirror(tmp_path: Path) -> Path:
    return tmp_path / "mirrors" / "docs.git"
