"""Embedding a whole load through Ray Data, driven by a child process."""

import asyncio
import contextlib
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator
from pathlib import Path

import msgspec

from index.adapters.embed.child import ROOT, pass_on
from index.adapters.embed.frames import Job, packed_texts, read_vectors
from index.adapters.embed.ray_actor import Held
from index.core.failures import first_failure
from index.core.prefill import Take, Texts
from index.settings import RaySettings
from schemas.errors import EmbedderUnavailable
from schemas.ids import TextHash

_MODULE = "index.adapters.embed.ray_data_child"
_FRAME_TEXTS = 64


class RayDataEmbedding:
    """Fulfils `index.core.prefill.EmbedBulk` with the embedding actors of a cluster, which hold the model already.

    The driver is a process of its own: it does not outlive the head of its cluster, and whoever follows sources must.
    It is given up after `stalled_s` without a vector.
    """

    def __init__(
        self, held: Held, settings: RaySettings, home: Path, *, stalled_s: float = 300.0
    ) -> None:
        self._job = Job(held=held, settings=settings, home=str(home))
        self._stalled_s = stalled_s

    async def __call__(self, texts: AsyncIterator[Texts], take: Take) -> None:
        """See `EmbedBulk`."""
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", _MODULE, msgspec.json.encode(self._job).decode()),
            cwd=ROOT,
            stdin=PIPE,
            stdout=PIPE,
            stderr=PIPE,
        )
        try:
            async with asyncio.TaskGroup() as group:
                last = group.create_task(pass_on(process, lambda _: None))
                group.create_task(_feed(process, texts))
                group.create_task(self._collect(process, take))
            status = await process.wait()
        except BaseExceptionGroup as failures:
            raise first_failure(failures) from failures
        finally:
            await _ended(process)
        if status:
            raise EmbedderUnavailable(f"Ray Data ended with status {status}: {last.result()}")

    async def _collect(self, process: Process, take: Take) -> None:
        assert process.stdout is not None  # asked for as a pipe
        while True:
            try:
                async with asyncio.timeout(self._stalled_s):
                    vectors = await read_vectors(process.stdout)
            except TimeoutError as error:
                reason = f"Ray Data brought nothing for {self._stalled_s:g} s"
                raise EmbedderUnavailable(reason) from error
            except asyncio.IncompleteReadError:  # its status tells more
                return
            if vectors is None:
                return
            await take([TextHash(key) for key in vectors.hashes], vectors.array())


async def _feed(process: Process, texts: AsyncIterator[Texts]) -> None:
    """Pass texts on as fast as the child takes them, then close its input: that is how it knows the end."""
    assert process.stdin is not None  # asked for as a pipe
    with contextlib.suppress(
        BrokenPipeError, ConnectionResetError
    ):  # it has ended: its status tells why
        async for some in texts:
            for start in range(0, len(some), _FRAME_TEXTS):
                process.stdin.write(packed_texts(some[start : start + _FRAME_TEXTS]))
                await process.stdin.drain()
    process.stdin.close()


async def _ended(process: Process) -> None:
    if process.returncode is None:
        process.kill()
        await process.wait()
