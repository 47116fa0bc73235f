"""What answering asks of the outside."""

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import Protocol

from api.core.context import Block
from api.core.ground import Released
from api.core.prompt import Message
from schemas.answers import Hit, PageResponse, SearchResponse, Turn, Usage

PageAt = Callable[[str], Awaitable[PageResponse | None]]
"""The indexed page published at a URL that has no anchor, or None."""


class Search(Protocol):
    """Retrieval over the live index."""

    async def __call__(
        self, question: str, *, k: int, sources: Sequence[str] | None, paths: Sequence[str] = ()
    ) -> SearchResponse:
        """Find at most `k` chunks, best first, and the state they reflect, in one snapshot.

        `sources` None means all of them, no `paths` all pages, see `index.core.paths`.
        Raises: UnknownSource, StoreUnavailable.
        """
        ...


class WaitForCommits(Protocol):
    """Waiting until the index reflects what a request demands."""

    async def __call__(self, wanted: Mapping[str, str]) -> None:
        """Return once every search has those commits: the first digits of one by source.

        Raises: CommitNotSearchable after a while; UnknownSource; BadQuestion where the digits are those of several
        commits; StoreUnavailable.
        """
        ...


class Rerank(Protocol):
    """Orders hits by how well they answer."""

    async def __call__(
        self, question: str, hits: Sequence[Hit], spend: Callable[[Usage], None], /
    ) -> Sequence[int]:
        """The places of hits, from 0, the best first; what is left out follows. `spend` hears what a model took.

        Raises: RerankerUnavailable, ModelUnavailable, ContextTooLong.
        """
        ...


@dataclass(frozen=True, slots=True)
class ModelLimits:
    """What a model takes: `window_tokens` of prompt and answer together, as far as that is known."""

    window_tokens: int
    context_tokens: int
    output_tokens: int

    @property
    def prompt_tokens(self) -> int:
        """The most that a prompt may have."""
        return min(self.context_tokens, self.window_tokens - self.output_tokens)


class Reply(Protocol):
    """What a model replies, as it comes."""

    @property
    def spent(self) -> Usage:
        """What it has taken so far: estimated until the model tells, which it does at the end."""
        ...

    @property
    def is_cut(self) -> bool:
        """Whether it ended at the limit of its length, in the middle of a sentence perhaps."""
        ...

    def __aiter__(self) -> AsyncIterator[str]:
        """The text in pieces. Raises: ModelUnavailable, ContextTooLong."""
        ...


class Model(Protocol):
    """A language model behind a role."""

    @property
    def role(self) -> str:
        """Its role in the configuration."""
        ...

    @property
    def name(self) -> str:
        """What it is called in answers."""
        ...

    @property
    def limits(self) -> ModelLimits:
        """As known at the moment: a server tells when it is first asked, or when it was sent too much."""
        ...

    @property
    def is_up(self) -> bool:
        """False while it is known not to answer: nobody is to wait for it."""
        ...

    async def count(self, texts: Sequence[str]) -> Sequence[int]:
        """The tokens of each text, or an estimate that is seldom passed."""
        ...

    def reply(
        self, messages: Sequence[Message], *, max_tokens: int | None = None
    ) -> AbstractAsyncContextManager[Reply]:
        """Ask; leaving the block ends the reply at the model too."""
        ...


class Grounding(Protocol):
    """Releases what of a model's text the blocks hold, see `api.core.ground`."""

    @property
    def is_over(self) -> bool:
        """So much was withheld that composing is to stop."""
        ...

    def feed(self, text: str) -> Sequence[Released]:
        """What may leave now."""
        ...

    def finish(self) -> Sequence[Released]:
        """What may leave at the end."""
        ...


Ground = Callable[[Sequence[Block]], Grounding]
"""Begins to ground one answer in the blocks that it is composed from."""


class Conversations(Protocol):
    """Questions and answers kept for those that follow, for a while and a number of turns."""

    async def past(self, conversation_id: str) -> Sequence[Turn]:
        """The last turns, oldest first; none where the id is not known. Raises: StoreUnavailable."""
        ...

    async def add(self, conversation_id: str, turn: Turn) -> None:
        """Keep a turn. Raises: StoreUnavailable."""
        ...


class Meter(Protocol):
    """Counts what answering does; never fails and never waits."""

    def stage(self, name: str, seconds: float) -> None:
        """A stage of one query (`search`, `first_text`, `compose` or `total`) took this long."""
        ...

    def answered(self, *, route: str, refused: bool) -> None:
        """One answer left by `route`."""
        ...

    def spent(self, *, role: str, usage: Usage) -> None:
        """The model of `role` took this for one reply, whatever became of that."""
        ...


class SilentMeter:
    """A meter for callers that count nothing."""

    def stage(self, name: str, seconds: float) -> None:
        """Forget it."""

    def answered(self, *, route: str, refused: bool) -> None:
        """Forget it."""

    def spent(self, *, role: str, usage: Usage) -> None:
        """Forget it."""
