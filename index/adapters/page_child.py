"""A child process that works on one page at a time: one that hangs or eats memory takes nothing else with it."""

import asyncio
import contextlib
import math
import resource
import signal
import struct
import sys
from collections.abc import Callable, Coroutine
from typing import BinaryIO, Self, TypeVar

from schemas.errors import ParseTimeout, PermanentError, ReaderUnavailable, UnreadablePage

_MAX_MEMORY_BYTES = 3 * 2**30
_HEAD = struct.Struct(">I")
_START_TIMEOUT_S = 60.0
_LOOK_S, _LATE_S = 0.5, 0.5
_ORPHAN_GRACE_S = 5
_TRIES = 2
_MAX_REASON_CHARS = 500

_Answer = TypeVar("_Answer")


class PageChild:
    """`python -m module arguments`, asked one frame of bytes at a time, replaced when it hangs or dies.

    A page is refused once it has ended two of them: the first may have been ended by somebody else.
    The module's main calls `answer_pages`.
    """

    def __init__(self, module: str, *arguments: str, timeout_s: float) -> None:
        alarm_s = math.ceil(timeout_s) + _ORPHAN_GRACE_S
        self._command = (sys.executable, "-m", module, str(alarm_s), *arguments)
        self._timeout_s = timeout_s
        self._process: asyncio.subprocess.Process | None = None
        self._is_ready = False
        self._turn = asyncio.Lock()
        self.waiting = 0
        """How many pages it works on or has yet to."""

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    @property
    def pid(self) -> int | None:
        """The process that runs now, if any."""
        return None if self._process is None else self._process.pid

    async def prepare(self) -> None:
        """Begin to start the process, so that the first page need not wait for all of it."""
        async with self._turn:
            if self._process is None:
                with contextlib.suppress(OSError):  # then the first page says so
                    await self._spawn()

    async def ask(self, frame: bytes) -> bytes:
        """The child's answer.

        Raises: ParseTimeout; UnreadablePage when the page ends the process; ReaderUnavailable.
        """
        self.waiting += 1
        try:
            return await self._ask(frame)
        finally:
            self.waiting -= 1

    async def _ask(self, frame: bytes) -> bytes:
        async with self._turn:
            for _ in range(_TRIES):
                process = await self._running()
                try:
                    return await self._exchange(process, frame)
                except TimeoutError:
                    await self._kill()
                    raise ParseTimeout(self._timeout_s) from None
                except (asyncio.IncompleteReadError, OSError):
                    await self._kill()
                except asyncio.CancelledError:
                    # An answer that nobody waits for must not be taken for the next page's.
                    await self._kill()
                    raise
            raise UnreadablePage("reading the page ended the process that read it")

    async def close(self) -> None:
        """End the child."""
        async with self._turn:
            await self._kill()

    async def _running(self) -> asyncio.subprocess.Process:
        try:
            if self._process is None or self._process.returncode is not None:
                await self._spawn()
            return await self._ready()
        except (TimeoutError, asyncio.IncompleteReadError, OSError) as error:
            await self._kill()
            raise ReaderUnavailable(str(error) or type(error).__name__) from error
        except asyncio.CancelledError:
            await self._kill()
            raise

    async def _spawn(self) -> None:
        self._is_ready = False
        self._process = await asyncio.create_subprocess_exec(
            *self._command,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            start_new_session=True,
            limit=2**26,
        )

    async def _ready(self) -> asyncio.subprocess.Process:
        if self._process is None or self._process.stdout is None:
            raise ConnectionError
        if not self._is_ready:
            async with asyncio.timeout(_START_TIMEOUT_S):
                await self._process.stdout.readexactly(1)
            self._is_ready = True
        return self._process

    async def _exchange(self, process: asyncio.subprocess.Process, frame: bytes) -> bytes:
        if process.stdin is None or process.stdout is None:
            raise ConnectionError
        return await within(_exchanged(process.stdin, process.stdout, frame), self._timeout_s)

    async def _kill(self) -> None:
        process, self._process = self._process, None
        if process is None:
            return
        with contextlib.suppress(ProcessLookupError):
            process.kill()
        await process.wait()


async def within(work: Coroutine[None, None, _Answer], timeout_s: float) -> _Answer:
    """What `work` comes to within `timeout_s`, not counting time in which this process itself was stopped.

    A worker that is paused for minutes finds its answer ready when it wakes, beside a deadline long past: no page is
    to blame for that. So time is counted in looks, and one that comes late hardly counts. Raises: TimeoutError.
    """
    clock = asyncio.get_running_loop().time
    task, left_s = asyncio.ensure_future(work), timeout_s
    try:
        while left_s > 0:
            began_s, look_s = clock(), min(left_s, _LOOK_S)
            done, _ = await asyncio.wait({task}, timeout=look_s)
            if done:
                return task.result()
            is_late = clock() - began_s > look_s + _LATE_S
            left_s -= look_s / 10 if is_late else look_s
        raise TimeoutError
    finally:
        if not task.done():
            task.cancel()
            await asyncio.wait({task})


async def _exchanged(
    stdin: asyncio.StreamWriter, stdout: asyncio.StreamReader, frame: bytes
) -> bytes:
    stdin.write(_HEAD.pack(len(frame)) + frame)
    await stdin.drain()
    (size,) = _HEAD.unpack(await stdout.readexactly(_HEAD.size))
    return await stdout.readexactly(size)


def answer_pages(
    prepare: Callable[[list[str]], Callable[[bytes], bytes]], refuse: Callable[[str], bytes]
) -> None:
    """The child's side: answer frames on standard input until it closes.

    `prepare` takes the module's arguments; whatever its answering raises parks the page, as `refuse` says it.
    """
    resource.setrlimit(resource.RLIMIT_AS, (_MAX_MEMORY_BYTES, _MAX_MEMORY_BYTES))
    alarm_s, *arguments = sys.argv[1:]
    answer = prepare(arguments)
    stdin, stdout = sys.stdin.buffer, sys.stdout.buffer
    sys.stdout = sys.stderr  # whatever prints must not break the framing
    stdout.write(b"+")
    stdout.flush()
    while head := stdin.read(_HEAD.size):
        frame = stdin.read(_HEAD.unpack(head)[0])
        signal.alarm(int(alarm_s))  # ends this process in a hanging page once its owner is gone
        _write(stdout, _answered(frame, answer, refuse))
        signal.alarm(0)


def _answered(
    frame: bytes, answer: Callable[[bytes], bytes], refuse: Callable[[str], bytes]
) -> bytes:
    """The answer, encoded: text that no encoding takes is the page's fault too."""
    try:
        return answer(frame)
    except PermanentError as error:
        reason = str(error)
    except (RecursionError, MemoryError) as error:
        reason = f"the page is too much for its parser: {type(error).__name__}"
    except UnicodeEncodeError:
        reason = "the page holds half a character"
    except Exception as error:  # this process's boundary: a parser's bug parks the page
        reason = f"{type(error).__name__}: {error}"
    return refuse(reason[:_MAX_REASON_CHARS].encode("utf-8", "replace").decode())


def _write(stdout: BinaryIO, frame: bytes) -> None:
    stdout.write(_HEAD.pack(len(frame)) + frame)
    stdout.flush()
