"""Query-side models on Ray Serve: each an application of its own, reached over HTTP."""

import hashlib
import importlib
from collections.abc import Callable, Sequence
from typing import Any

import msgspec

from index.adapters.embed.ray_actor import Held, Loaded
from index.adapters.embed.serve_client import MODEL_HEADER, route_of
from index.settings import RaySettings
from schemas.errors import EmbedderUnavailable

_PREFIX = "headwater-questions-"
_LIVES = ("RUNNING", "DEPLOYING", "NOT_STARTED")


class QuestionModel:
    """A replica: a question's text in, the bytes of its vector out."""

    async def __init__(self, held: Held) -> None:  # type: ignore[misc]  # Serve awaits it: ready means loaded
        _keep_to_this_node()
        self._hash = held.model_hash
        self._loaded: Loaded = await held.load()

    async def __call__(self, request: Any) -> Any:
        """GET tells which model it is; POST embeds the body, UTF-8, as a question."""
        from starlette.responses import Response

        body = b""
        if request.method == "POST":
            text = (await request.body()).decode()
            body = (await self._loaded.embed_query(text)).astype("<f4").tobytes()
        return Response(
            body, media_type="application/octet-stream", headers={MODEL_HEADER: self._hash}
        )


def deploy(models: Sequence[Held], settings: RaySettings) -> bool:
    """Have Ray Serve hold exactly these models. Idempotent; blocks until each answers.

    Returns: whether anything had to be done. Raises: EmbedderUnavailable.
    """
    from ray.exceptions import RayError
    from ray.serve.exceptions import RayServeException

    try:
        return _deploy(models, settings)
    except (RayError, RayServeException, RuntimeError, ConnectionError, TimeoutError) as error:
        lines = [line.strip() for line in str(error).splitlines() if line.strip()]
        reason = f"Ray Serve: {type(error).__name__}: {' '.join(lines[-1:])[:200]}"
        raise EmbedderUnavailable(reason) from error


def _deploy(models: Sequence[Held], settings: RaySettings) -> bool:
    from ray import serve
    from ray.serve.config import HTTPOptions

    http = HTTPOptions(host=settings.serve_host, port=settings.serve_port)
    serve.start(proxy_location="HeadOnly", http_options=http)
    known = serve.status().applications
    wanted = {_name_of(held, settings): held for held in models}
    gone = [name for name in known if name.startswith(_PREFIX) and name not in wanted]
    for name in gone:  # first, since two applications cannot share a route
        serve.delete(name)
    due = [
        name for name in wanted if name not in known or str(known[name].status.value) not in _LIVES
    ]
    for name in due:
        serve.run(
            _application(wanted[name], settings),
            name=name,
            route_prefix=route_of(wanted[name].model_hash),
        )
    return bool(gone or due)


def replica_options(settings: RaySettings) -> dict[str, object]:
    """What a replica asks of its cluster: shares of processors and GPUs as they are configured."""
    return {"num_cpus": settings.replica_cpus, "num_gpus": settings.replica_gpus}


def _application(held: Held, settings: RaySettings) -> Any:
    from ray import serve

    deployment: Any = serve.deployment(QuestionModel)
    return deployment.options(
        num_replicas=settings.replicas, ray_actor_options=replica_options(settings)
    ).bind(held)


def _name_of(held: Held, settings: RaySettings) -> str:
    """A name that changes with whatever would have to be deployed anew."""
    shape = msgspec.json.encode((held, settings.replicas, replica_options(settings)))
    return f"{_PREFIX}{held.model_hash[:16]}-{hashlib.sha256(shape).hexdigest()[:8]}"


def _keep_to_this_node() -> None:
    """Have the replica's own port, which Ray 2.60 opens to everybody, listen on the node's address alone.

    What comes in there is unpickled, so on one machine it must not leave loopback.
    """
    # Ray has no types for either, hence the `Any`.
    replica: Any = importlib.import_module("ray.serve._private.replica")
    util: Any = importlib.import_module("ray.util")
    bind: Callable[[Any, str], int] = replica.add_port_to_grpc_server
    host: str = util.get_node_ip_address()
    replica.add_port_to_grpc_server = lambda server, address: bind(
        server, address.replace("[::]", host)
    )
