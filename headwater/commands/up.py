"""Any set of parts in one process: `headwater up` runs all of them, `ingest`, `worker` and `serve` one each."""

import asyncio
import contextlib
from collections.abc import Mapping, Sequence
from enum import StrEnum
from functools import partial

import msgspec
import structlog
from litestar import Litestar
from litestar.types import ControllerRouterHandler

from api.handlers import Answering
from api.main import routes
from headwater.cli import EXIT_SIGNALLED
from headwater.console import say
from headwater.ending import hear_the_end, leave_within
from headwater.following import Following, Hint
from headwater.generations import choose_generation
from headwater.home import Claim, claim_of
from headwater.http import Check, make_app
from headwater.intake import follow_all, hint_all, pass_hints, store_delivery
from headwater.keeping import keep_database
from headwater.language import answering_of, llm_keys, open_language
from headwater.metering import Ears
from headwater.metrics import QueryMeter, make_metrics
from headwater.receiving import end_unused
from headwater.runtime import Runtime, open_runtime
from headwater.seeing.gauges import see
from headwater.seeing.opening import open_watch
from headwater.server import serve
from headwater.settings import Settings
from headwater.statistics import Statistics
from index.handlers.search import shown_page
from ingest.adapters.webhook_http import webhook_routes
from schemas.answers import PageResponse
from schemas.errors import BadConfiguration, PermanentError, TransientError, WrongUse
from schemas.ids import SourceName

_log = structlog.get_logger()

_LEAVE_WITHIN_S = 25.0
_LOOK_FOR_MODELS_S = 2.0


class Part(StrEnum):
    """What a process can do: follow sources, consume their events, answer questions."""

    FOLLOW = "ingest"
    CONSUME = "worker"
    ANSWER = "serve"


async def run(
    settings: Settings,
    *,
    env: Mapping[str, str],
    port: int | None,
    parts: frozenset[Part] = frozenset(Part),
) -> int:
    """Run `parts` until SIGINT, SIGTERM or SIGHUP. Returns: the exit status."""
    if not settings.kafka.servers and len(parts & {Part.FOLLOW, Part.CONSUME}) == 1:
        raise WrongUse(
            "intake and worker are processes of their own only with a broker between them:"
            " set [kafka] servers, or run `headwater up`"
        )
    if port is not None:
        settings = msgspec.structs.replace(
            settings, api=msgspec.structs.replace(settings.api, port=port)
        )
    ending = _Ending(can_leave=bool(settings.kafka.servers and settings.database.url))
    hear_the_end(ending.tell)
    claim = claim_of(settings)
    try:
        await _run(settings, env, parts, claim, ending)
    except asyncio.CancelledError:
        if not ending.is_told:
            raise
    finally:
        await asyncio.to_thread(claim.release)
    return 0


class _Ending:
    """How signals end this process: what is answered is finished, all else is dropped at once.

    Before it answers, that is while its database starts or its model is prepared, the whole task is cancelled.
    Where it `can_leave`, having neither a database nor a log of its own, it ends whatever still hangs after a while:
    what it has at hand is done again by others.
    """

    def __init__(self, *, can_leave: bool) -> None:
        self._can_leave = can_leave
        self.stop = asyncio.Event()
        self.is_answering = False
        self._task = asyncio.current_task()

    @property
    def is_told(self) -> bool:
        return self.stop.is_set()

    def tell(self, number: int) -> None:
        """Hear a signal; a second one must not break off the closing."""
        if self.is_told:
            return
        if self._can_leave:
            leave_within(_LEAVE_WITHIN_S, lambda: EXIT_SIGNALLED + number)
        self.stop.set()
        if not self.is_answering and self._task is not None:
            self._task.cancel()


async def _run(
    settings: Settings,
    env: Mapping[str, str],
    parts: frozenset[Part],
    claim: Claim,
    ending: _Ending,
) -> None:
    def announce(port: int) -> None:
        ending.is_answering = True
        say(f"answering on http://{settings.api.host}:{port} (Ctrl-C stops)")

    secrets = _secrets(settings, env) if Part.FOLLOW in parts else {}
    keys = llm_keys(settings, env) if Part.ANSWER in parts else {}
    metrics = make_metrics()
    meter = QueryMeter(metrics)
    part = next(iter(parts)).value if len(parts) == 1 else ""
    async with (
        open_watch(settings, env, part=part, metrics=metrics) as watch,
        open_runtime(settings, say, env=env, answers=Part.ANSWER in parts, watch=watch) as runtime,
        open_language(settings, keys, meter) as language,
        asyncio.TaskGroup() as group,
    ):
        metrics.lag_events.set_function(lambda: runtime.transport.lag)
        runtime.cost.ears = Ears(metrics.texts_embedded.inc, metrics.texts_reused.inc)
        following = Following(runtime, metrics, Statistics(runtime.store.generations))
        seeing = await see(following, group, env, parts=parts)
        tasks = [*await _start(runtime, parts, following, claim, group)]
        if Part.ANSWER in parts:
            tasks += [group.create_task(model.keep()) for model in language.models]
        answering = answering_of(runtime, language, meter)
        consumer = None
        if Part.CONSUME in parts and not runtime.transport.is_local:
            # It ends its batch from the signal on, while requests under way are still answered.
            consuming = runtime.transport.consume(runtime.consumer(following.told), ending.stop)
            consumer = group.create_task(consuming)
        try:
            host, port = settings.api.host, settings.api.port
            app = _app(runtime, parts, following, secrets, answering)
            await serve(app, host=host, port=port, stop=ending.stop, announce=announce)
            if consumer is not None:
                await consumer
        finally:
            for task in (*tasks, seeing, *([consumer] if consumer else [])):
                task.cancel()


async def _start(
    runtime: Runtime,
    parts: frozenset[Part],
    following: Following,
    claim: Claim,
    group: asyncio.TaskGroup,
) -> Sequence[asyncio.Task[None]]:
    """Everything but the consumer. Returns: what is cancelled at the end."""
    came_back = partial(hint_all, following)
    tasks = [group.create_task(keep_database(runtime.store, came_back=came_back))]
    if Part.FOLLOW in parts:
        is_ours = await asyncio.to_thread(claim.take_exclusive)
        target = await choose_generation(runtime) if is_ours else None
        for source in runtime.settings.source:
            following.hints[SourceName(source.name)] = Hint()
            following.synced[SourceName(source.name)] = False
        tasks.append(group.create_task(follow_all(runtime, following, target, claim)))
        tasks.append(group.create_task(pass_hints(runtime, following)))
    if Part.ANSWER in parts and not runtime.settings.ray.serve_url:
        tasks.append(group.create_task(_keep_models_ready(runtime)))
    if Part.CONSUME in parts:
        await runtime.ready_to_index()
        tasks.append(group.create_task(runtime.models.end_when_lost()))
        unused, end = runtime.unused_models, runtime.models.end_pool
        tasks.append(group.create_task(end_unused(unused, end)))
    return tasks


async def _keep_models_ready(runtime: Runtime) -> None:
    """Prepare the model of every generation before it may answer: a switch must not keep questions waiting."""
    while True:
        with contextlib.suppress(TransientError):
            for info in await runtime.store.generations.generations():
                try:
                    await runtime.models.embedder(info.model)
                except PermanentError as error:
                    _log.warning("model.missing", model=info.model, reason=str(error))
        await asyncio.sleep(_LOOK_FOR_MODELS_S)


def _app(
    runtime: Runtime,
    parts: frozenset[Part],
    following: Following,
    secrets: Mapping[str, Sequence[bytes]],
    answering: Answering,
) -> Litestar:
    """All that is answered over HTTP."""
    checks: dict[str, Check] = {"database": partial(_ping, runtime)}
    lesser: dict[str, Check] = {}
    handlers: list[ControllerRouterHandler] = []
    if Part.ANSWER in parts:
        page_at = partial(_page_at, runtime=runtime)
        if runtime.settings.ray.serve_url:
            lesser["questions"] = runtime.questions_ready
        handlers += routes(answering, page_at)
    if Part.FOLLOW in parts:
        checks["sources"] = following.ready
        store = partial(store_delivery, runtime=runtime, following=following)
        handlers += webhook_routes(secrets, store)
    if not runtime.transport.is_local and parts & {Part.FOLLOW, Part.CONSUME}:
        checks["broker"] = runtime.transport.ready
    if not runtime.transport.is_local and Part.CONSUME in parts:
        checks["joined"] = runtime.transport.joined
    return make_app(
        routes=handlers,
        checks=checks,
        lesser=lesser,
        hosts=runtime.settings.api.hosts,
        metrics_registry=following.metrics.registry,
    )


async def _page_at(url: str, *, runtime: Runtime) -> PageResponse | None:
    page = await runtime.store.search.page_at(url)
    return shown_page(page) if page else None


async def _ping(runtime: Runtime) -> str | None:
    await runtime.store.database.ping()
    return None


def _secrets(settings: Settings, env: Mapping[str, str]) -> dict[str, Sequence[bytes]]:
    """The webhook secrets by source; several in one variable, apart by spaces, are valid side by side.

    Raises: BadConfiguration when a variable that is named is empty or not set.
    """
    secrets: dict[str, Sequence[bytes]] = {}
    for source in settings.source:
        variable = source.webhook_secret_env
        if variable:
            secrets[source.name] = [secret.encode() for secret in env.get(variable, "").split()]
            if not secrets[source.name]:
                raise BadConfiguration(
                    f"source {source.name}: the variable {variable} is empty or not set"
                )
    return secrets
