"""Converting a model and choosing its runtime: a child process, so that torch's memory goes too."""

import argparse
import contextlib
import math
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

from index.adapters.embed.child import run_as_child
from index.adapters.embed.choice import CHOICE, CacheDamaged, cache_folder, read_choice
from index.adapters.embed.cpu import this_cpu
from index.adapters.embed.models import find_model
from index.adapters.file_lock import FileLock
from schemas.errors import BadConfiguration

Say = Callable[[str], None]


def stamp_of(folder: Path) -> int:
    """Tells one conversion in `folder` from the next; 0 when there is none."""
    try:
        return (folder / CHOICE).stat().st_mtime_ns
    except OSError:
        return 0


def convert_once(model: str, cache_dir: Path, damaged: int, say: Say) -> None:
    """Leave a conversion in the cache, unless another process has left one since `damaged`.

    Safe in any number of processes at once: one works, the others wait and take what it made.
    """
    info = find_model(model, cache_dir=cache_dir)
    if info is None:
        raise BadConfiguration(f"embedding model {model} has not been downloaded")
    folder = cache_folder(cache_dir, info, this_cpu())
    folder.parent.mkdir(parents=True, exist_ok=True)
    with _alone(FileLock(folder.with_suffix(".lock")), say):
        if stamp_of(folder) != damaged and _is_whole(folder):
            return
        with _replaced(folder) as fresh, _torch_compiling_in(folder):
            # Here and not above: a process that waited has no use for torch, which takes seconds.
            from index.adapters.embed.choosing import choose

            choose(info, fresh, before=folder, say=say)


def _is_whole(folder: Path) -> bool:
    try:
        read_choice(folder)
    except CacheDamaged:
        return False
    return True


@contextlib.contextmanager
def _alone(lock: FileLock, say: Say) -> Iterator[None]:
    if not lock.take_exclusive():
        say("waiting for another process that is preparing the embedding model")
        lock.take_exclusive(timeout_s=math.inf)  # whoever started this process sets its limit
    try:
        yield
    finally:
        lock.release()


@contextlib.contextmanager
def _replaced(folder: Path) -> Iterator[Path]:
    """A new folder that takes the place of `folder` when the block ends well. Under the lock."""
    for left_over in folder.parent.glob(f".{folder.name}.*"):  # of a process that was killed
        shutil.rmtree(left_over, ignore_errors=True)
    fresh = Path(tempfile.mkdtemp(dir=folder.parent, prefix=f".{folder.name}."))
    try:
        yield fresh
        old = fresh.with_suffix(".old")
        with contextlib.suppress(FileNotFoundError):
            folder.rename(old)
        fresh.rename(folder)
        shutil.rmtree(old, ignore_errors=True)
    finally:
        shutil.rmtree(fresh, ignore_errors=True)


@contextlib.contextmanager
def _torch_compiling_in(folder: Path) -> Iterator[None]:
    """Torch leaves what it compiles in the system's temporary folder for ever, unless it is told where."""
    compiled = tempfile.mkdtemp(dir=folder.parent, prefix=f".{folder.name}.")
    os.environ["TORCHINDUCTOR_CACHE_DIR"] = compiled
    try:
        yield
    finally:
        shutil.rmtree(compiled, ignore_errors=True)


def _main(say: Say) -> None:
    parser = argparse.ArgumentParser(prog="index.adapters.embed.convert")
    parser.add_argument("model")
    parser.add_argument("--cache-dir", type=Path, required=True)
    parser.add_argument(
        "--damaged", type=int, default=0, help="the stamp of the conversion that cannot be used"
    )
    options = parser.parse_args()
    convert_once(options.model, options.cache_dir, options.damaged, say)


if __name__ == "__main__":
    run_as_child(_main)
