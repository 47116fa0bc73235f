"""Builds the query API: handlers bound to what they need, as routes."""

import secrets
import time
from collections.abc import Mapping, Sequence
from contextlib import AsyncExitStack
from datetime import UTC, datetime
from functools import partial
from types import MappingProxyType

from litestar.handlers import HTTPRouteHandler

from api.adapters.http import page_route, query_route, search_route
from api.adapters.llm import OpenAiModel
from api.core.kept import KeptAnswers
from api.core.ports import (
    Conversations,
    Ground,
    Meter,
    Model,
    PageAt,
    Search,
    SilentMeter,
    WaitForCommits,
)
from api.core.prompt import Persona
from api.core.route import JUDGE, Routing
from api.core.topics import topics_of
from api.handlers import (
    Answering,
    Composing,
    Talking,
    answer_events,
    find_page,
    refuse_to_wait,
    search_docs,
)
from api.settings import AnswerSettings, LlmSettings
from index.core.synonyms import Synonyms

_ID_BYTES = 24
_BOUNDARY_BYTES = 6


def routes(answering: Answering, page_at: PageAt) -> list[HTTPRouteHandler]:
    """POST /query, POST /search and GET /pages, for the process's one app."""
    return [
        query_route(partial(answer_events, answering=answering)),
        search_route(partial(search_docs, answering=answering)),
        page_route(partial(find_page, page_at=page_at)),
    ]


def make_answering(
    search: Search,
    settings: AnswerSettings,
    *,
    composing: Composing | None = None,
    conversations: Conversations | None = None,
    meter: Meter | None = None,
    synonyms: Synonyms = (),
    glance: Search | None = None,
    wait: WaitForCommits = refuse_to_wait,
    versions: Mapping[str, str] = MappingProxyType({}),
) -> Answering:
    """Everything that answers are made with, by the clock of this process."""
    return Answering(
        search,
        settings,
        meter or SilentMeter(),
        time.perf_counter,
        _now,
        composing=composing,
        talking=Talking(conversations, _new_id) if conversations is not None else None,
        topics=topics_of(settings.refuse_topics, synonyms),
        synonyms=synonyms,
        glance=glance,
        wait=wait,
        versions=versions,
    )


def make_composing(
    models: Sequence[Model],
    settings: AnswerSettings,
    *,
    ground: Ground,
    configuration: str = "",
    routing: Routing | None = None,
    meter: Meter | None = None,
) -> Composing | None:
    """What composes with `models`, in the order of their roles; None where there is none but a judge.

    `configuration` is a hash of all that an answer depends on beside its context.
    """
    composers = {model.role: model for model in models if model.role != JUDGE}
    if not composers:
        return None
    return Composing(
        composers,
        ground,
        partial(secrets.token_hex, _BOUNDARY_BYTES),
        KeptAnswers(settings.cached),
        meter or SilentMeter(),
        persona=_persona(settings),
        routing=routing or Routing(),
        configuration=configuration,
    )


def open_models(
    llms: Sequence[LlmSettings], keys: Mapping[str, str], stack: AsyncExitStack
) -> list[OpenAiModel]:
    """The configured models, closed with `stack`; `keys` has the secret of each role that has one."""
    models = []
    for settings in llms:
        model = OpenAiModel(settings, api_key=keys.get(settings.role, ""))
        stack.push_async_callback(model.close)
        models.append(model)
    return models


def _persona(settings: AnswerSettings) -> Persona:
    return Persona(
        settings.name.strip(), settings.language, settings.refuse_topics, settings.instructions
    )


def _now() -> datetime:
    return datetime.now(UTC)


def _new_id() -> str:
    return secrets.token_urlsafe(_ID_BYTES)
