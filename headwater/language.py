"""The language models of a process, opened from the configuration."""

import time
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from pathlib import Path

from api.adapters.llm import OpenAiModel
from api.adapters.router_file import configured_router
from api.core.ground import Grounding, GroundLimits
from api.core.ports import Meter, Rerank, SilentMeter
from api.core.route import Routing
from api.handlers import Answering, Composing
from api.main import make_answering, make_composing, open_models
from api.settings import LlmSettings
from headwater.config_hash import config_hash
from headwater.reranking import open_reranker, reranked
from headwater.runtime import Runtime
from headwater.settings import Settings
from index.adapters.postgres.commits import PostgresCommits
from index.adapters.postgres.conversations import PostgresConversations
from index.adapters.postgres.deliveries import PostgresDeliveries
from index.handlers import CommitWaiter
from schemas.errors import BadConfiguration


@dataclass(frozen=True, slots=True)
class Language:
    """The models that are open, what composes with them, and what reranks; None where nothing does."""

    models: Sequence[OpenAiModel]
    composing: Composing | None
    rerank: Rerank | None = None


def llm_keys(settings: Settings, env: Mapping[str, str]) -> dict[str, str]:
    """The secret of each role that has one. Raises: BadConfiguration when there is none where it is said to be."""
    keys = {}
    for llm in settings.llm:
        if llm.api_key_env:
            keys[llm.role] = env.get(llm.api_key_env, "").strip()
            if not keys[llm.role]:
                raise BadConfiguration(
                    f"llm {llm.role}: the variable {llm.api_key_env} is empty or not set"
                )
        elif llm.api_key_file:
            keys[llm.role] = _key_in(llm)
    return keys


def _key_in(llm: LlmSettings) -> str:
    try:
        key = Path(llm.api_key_file).read_text("utf-8").strip()
    except (OSError, ValueError) as error:
        why = error.strerror if isinstance(error, OSError) else "it is no text"
        raise BadConfiguration(f"llm {llm.role}: no key in {llm.api_key_file}: {why}") from error
    if not key:
        raise BadConfiguration(f"llm {llm.role}: no key in {llm.api_key_file}: it is empty")
    return key


@asynccontextmanager
async def open_language(
    settings: Settings, keys: Mapping[str, str], meter: Meter
) -> AsyncIterator[Language]:
    """The configured models while the block runs; nothing is asked of them yet."""
    async with AsyncExitStack() as stack:
        models = open_models(settings.llm, keys, stack)
        router = configured_router(settings.router)
        composing = make_composing(
            models,
            settings.answer,
            ground=partial(Grounding, limits=GroundLimits()),
            configuration=config_hash(settings, router=router),
            routing=Routing(settings.router, router),
            meter=meter,
        )
        yield Language(models, composing, await open_reranker(settings, models, meter))


@asynccontextmanager
async def open_retrieval(runtime: Runtime, env: Mapping[str, str]) -> AsyncIterator[Answering]:
    """What retrieves for a command that composes nothing: a language model is opened only where one reranks."""
    settings, meter = runtime.settings, SilentMeter()
    if not settings.retrieval.reranker:
        yield answering_of(runtime, Language((), None), meter)
        return
    async with open_language(settings, llm_keys(settings, env), meter) as language:
        yield answering_of(runtime, language, meter)


def answering_of(runtime: Runtime, language: Language, meter: Meter) -> Answering:
    """What this process answers with."""
    settings = runtime.settings
    kept = settings.conversation
    conversations = PostgresConversations(
        runtime.store.database, turns=kept.turns, age=timedelta(hours=kept.hours)
    )
    return make_answering(
        reranked(runtime.search, language.rerank, settings),
        settings.answer,
        composing=language.composing,
        conversations=conversations,
        meter=meter,
        synonyms=runtime.searcher.steering.synonyms,
        glance=runtime.search,
        wait=_waiter(runtime),
        versions={source.name: source.version for source in settings.source if source.version},
    )


def _waiter(runtime: Runtime) -> CommitWaiter:
    """What all questions of this process wait for commits with."""
    store = runtime.store
    commits = PostgresCommits(store.database, store.search)
    ask = PostgresDeliveries(store.database).ask
    return CommitWaiter(commits, time.monotonic, ask=ask)
