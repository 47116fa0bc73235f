"""`headwater models serve`: the query-side models of a deployment, on Ray Serve."""

import asyncio
from contextlib import AsyncExitStack
from functools import partial

import structlog

from headwater.console import say
from headwater.models import Models, model_hash_of
from headwater.runtime import Store, open_store
from headwater.settings import Settings
from index.adapters.embed.in_thread import in_daemon_thread
from index.adapters.embed.ray_actor import Held
from index.adapters.embed.ray_cluster import until_silent
from index.adapters.embed.ray_serve import deploy
from schemas.errors import EmbedderLost, StoreUnavailable, WrongUse
from schemas.ids import Generation

_log = structlog.get_logger()

_LOOK_EVERY_S = 3.0
_DEPLOY_WITHIN_S = 900.0


async def run_serve(settings: Settings, *, once: bool) -> int:
    """Have Ray Serve hold the models that questions may need, and see to it until told to end.

    Returns: 0. Raises: EmbedderLost when the cluster no longer answers, to be started again.
    """
    if not settings.ray.address:
        raise WrongUse("no Ray cluster is configured: set [ray] address or HEADWATER_RAY_ADDRESS")
    async with AsyncExitStack() as stack:
        store = await stack.enter_async_context(open_store(settings, say))
        models = Models(settings, say, stack)
        await models.connect()
        wanted: list[Held] = []
        changed: set[Generation] = set()
        while True:
            try:
                wanted = await _wanted(store, models, changed)
            except StoreUnavailable as error:  # what was wanted before still is
                _log.warning("models.unknown", reason=str(error))
            await _deploy(wanted, settings)
            if once:
                return 0
            await asyncio.sleep(_LOOK_EVERY_S)


async def _deploy(wanted: list[Held], settings: Settings) -> None:
    """Deploying waits for models to load, for long if need be, but for no cluster that is gone."""
    ray = settings.ray
    deploying = asyncio.ensure_future(
        in_daemon_thread(partial(deploy, wanted, ray), timeout_s=_DEPLOY_WITHIN_S)
    )
    silent = asyncio.ensure_future(until_silent(ray.lost_after_s))
    try:
        await asyncio.wait({deploying, silent}, return_when=asyncio.FIRST_COMPLETED)
        if not deploying.done():
            raise EmbedderLost
        is_new = deploying.result()
    except TimeoutError as error:
        raise EmbedderLost from error
    finally:
        deploying.cancel()
        silent.cancel()
    if is_new:
        names = ", ".join(sorted({held.model for held in wanted}))
        say(f"Ray Serve embeds questions with {names} on http://{ray.serve_host}:{ray.serve_port}")


async def _wanted(store: Store, models: Models, changed: set[Generation]) -> list[Held]:
    """The model of every generation, and the configured one, which the next generation will have.

    `changed` collects generations whose model's files are others by now; each is logged once.
    """
    found = {}
    configured = await models.held(models.settings.embedding.model)
    found[configured.model_hash] = configured
    for info in await store.generations.generations():
        held = await models.held(info.model)
        if held.model_hash == model_hash_of(info.fingerprint):
            found[held.model_hash] = held
        elif info.generation not in changed:
            changed.add(info.generation)
            _log.warning("model.changed", model=info.model, generation=info.generation)
    return list(found.values())
