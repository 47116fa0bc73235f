"""Reads pages in a child process, so that a page that hangs or eats memory takes nothing else with it."""

import asyncio
import contextlib
import math
import resource
import signal
import struct
import sys
from dataclasses import replace
from pathlib import Path
from typing import BinaryIO, Self

import msgspec

from index.core.chunks import ChunkLimits
from index.core.pages import ReadPage
from index.core.reading import Reader
from schemas.errors import ParseTimeout, PermanentError, ReaderUnavailable, UnreadablePage
from schemas.events import PageChanged

_MAX_MEMORY_BYTES = 3 * 2**30
_HEAD = struct.Struct(">I")
_START_TIMEOUT_S = 60.0
_ORPHAN_GRACE_S = 5
_TRIES = 2


class _Refused(msgspec.Struct, tag="refused"):
    reason: str


class _Read(msgspec.Struct, tag="read"):
    page: ReadPage


_ENCODE = msgspec.msgpack.Encoder()
_DECODE_ANSWER: msgspec.msgpack.Decoder[_Read | _Refused] = msgspec.msgpack.Decoder(
    _Read | _Refused
)
_DECODE_EVENT = msgspec.msgpack.Decoder(PageChanged)


class ReadingChild:
    """`index.core.ports.ReadEvent` over one child process, which is replaced when it hangs or dies.

    A page is refused once it has ended two of them: the first may have been ended by somebody else.
    One page at a time; others wait their turn. `tokenizer` is the model's tokenizer.json, `prompt` what
    the model puts before each text.
    """

    def __init__(
        self, tokenizer: Path, *, prompt: str, limits: ChunkLimits, timeout_s: float
    ) -> None:
        self._command = (
            sys.executable,
            "-m",
            "index.adapters.reading_child",
            str(tokenizer),
            prompt,
            str(limits.target_chars),
            str(limits.max_tokens),
            str(math.ceil(timeout_s) + _ORPHAN_GRACE_S),
        )
        self._timeout_s = timeout_s
        self._child: asyncio.subprocess.Process | None = None
        self._turn = asyncio.Lock()
        self.waiting = 0
        """How many pages it reads or has yet to read."""

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def __call__(self, event: PageChanged) -> ReadPage:
        """See `ReadEvent`."""
        self.waiting += 1
        try:
            return await self._read(event)
        finally:
            self.waiting -= 1

    async def _read(self, event: PageChanged) -> ReadPage:
        async with self._turn:
            for _ in range(_TRIES):
                child = await self._running()
                try:
                    return await self._ask(child, event)
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
        if self._child is not None and self._child.returncode is None:
            return self._child
        try:
            return await self._start()
        except (TimeoutError, asyncio.IncompleteReadError, OSError) as error:
            await self._kill()
            raise ReaderUnavailable(str(error) or type(error).__name__) from error
        except asyncio.CancelledError:
            await self._kill()
            raise

    async def _ask(self, child: asyncio.subprocess.Process, event: PageChanged) -> ReadPage:
        if child.stdin is None or child.stdout is None:
            raise ConnectionError
        async with asyncio.timeout(self._timeout_s):
            frame = _ENCODE.encode(event)
            child.stdin.write(_HEAD.pack(len(frame)) + frame)
            await child.stdin.drain()
            (size,) = _HEAD.unpack(await child.stdout.readexactly(_HEAD.size))
            answer = _DECODE_ANSWER.decode(await child.stdout.readexactly(size))
        if isinstance(answer, _Refused):
            raise UnreadablePage(answer.reason)
        return answer.page

    async def _start(self) -> asyncio.subprocess.Process:
        self._child = await asyncio.create_subprocess_exec(
            *self._command,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            start_new_session=True,
            limit=2**26,
        )
        if self._child.stdout is None:
            raise ConnectionError
        async with asyncio.timeout(_START_TIMEOUT_S):
            await self._child.stdout.readexactly(1)
        return self._child

    async def _kill(self) -> None:
        child, self._child = self._child, None
        if child is None:
            return
        with contextlib.suppress(ProcessLookupError):
            child.kill()
        await child.wait()


def main() -> None:
    """Answer pages on standard input with what was read, until it closes."""
    resource.setrlimit(resource.RLIMIT_AS, (_MAX_MEMORY_BYTES, _MAX_MEMORY_BYTES))
    tokenizer, prompt, target_chars, max_tokens, alarm_s = sys.argv[1:6]
    limits = ChunkLimits(int(target_chars), int(max_tokens))
    reader = reader_of(Path(tokenizer), prompt=prompt, limits=limits)
    stdin, stdout = sys.stdin.buffer, sys.stdout.buffer
    sys.stdout = sys.stderr  # whatever prints must not break the framing
    stdout.write(b"+")
    stdout.flush()
    while head := stdin.read(_HEAD.size):
        frame = stdin.read(_HEAD.unpack(head)[0])
        signal.alarm(int(alarm_s))  # ends this process in a hanging page once its owner is gone
        _answer(stdout, _answer_to(reader, frame))
        signal.alarm(0)


def reader_of(tokenizer: Path, *, prompt: str, limits: ChunkLimits) -> Reader:
    """A reader for a model that puts `prompt` before each text: what it takes of the window is left free."""
    from index.adapters.embed.tokens import TokenCounter

    counter = TokenCounter(tokenizer)
    taken = counter.count([prompt])[0] if prompt else 0
    return Reader(replace(limits, max_tokens=limits.max_tokens - taken), counter.count)


def _answer_to(reader: Reader, frame: bytes) -> bytes:
    """The answer, encoded: text that no encoding takes is the page's fault too."""
    try:
        return _ENCODE.encode(_Read(reader.read(_DECODE_EVENT.decode(frame))))
    except PermanentError as error:
        reason = str(error)
    except (RecursionError, MemoryError) as error:
        reason = f"the page is too much for its parser: {type(error).__name__}"
    except UnicodeEncodeError:
        reason = "the page holds half a character"
    except Exception as error:  # this process's boundary: a parser's bug parks the page
        reason = f"{type(error).__name__}: {error}"[:500]
    return _ENCODE.encode(_Refused(reason.encode("utf-8", "replace").decode()))


def _answer(stdout: BinaryIO, frame: bytes) -> None:
    stdout.write(_HEAD.pack(len(frame)) + frame)
    stdout.flush()


if __name__ == "__main__":
    main()
