"""Worker threads that take a question before the next batch of an index."""

import itertools
import queue
import threading
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass, field
from enum import IntEnum

import numpy as np
from numpy.typing import NDArray

Vectors = NDArray[np.float32]
_CLOSE_TIMEOUT_S = 30.0


class Turn(IntEnum):
    """Who goes first; equals go in the order they came."""

    QUESTION = 0
    INDEXING = 1
    CLOSING = 2


@dataclass(order=True, slots=True)
class _Job:
    turn: Turn
    number: int
    work: Callable[[], Vectors] = field(compare=False)
    done: "Future[Vectors]" = field(compare=False)


class Lanes:
    """Runs pieces of work on `count` threads, by turn and then first come, first served.

    A question waits for the piece that ends first, never for what is queued. Work that is cancelled
    before it starts never runs.
    """

    def __init__(self, count: int, *, name: str) -> None:
        self._jobs: queue.PriorityQueue[_Job] = queue.PriorityQueue()
        self._numbers = itertools.count()
        self._lock = threading.Lock()
        self._is_closed = False
        self._threads = [
            threading.Thread(target=self._run, name=f"{name}-{lane}", daemon=True)
            for lane in range(count)
        ]
        for thread in self._threads:
            thread.start()

    def submit(self, work: Callable[[], Vectors], *, turn: Turn) -> "Future[Vectors]":
        """Queue `work`. Raises: RuntimeError, after `close`."""
        done: Future[Vectors] = Future()
        with self._lock:
            if self._is_closed:
                raise RuntimeError("closed")
            self._jobs.put(_Job(turn, next(self._numbers), work, done))
        return done

    def close(self) -> None:
        """Finish what is queued and end the threads. Idempotent."""
        with self._lock:
            if not self._is_closed:
                self._is_closed = True
                for _ in self._threads:
                    self._jobs.put(_Job(Turn.CLOSING, next(self._numbers), _nothing, Future()))
        for thread in self._threads:
            thread.join(_CLOSE_TIMEOUT_S)

    def _run(self) -> None:
        while (job := self._jobs.get()).turn is not Turn.CLOSING:
            if not job.done.set_running_or_notify_cancel():
                continue
            try:
                vectors = job.work()
            except BaseException as error:  # handed to whoever waits; the lane must live on
                job.done.set_exception(error)
            else:
                job.done.set_result(vectors)
            del job


def _nothing() -> Vectors:
    return np.empty((0, 0), dtype=np.float32)
