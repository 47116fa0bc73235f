"""A pool of embedding actors, shared by every worker of a cluster."""

import asyncio
import contextlib
import hashlib
from collections.abc import Sequence
from functools import partial
from importlib import metadata
from typing import Any

import numpy as np
import ray
import structlog
from numpy.typing import NDArray
from ray.exceptions import RayError

from index.adapters.embed.in_thread import in_daemon_thread
from index.adapters.embed.ray_actor import EmbedActor, Held, actor_options
from index.adapters.embed.ray_call import Caller, CallFailed, reason_of
from index.core.embedding import check_vectors
from index.core.failures import first_failure
from index.settings import RaySettings
from schemas.errors import BadVectors, EmbedderUnavailable

_log = structlog.get_logger()

CALLS_AN_ACTOR = 2
CALL_TEXTS = 64
_PROBE = "a word "
_END_WITHIN_S = 5.0
_PROBES, _TURNS, _ALONE = 3, 10, 2


class RayPool:
    """Embeds on a cluster. Fulfils `index.core.embedding.Embed`.

    This process has at most two calls an actor under way. An actor that dies is started again by Ray, one that hangs is
    ended first; a call that failed in its turn is made anew in halves, down to the text that is to blame. `lost` is set
    once nobody has answered for a while: a process does not survive the end of its cluster's head, and has to be
    started again.
    """

    def __init__(self, held: Held, actors: Sequence[Any], caller: Caller) -> None:
        self.held = held
        self.lost = caller.lost
        self._caller = caller
        self._actors = actors
        self._free: asyncio.Queue[Any] = asyncio.Queue()
        for actor in [*actors] * CALLS_AN_ACTOR:
            self._free.put_nowait(actor)

    @classmethod
    async def open(cls, held: Held, settings: RaySettings, *, lost: asyncio.Event) -> "RayPool":
        """Find the cluster's actors for a model, or make them, and wait until each has loaded it.

        Raises: EmbedderUnavailable.
        """
        caller = Caller(settings, lost)
        try:
            actors = [
                _actor(name_of(held, number), held, settings) for number in range(settings.actors)
            ]
        except (RayError, RuntimeError, ValueError) as error:
            raise EmbedderUnavailable(reason_of(error)) from error
        try:
            async with asyncio.TaskGroup() as group:
                for actor in actors:
                    group.create_task(caller.prepare(actor, is_patient=True))
        except BaseExceptionGroup as failures:
            raise first_failure(failures) from failures
        return cls(held, actors, caller)

    async def __call__(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """The port: `embed_texts`."""
        return await self.embed_texts(texts)

    async def embed_texts(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Embed as documents; shape (n, dim), in the order of texts.

        Raises: EmbedderUnavailable; BadVectors, also when one text alone always ends its actor.
        """
        calls = [
            list(texts[start : start + CALL_TEXTS]) for start in range(0, len(texts), CALL_TEXTS)
        ]
        try:
            async with asyncio.TaskGroup() as group:
                tasks = [group.create_task(self._vectors(call)) for call in calls]
        except BaseExceptionGroup as failures:
            raise first_failure(failures) from failures
        empty = np.empty((0, self.held.dim), dtype=np.float32)
        return np.concatenate([empty, *(task.result() for task in tasks)])

    async def end(self) -> None:
        """End the actors for good, those of every worker: for a model that nobody needs any more. Idempotent."""
        for actor in self._actors:
            kill = partial(ray.kill, actor, no_restart=True)
            with contextlib.suppress(RayError, RuntimeError, ValueError, TimeoutError):
                await in_daemon_thread(kill, timeout_s=_END_WITHIN_S)

    async def pids(self) -> Sequence[int]:
        """The process of each actor, wherever it runs. Raises: RayError."""
        return [(await actor.pulse.remote()).pid for actor in self._actors]

    async def _vectors(self, texts: list[str]) -> NDArray[np.float32]:
        """What a call brings; when it fails in its turn, its halves, down to the text that is to blame."""
        failure = None
        for _ in range(_TURNS):
            failure, vectors = await self._try(texts)
            if failure is None:
                return vectors
            if failure.has_begun:
                break
        else:  # it never had its turn: nothing is known of its texts
            raise failure or EmbedderUnavailable("no actor has taken up the call")
        if len(texts) == 1:
            return await self._once_more(texts)
        middle = len(texts) // 2
        halves = [await self._vectors(half) for half in (texts[:middle], texts[middle:])]
        return np.concatenate(halves)

    async def _once_more(self, texts: list[str]) -> NDArray[np.float32]:
        """A text alone is to blame when it fails in its turn thrice: now and then something else has happened."""
        reason = ""
        for _ in range(_ALONE):
            failure, vectors = await self._try(texts)
            if failure is None:
                return vectors
            if not failure.has_begun:
                raise failure
            reason = failure.reason
        raise BadVectors(f"none for a text that begins {texts[0][:40]!r}: {reason}")

    async def _try(self, texts: list[str]) -> tuple[CallFailed | None, NDArray[np.float32]]:
        """One call, on whichever actor is free. Returns: its failure, if it has failed and its actor works again.

        Raises: EmbedderUnavailable when it does not; BadVectors.
        """
        actor = await self._free.get()
        try:
            vectors = await self._caller.embed(actor, texts)
        except CallFailed as failure:
            await self._recovered(actor, max(len(text) for text in texts))
            return failure, np.empty((0, self.held.dim), dtype=np.float32)
        finally:
            self._free.put_nowait(actor)
        check_vectors(vectors, count=len(texts), dim=self.held.dim)
        return None, vectors

    async def _recovered(self, actor: Any, length: int) -> None:
        """Return once the actor embeds an innocent text of that length; one that starts again may load its model first.

        So what is then found guilty was neither the cluster's fault nor the model's. Raises: EmbedderUnavailable.
        """
        probe = (_PROBE * length)[: max(1, length)]
        for left in reversed(range(_PROBES)):
            await self._caller.prepare(actor)
            try:
                await self._caller.embed(actor, [probe])
                return
            except CallFailed as failure:
                if self.lost.is_set() or not left:
                    _log.error("embed_actor.fails", reason=failure.reason)
                    raise


def name_of(held: Held, number: int) -> str:
    """What an actor is called on its cluster.

    Its code is that of the version which made it, for as long as it lives: another version has actors of its own.
    """
    version = hashlib.sha256(metadata.version("headwater").encode()).hexdigest()
    return f"embed-{held.model_hash[:16]}-{version[:8]}-{number}"


def _actor(name: str, held: Held, settings: RaySettings) -> Any:
    remote: Any = ray.remote(EmbedActor)
    return remote.options(**actor_options(name, settings)).remote(held)
