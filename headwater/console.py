"""What a person sees on the terminal: messages and progress on stderr, the value asked for on stdout."""

import asyncio
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import msgspec
from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TaskID,
    TextColumn,
    TimeRemainingColumn,
)

from schemas.ids import SourceName

_ERR = Console(stderr=True, highlight=False)
_SILENT_S = 2.0


def say(message: str) -> None:
    """Tell the person something, on stderr: one line, however long."""
    _ERR.print(message, markup=False, soft_wrap=True)


@contextmanager
def stage(say: Callable[[str], None], what: str) -> Iterator[None]:
    """Say what is under way if the block takes longer than one waits for without a word, in a running event loop."""
    waiting = asyncio.get_running_loop().call_later(_SILENT_S, say, what)
    try:
        yield
    finally:
        waiting.cancel()


def print_json(value: object) -> None:
    """One JSON value on stdout and nothing else there."""
    sys.stdout.write(msgspec.json.format(msgspec.json.encode(value), indent=2).decode() + "\n")


def print_text(text: str) -> None:
    """Text for a person, on stdout, at once: who reads a pipe may wait for it while the command goes on."""
    sys.stdout.write(text.rstrip("\n") + "\n")
    sys.stdout.flush()


def print_part(text: str) -> None:
    """Text that goes on, on stdout, at once."""
    sys.stdout.write(text)
    sys.stdout.flush()


class SyncProgress:
    """A bar for each source that is being synced, on a terminal only."""

    def __init__(self, progress: Progress | None) -> None:
        self._progress = progress
        self._tasks: dict[SourceName, int] = {}

    def __call__(self, source: SourceName, sent: int, total: int) -> None:
        """`headwater.indexing.Progress`."""
        if self._progress is None:
            return
        if source not in self._tasks:
            self._tasks[source] = self._progress.add_task(source, total=total)
        task = TaskID(self._tasks[source])
        self._progress.update(task, completed=sent, total=total)
        if sent >= total:  # a process that goes on following has nothing to show until the next one
            self._progress.remove_task(task)
            del self._tasks[source]


@contextmanager
def sync_progress() -> Iterator[SyncProgress]:
    """Show progress on stderr while the block runs, if that is a terminal."""
    if not _ERR.is_terminal:
        yield SyncProgress(None)
        return
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=_ERR, transient=True) as progress:
        yield SyncProgress(progress)


@contextmanager
def counting(what: str) -> Iterator[Callable[[int, int], None]]:
    """Show how many of `what` are done while the block runs, if stderr is a terminal."""
    with sync_progress() as progress:
        yield lambda done, total: progress(SourceName(what), done, total)
