"""How much a benchmark does: all of it, or with `--small` enough to see that it works."""

import os
from pathlib import Path

SMALL, COMMITS, HOME = "BENCH_SMALL", "BENCH_COMMITS", "BENCH_HOME"


def is_small() -> bool:
    """Whether figures are of no interest."""
    return bool(os.environ.get(SMALL))


def size(full: int, small: int) -> int:
    """`full`, or `small` in a small run."""
    return small if is_small() else full


def commit_limit() -> int | None:
    """At most how many commits are replayed; None means all."""
    given = os.environ.get(COMMITS)
    return int(given) if given else size(0, 5) or None


def kept_home() -> Path | None:
    """The folder whose index is kept and used again, or None: each run indexes for itself."""
    given = os.environ.get(HOME)
    return Path(given).resolve() if given else None
