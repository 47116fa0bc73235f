"""Models in memory that say what a test has them say, and an index that finds what it is given."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime

from api.core.ground import Grounding
from api.core.kept import KeptAnswers
from api.core.ports import Meter, ModelLimits, Search, SilentMeter
from api.core.prompt import Message
from api.handlers import Answering, Composing, Talking
from api.settings import AnswerSettings
from index.adapters.memory_conversations import MemoryConversations
from schemas.answers import NOTHING_USED, Hit, SearchResponse, Usage
from schemas.errors import ContextTooLong, ModelUnavailable

NOW = datetime(2024, 1, 1, tzinfo=UTC)
TEXT = "Actors keep their state between calls. A restarted actor loses its state. Set max_restarts to 3 at first."
HIT = Hit(
    url="https://docs.example.org/a.html",
    title="Actors",
    section="Actors › State",
    anchor="state",
    text=TEXT,
    score=1.0,
    source="docs",
    commit="c0ffee",
    similarity=0.8,
)
HELD = "Actors keep their state between calls [1]. A restarted actor loses its state [1]."
TOLD = "Actors keep their state between calls"


@dataclass
class Said:
    """What a model does when it is asked: the pieces, then the failure, if any."""

    pieces: Sequence[str] = ()
    failure: Exception | None = None
    is_cut: bool = False


class SaidReply:
    """A reply in memory."""

    def __init__(self, said: Said, usage: Usage) -> None:
        self._said = said
        self._left = iter(said.pieces)
        self.is_cut = said.is_cut
        self.spent = NOTHING_USED
        self._usage = usage

    def __aiter__(self) -> AsyncIterator[str]:
        return self

    async def __anext__(self) -> str:
        await asyncio.sleep(0)
        for piece in self._left:
            self.spent = self._usage
            return piece
        if self._said.failure is not None:
            raise self._said.failure
        self.spent = self._usage
        raise StopAsyncIteration


@dataclass
class MemoryModel:
    """A model that says `said`, one after the other, the last for ever."""

    role: str
    said: list[Said]
    name: str = "double"
    is_up: bool = True
    limits: ModelLimits = field(default_factory=lambda: ModelLimits(8_000, 4_000, 500))
    asked: list[Sequence[Message]] = field(default_factory=list)
    counted: int = 0

    async def count(self, texts: Sequence[str]) -> Sequence[int]:
        self.counted += 1
        return [len(text.split()) for text in texts]

    @asynccontextmanager
    async def reply(
        self, messages: Sequence[Message], *, max_tokens: int | None = None
    ) -> AsyncIterator[SaidReply]:
        self.asked.append(messages)
        said = self.said.pop(0) if len(self.said) > 1 else self.said[0]
        if isinstance(said.failure, ContextTooLong):
            self.limits = replace(self.limits, window_tokens=said.failure.window_tokens or 1_000)
        yield SaidReply(said, Usage(input_tokens=100, output_tokens=10, cost=0.5))


def model(role: str, *pieces: str, failure: Exception | None = None) -> MemoryModel:
    """A model that says this, whenever it is asked."""
    return MemoryModel(role, [Said(pieces, failure)])


def away(role: str) -> MemoryModel:
    """A model that does not answer."""
    return model(role, failure=ModelUnavailable(role, "it is away"))


class Index:
    """Finds the same for everything, and remembers what it was asked."""

    def __init__(self, *hits: Hit) -> None:
        self.hits = list(hits) or [HIT]
        self.asked: list[str] = []

    async def search(
        self, question: str, *, k: int, sources: Sequence[str] | None, paths: Sequence[str] = ()
    ) -> SearchResponse:
        self.asked.append(question)
        return SearchResponse(question=question, hits=self.hits, as_of={})


def answering(
    *models: MemoryModel,
    search: Search | None = None,
    meter: Meter | None = None,
    settings: AnswerSettings | None = None,
    conversations: MemoryConversations | None = None,
) -> Answering:
    """Everything that an answer is made with, in memory; ids are counted."""
    ids = iter(f"conversation-{n}" for n in range(1, 1_000))
    counted = meter or SilentMeter()
    composing = Composing(
        {one.role: one for one in models},
        Grounding,
        lambda: "b0b0b0",
        KeptAnswers(100),
        counted,
    )
    return Answering(
        search or Index().search,
        settings or AnswerSettings(),
        counted,
        lambda: 0.0,
        lambda: NOW,
        composing if models else None,
        Talking(conversations, lambda: next(ids)) if conversations is not None else None,
    )
