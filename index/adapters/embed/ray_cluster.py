"""Connecting this process to a Ray cluster, or to one of its own on loopback."""

import asyncio
import contextlib
import math
import os
import secrets
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from index.adapters.embed.in_thread import in_daemon_thread
from index.settings import RaySettings
from schemas.errors import EmbedderUnavailable, WrongUse

NAMESPACE = "headwater"
LOCAL = "local"
_POOLS = 2  # of the model that answers, and of the one that is to take over
_ANSWER_WITHIN_S, _AGAIN_S = 5.0, 0.5
_OBJECT_STORE_BYTES = 100 * 2**20


def environment_of(home: Path) -> dict[str, str]:
    """What a cluster of one machine's own has to find: nothing of it leaves loopback or `home`.

    Makes the token that its processes know each other by. The last variable keeps every port on 127.0.0.1, on Linux
    too, though its name says otherwise (measured with Ray 2.60).
    """
    token = home / "ray_token"
    with contextlib.suppress(FileExistsError):
        descriptor = os.open(token, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with open(descriptor, "w", encoding="ascii") as file:
            file.write(secrets.token_hex(32))
    return {
        "RAY_USAGE_STATS_ENABLED": "0",
        "RAY_AUTH_MODE": "token",
        "RAY_AUTH_TOKEN_PATH": str(token),
        "RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER": "0",
    }


def connect(settings: RaySettings, home: Path) -> Callable[[], None]:
    """Join the cluster that is configured, or start one of our own. Blocks for seconds.

    Returns: what leaves it again, and ends one of our own. Raises: EmbedderUnavailable, WrongUse.
    """
    if settings.address == LOCAL:
        os.environ.update(environment_of(home))  # Ray reads it when it is first imported
    try:
        import ray
    except ImportError as error:
        raise WrongUse(
            "[ray] needs ray, which the extra `cluster` brings: pip install 'headwater[cluster]'"
        ) from error
    options: dict[str, Any] = {
        "namespace": NAMESPACE,
        "log_to_driver": False,
        "configure_logging": False,
    }
    folder = tempfile.mkdtemp(prefix="hw-ray-") if settings.address == LOCAL else ""
    try:
        if settings.address == LOCAL:
            ray.init(
                **options,
                num_cpus=max(1, math.ceil(_POOLS * settings.cpus * settings.actors)),
                include_dashboard=False,
                object_store_memory=_OBJECT_STORE_BYTES,
                _temp_dir=folder,  # sockets below it have room for about 100 characters
            )
        else:
            ray.init(**options, address=settings.address)
    except (ConnectionError, RuntimeError, OSError, ValueError) as error:
        _leave(folder)
        first_line = (str(error).strip().splitlines() or ["no reason given"])[0]
        raise EmbedderUnavailable(f"Ray at {settings.address}: {first_line}") from error
    return lambda: _leave(folder)


async def until_silent(after_s: float) -> None:
    """Return once the head of the cluster that this process has joined has not answered for so long."""
    import ray
    from ray.exceptions import RayError

    heard_s = asyncio.get_running_loop().time()
    while asyncio.get_running_loop().time() - heard_s < after_s:
        try:
            await in_daemon_thread(ray.nodes, timeout_s=_ANSWER_WITHIN_S)
        except (TimeoutError, RayError, RuntimeError, OSError):
            await asyncio.sleep(_AGAIN_S)
        else:
            heard_s = asyncio.get_running_loop().time()
            await asyncio.sleep(_ANSWER_WITHIN_S)


def _leave(folder: str) -> None:
    import ray

    ray.shutdown()
    if folder:
        shutil.rmtree(folder, ignore_errors=True)
