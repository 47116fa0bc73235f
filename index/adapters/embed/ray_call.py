"""One call to an actor of a Ray cluster: its turn awaited, its time measured where it is spent."""

import asyncio
import contextlib
from collections.abc import Awaitable
from functools import partial
from typing import Any

import numpy as np
import ray
import structlog
from numpy.typing import NDArray
from ray.exceptions import RayError, RayTaskError

from index.adapters.embed.in_thread import in_daemon_thread
from index.adapters.embed.ray_actor import Pulse
from index.settings import RaySettings
from schemas.errors import EmbedderUnavailable

_log = structlog.get_logger()

PREPARE_S = 900.0
_PULSE_EVERY_S, _PULSE_WITHIN_S = 5.0, 5.0
_KILL_WITHIN_S = 5.0
_AGAIN_S = 0.2


class CallFailed(EmbedderUnavailable):
    """A call that brought nothing.

    `has_begun`: its texts had their turn, so that they may be to blame. `has_raised`: the actor lives and said why.
    """

    def __init__(self, reason: str, *, has_begun: bool, has_raised: bool = False) -> None:
        super().__init__(reason)
        self.has_begun = has_begun
        self.has_raised = has_raised


class Caller:
    """Calls actors, ends those that hang, and sets `lost` once none has answered for a while."""

    def __init__(self, settings: RaySettings, lost: asyncio.Event) -> None:
        self.lost = lost
        self._timeout_s = settings.timeout_s
        self._lost_after_s = settings.lost_after_s
        self._pulse_every_s = min(_PULSE_EVERY_S, settings.timeout_s / 3)
        self._pulse_within_s = min(_PULSE_WITHIN_S, settings.timeout_s)
        self._silent_since_s: float | None = None

    async def embed(self, actor: Any, texts: list[str]) -> NDArray[np.float32]:
        """One call. It may take `timeout_s` once it has its turn; what others take before it does not count.

        Raises: CallFailed.
        """
        call = _Call()
        await self._watched(actor, call.run(actor, texts), call)
        assert call.vectors is not None  # since nothing was raised
        return call.vectors

    async def prepare(self, actor: Any, *, is_patient: bool = False) -> None:
        """Return once an actor has loaded its model; one that is just restarting is waited for.

        Who has just joined the cluster is patient: an actor may have to wait until there is room for it, which is no
        silence as long as the head answers. Raises: CallFailed.
        """
        try:
            async with asyncio.timeout(PREPARE_S):
                while not await self._is_prepared(actor, is_patient=is_patient):
                    await asyncio.sleep(_AGAIN_S)
        except TimeoutError as error:
            reason = f"no actor has loaded its model within {PREPARE_S:g} s"
            raise CallFailed(reason, has_begun=False) from error

    async def _is_prepared(self, actor: Any, *, is_patient: bool) -> bool:
        call = _Call(is_patient=is_patient)
        try:
            await self._watched(actor, _awaited(actor.prepare.remote()), call)
        except CallFailed as failure:
            if failure.has_raised or self.lost.is_set():
                raise
            return False
        return True

    async def _watched(self, actor: Any, work: Awaitable[None], call: "_Call") -> None:
        """Await `work` while the actor is asked now and then how it is."""
        task = asyncio.ensure_future(work)
        quiet_since_s: float | None = None
        try:
            while not task.done():
                await asyncio.wait({task}, timeout=self._pulse_every_s)
                if not task.done():
                    quiet_since_s = await self._feel(actor, quiet_since_s, call)
            task.result()
        except RayTaskError as error:
            self._heard()
            raise CallFailed(reason_of(error), has_begun=True, has_raised=True) from error
        except (RayError, RuntimeError) as error:
            await self._told_of_silence(call)
            raise CallFailed(reason_of(error), has_begun=call.has_begun) from error
        finally:
            task.cancel()
        self._heard()

    async def _feel(self, actor: Any, quiet_since_s: float | None, call: "_Call") -> float | None:
        """Ask an actor how it is. Returns: since when it has not answered. Raises: CallFailed, having ended it."""
        pulse = await self._pulse(actor, call)
        now_s = asyncio.get_running_loop().time()
        if pulse is None:
            since_s = now_s if quiet_since_s is None else quiet_since_s
            if self.lost.is_set():
                raise CallFailed("the cluster does not answer", has_begun=False)
            if now_s - since_s > self._timeout_s and not call.is_patient:
                await self._end(actor, f"no sign of life for {self._timeout_s:g} s", call)
            return since_s
        limit_s = PREPARE_S if pulse.is_loading else self._timeout_s
        if pulse.busy_s > limit_s:
            await self._end(actor, f"no answer within {limit_s:g} s", call)
        return None

    async def _pulse(self, actor: Any, call: "_Call") -> Pulse | None:
        try:
            async with asyncio.timeout(self._pulse_within_s):
                pulse: Pulse = await actor.pulse.remote()
        except (
            TimeoutError
        ):  # it hangs, or waits for room: that alone does not mean that the cluster is gone
            await self._ask_head()
            return None
        except (RayError, RuntimeError):
            await self._told_of_silence(call)
            return None
        self._heard()
        return pulse

    async def _told_of_silence(self, call: "_Call") -> None:
        """Ray itself says that the actor cannot be reached, which it goes on saying once its head has been replaced."""
        if call.is_patient:
            await self._ask_head()
        else:
            self._silent()

    async def _ask_head(self) -> None:
        try:
            await in_daemon_thread(ray.nodes, timeout_s=self._pulse_within_s)
        except (TimeoutError, RayError, RuntimeError, OSError):
            self._silent()
        else:
            self._heard()

    async def _end(self, actor: Any, reason: str, call: "_Call") -> None:
        """End an actor that hangs, in whoever's call; Ray starts it again. Raises: CallFailed."""
        _log.warning("embed_actor.hangs", reason=reason, is_ours=call.has_begun)
        with contextlib.suppress(RayError, RuntimeError, TimeoutError):
            kill = partial(ray.kill, actor, no_restart=False)
            await in_daemon_thread(kill, timeout_s=_KILL_WITHIN_S)
        raise CallFailed(reason, has_begun=call.has_begun)

    def _heard(self) -> None:
        self._silent_since_s = None

    def _silent(self) -> None:
        now_s = asyncio.get_running_loop().time()
        if self._silent_since_s is None:
            self._silent_since_s = now_s
        if now_s - self._silent_since_s >= self._lost_after_s:
            self.lost.set()


class _Call:
    """What has come of a call so far."""

    def __init__(self, *, is_patient: bool = False) -> None:
        self.is_patient = is_patient
        self.has_begun = False
        self.vectors: NDArray[np.float32] | None = None

    async def run(self, actor: Any, texts: list[str]) -> None:
        async for reference in actor.embed.options(num_returns="streaming").remote(texts):
            self.vectors = await reference
            self.has_begun = True


async def _awaited(reference: Any) -> None:
    await reference


def reason_of(error: BaseException) -> str:
    """The last line of what Ray says, which tells most."""
    lines = [line for line in str(error).splitlines() if line.strip()]
    return f"{type(error).__name__}: {(lines or ['no reason given'])[-1].strip()[:200]}"
