"""Work that needs torch or a network, done in a child process that is gone afterwards."""

import asyncio
import re
import sys
from collections.abc import AsyncIterator, Callable
from pathlib import Path

from schemas.errors import BadConfiguration, EmbedderUnavailable, WrongUse

_SAID, _REFUSED = "headwater: ", "headwater refused: "
_REFUSED_STATUS = 2
ROOT = Path(__file__).resolve().parents[3]
"""The folder our packages are in: `-m` finds them from there wherever the parent was started."""


async def run_child(module: str, *args: str, say: Callable[[str], None], timeout_s: float) -> None:
    """Run `python -m module args` to its end, passing on each line that it says.

    Raises: BadConfiguration, when the child refuses; EmbedderUnavailable, when it fails or takes
    too long.
    """
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", module, *args),
        cwd=ROOT,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.PIPE,
    )
    try:
        async with asyncio.timeout(timeout_s):
            last = await pass_on(process, say)
            status = await process.wait()
    except TimeoutError as error:
        raise EmbedderUnavailable(f"{module} took more than {timeout_s:g} s") from error
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    if status == _REFUSED_STATUS and last.startswith(_REFUSED):
        raise BadConfiguration(last.removeprefix(_REFUSED))
    if status:
        raise EmbedderUnavailable(f"{module} ended with status {status}: {last}")


def run_as_child(work: Callable[[Callable[[str], None]], None]) -> None:
    """The child's side: do `work`, given the way to say a line; a refusal ends the process."""
    try:
        work(lambda line: _write(f"{_SAID}{line}"))
    except WrongUse as error:
        _write(f"{_REFUSED}{error}")
        sys.exit(_REFUSED_STATUS)


def _write(line: str) -> None:
    sys.stderr.write(f"{line}\n")
    sys.stderr.flush()


async def pass_on(process: asyncio.subprocess.Process, say: Callable[[str], None]) -> str:
    """What libraries print is dropped, but for the last line: it tells why a child failed."""
    last = ""
    async for line in _lines(process):
        if line.startswith(_SAID):
            say(line.removeprefix(_SAID))
        elif line.strip():
            last = line.strip()
    return last


async def _lines(process: asyncio.subprocess.Process) -> AsyncIterator[str]:
    """Cut by hand: a progress bar has no line end that `readline` knows, and may pass its limit."""
    assert process.stderr is not None  # asked for as a pipe
    rest = ""
    while piece := await process.stderr.read(4096):
        *lines, rest = re.split(r"[\r\n]+", rest + piece.decode(errors="replace"))
        for line in lines:
            yield line
    yield rest
