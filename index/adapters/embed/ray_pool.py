"""A pool of embedding actors, shared by every worker of a cluster."""

import asyncio
import contextlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import ray
import structlog
from numpy.typing import NDArray
from ray.exceptions import ActorUnavailableError, GetTimeoutError, RayError, RayTaskError

from index.adapters.embed.models import ModelInfo
from index.adapters.embed.ray_actor import EmbedActor
from index.core.embedding import check_vectors
from index.settings import RaySettings
from schemas.errors import BadVectors, EmbedderUnavailable

_log = structlog.get_logger()

_CALLS_AN_ACTOR = 2
_CALL_TEXTS = 64
_PREPARE_S = 900.0
_PING_EVERY_S, _PING_WITHIN_S = 5.0, 5.0
_PROBE = "a word "
_PROBE_EVERY_S = 0.2


class RayPool:
    """Embeds on a cluster. Fulfils `index.core.embedding.Embed`.

    At most two calls an actor are under way. An actor that dies is started again by Ray, one that hangs is killed
    first; a call that fails is made anew in halves, down to the text that is to blame. `lost` is set once nobody has
    answered for a while: a process does not survive the end of its cluster's head, and has to be started again.
    """

    def __init__(
        self, model: ModelInfo, actors: Sequence[Any], settings: RaySettings, *, lost: asyncio.Event
    ) -> None:
        self.model = model
        self.lost = lost
        self._timeout_s = settings.timeout_s
        self._lost_after_s = settings.lost_after_s
        self._silent_since_s: float | None = None
        self._actors = actors
        self._free: asyncio.Queue[Any] = asyncio.Queue()
        for actor in [*actors] * _CALLS_AN_ACTOR:
            self._free.put_nowait(actor)

    @classmethod
    async def open(
        cls,
        model: ModelInfo,
        settings: RaySettings,
        *,
        cache_dir: Path,
        device: str,
        factory: str,
        lost: asyncio.Event,
    ) -> "RayPool":
        """Find the cluster's actors for a model, or make them, and wait until each has loaded it.

        Raises: EmbedderUnavailable.
        """
        try:
            actors = [
                _actor(f"embed-{model.model_hash[:16]}-{number}", settings).remote(
                    factory, model.name, str(cache_dir), device
                )
                for number in range(settings.actors)
            ]
            async with asyncio.timeout(_PREPARE_S):
                await asyncio.gather(*(_prepared(actor) for actor in actors))
        except TimeoutError as error:
            raise EmbedderUnavailable(
                f"no actor with {settings.cpus:g} CPUs and {settings.gpus:g} GPUs within {_PREPARE_S:g} s"
            ) from error
        except (RayError, RuntimeError, ValueError) as error:
            raise EmbedderUnavailable(_reason(error)) from error
        return cls(model, actors, settings, lost=lost)

    async def __call__(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """The port: `embed_texts`."""
        return await self.embed_texts(texts)

    async def embed_texts(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Embed as documents; shape (n, dim), in the order of texts.

        Raises: EmbedderUnavailable; BadVectors, also when one text alone always ends its actor.
        """
        calls = [
            list(texts[start : start + _CALL_TEXTS]) for start in range(0, len(texts), _CALL_TEXTS)
        ]
        if not calls:
            return np.empty((0, self.model.dim), dtype=np.float32)
        return np.concatenate(await asyncio.gather(*(self._vectors(call) for call in calls)))

    async def pids(self) -> Sequence[int]:
        """The process of each actor, wherever it runs. Raises: RayError."""
        pids = await asyncio.gather(*(_awaited(actor.ping.remote()) for actor in self._actors))
        return [int(pid) for pid in pids]

    async def _vectors(self, texts: list[str]) -> NDArray[np.float32]:
        """What a call brings; when it fails, its halves, down to the text that is to blame.

        Between two calls the actor has to embed an innocent text as long as the longest of them: so what fails is
        neither the cluster nor an actor that is only just starting again.
        """
        try:
            return await self._checked(texts)
        except _Unanswered as failure:
            await self._answers_again(failure.actor, max(len(text) for text in texts))
        if len(texts) == 1:
            return await self._once_more(texts)
        middle = len(texts) // 2
        halves = [await self._vectors(half) for half in (texts[:middle], texts[middle:])]
        return np.concatenate(halves)

    async def _once_more(self, texts: list[str]) -> NDArray[np.float32]:
        """A text alone is to blame when it fails a second time: the first may have been another's on its actor."""
        try:
            return await self._checked(texts)
        except _Unanswered as failure:
            await self._answers_again(failure.actor, len(texts[0]))
            raise BadVectors(
                f"none for a text that begins {texts[0][:40]!r}: {failure.reason}"
            ) from failure

    async def _answers_again(self, actor: Any, length: int) -> None:
        """Return once the actor embeds an innocent text of that length. Raises: EmbedderUnavailable, once lost."""
        probe = (_PROBE * length)[: max(1, length)]
        while True:
            try:
                await self._answer(actor, [probe])
                return
            except EmbedderUnavailable:
                if self.lost.is_set():
                    raise
            await asyncio.sleep(_PROBE_EVERY_S)

    async def _checked(self, texts: list[str]) -> NDArray[np.float32]:
        actor = await self._free.get()
        try:
            vectors = await self._answer(actor, texts)
        finally:
            self._free.put_nowait(actor)
        check_vectors(vectors, count=len(texts), dim=self.model.dim)
        return vectors

    async def _answer(self, actor: Any, texts: list[str]) -> NDArray[np.float32]:
        """One call, at most `timeout_s` long, while the actor is asked now and then whether it lives."""
        loop = asyncio.get_running_loop()
        deadline_s = loop.time() + self._timeout_s
        call = asyncio.ensure_future(_awaited(actor.embed.remote(texts)))
        try:
            while not call.done():
                left_s = deadline_s - loop.time()
                if left_s <= 0:
                    self._replace(actor)
                    raise _Unanswered(f"no answer within {self._timeout_s:g} s", actor)
                await asyncio.wait({call}, timeout=min(left_s, _PING_EVERY_S))
                if not call.done():
                    await self._ping(actor)
            vectors: NDArray[np.float32] = call.result()
        except RayTaskError as error:
            self._heard()
            raise _Unanswered(_reason(error), actor) from error
        except (RayError, RuntimeError) as error:
            self._silent()
            raise _Unanswered(_reason(error), actor) from error
        finally:
            call.cancel()
        self._heard()
        return vectors

    async def _ping(self, actor: Any) -> None:
        try:
            async with asyncio.timeout(_PING_WITHIN_S):
                await _awaited(actor.ping.remote())
        except (TimeoutError, RayError, RuntimeError):
            self._silent()
        else:
            self._heard()

    def _replace(self, actor: Any) -> None:
        """End an actor that hangs; Ray starts it again."""
        _log.warning("embed_actor.hangs", after_s=self._timeout_s)
        with contextlib.suppress(RayError, RuntimeError, GetTimeoutError):
            ray.kill(actor, no_restart=False)

    def _heard(self) -> None:
        self._silent_since_s = None

    def _silent(self) -> None:
        now_s = asyncio.get_running_loop().time()
        if self._silent_since_s is None:
            self._silent_since_s = now_s
        if now_s - self._silent_since_s >= self._lost_after_s:
            self.lost.set()


def _actor(name: str, settings: RaySettings) -> Any:
    remote: Any = ray.remote(EmbedActor)
    return remote.options(
        name=name,
        get_if_exists=True,
        lifetime="detached",
        max_restarts=-1,
        max_task_retries=0,
        num_cpus=settings.cpus,
        num_gpus=settings.gpus,
    )


async def _prepared(actor: Any) -> None:
    """Return once it has loaded its model; one that another worker left restarting is waited for."""
    while True:
        try:
            await _awaited(actor.prepare.remote())
            return
        except ActorUnavailableError:
            await asyncio.sleep(_PROBE_EVERY_S)


class _Unanswered(EmbedderUnavailable):
    """A call that brought nothing, and the actor that it was for."""

    def __init__(self, reason: str, actor: Any) -> None:
        super().__init__(reason)
        self.actor = actor


async def _awaited(reference: Any) -> Any:
    return await reference


def _reason(error: BaseException) -> str:
    lines = [line for line in str(error).splitlines() if line.strip()]
    return f"{type(error).__name__}: {(lines or ['no reason given'])[-1].strip()[:200]}"
