"""The query API over a real socket, with one language model behind it and an index that finds one thing."""

import asyncio
import json
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import timedelta

import httpx
from msgspec.structs import replace

from api.adapters.llm import OpenAiModel
from api.core.ground import Grounding
from api.core.ports import Search
from api.handlers import ModelReranker, RerankedSearch
from api.main import make_answering, make_composing, open_models
from api.main import routes as api_routes
from api.settings import AnswerSettings, LlmSettings
from headwater.http import make_app
from headwater.metrics import QueryMeter, make_metrics
from headwater.server import bind, serve_on
from index.adapters.memory_conversations import MemoryConversations
from schemas.answers import PageResponse, SearchResponse
from schemas.errors import StoreUnavailable
from tests.support.model_double import Double
from tests.support.models import HIT


async def found(
    question: str, *, k: int, sources: Sequence[str] | None, paths: Sequence[str] = ()
) -> SearchResponse:
    if "outage" in question:
        raise StoreUnavailable("gone")
    return SearchResponse(question=question, hits=[HIT], as_of={})


async def no_page(url: str) -> PageResponse | None:
    return None


class Served:
    """A running app with one model behind it."""

    def __init__(self, client: httpx.AsyncClient, models: Sequence[OpenAiModel]) -> None:
        self.client = client
        self.models = models

    async def metric(self, name: str) -> float:
        text = (await self.client.get("/metrics")).text
        return next(
            (float(line.rsplit(" ", 1)[1]) for line in text.splitlines() if line.startswith(name)),
            0.0,
        )


async def found_two(
    question: str, *, k: int, sources: Sequence[str] | None, paths: Sequence[str] = ()
) -> SearchResponse:
    other = replace(HIT, url=f"{HIT.url}?again")
    return replace(await found(question, k=k, sources=sources, paths=paths), hits=[HIT, other])


@asynccontextmanager
async def served(
    double: Double, *, rerank_s: float | None = None, **more: object
) -> AsyncIterator[Served]:
    """Serve until left; with `rerank_s` the model also reranks, for as long."""
    llms = [
        LlmSettings(role="cheap", base_url=double.base_url, model="double", **more)  # type: ignore[arg-type]
    ]
    metrics = make_metrics()
    meter = QueryMeter(metrics)
    stop = asyncio.Event()
    async with AsyncExitStack() as stack:
        models = open_models(llms, {}, stack)
        composing = make_composing(models, AnswerSettings(), ground=Grounding, meter=meter)
        search: Search = found
        if rerank_s is not None:
            rerank = ModelReranker(models[0], lambda: "b0b0b0", meter)
            search = RerankedSearch(found_two, rerank, 20, rerank_s)
        talks = MemoryConversations(turns=6, age=timedelta(hours=1))
        answering = make_answering(
            search, AnswerSettings(), composing=composing, conversations=talks, meter=meter
        )
        app = make_app(
            routes=api_routes(answering, no_page),
            checks={},
            hosts=(),
            metrics_registry=metrics.registry,
        )
        listening = stack.enter_context(bind("127.0.0.1", 0))
        group = await stack.enter_async_context(asyncio.TaskGroup())
        started = asyncio.Event()
        group.create_task(serve_on(listening, app, stop=stop, started=started.set))
        keeping = [group.create_task(model.keep()) for model in models]
        await started.wait()
        base = f"http://127.0.0.1:{listening.getsockname()[1]}"
        async with httpx.AsyncClient(base_url=base, timeout=60) as client:
            try:
                yield Served(client, models)
            finally:
                stop.set()
                for task in keeping:
                    task.cancel()


def parsed(text: str) -> list[tuple[str, dict[str, object]]]:
    """The names and data of server-sent events."""
    events = []
    for block in text.strip().split("\n\n"):
        name, data = block.split("\n")
        events.append((name.removeprefix("event: "), json.loads(data.removeprefix("data: "))))
    return events
