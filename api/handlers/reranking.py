"""Having what was found put in another order, in one bounded call, or left as it is."""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import takewhile

import structlog
from msgspec.structs import replace

from api.core.draft import total_usage
from api.core.ports import Meter, Model, Rerank, Search
from api.core.rerank import in_order, order_tokens, read_order, rerank_messages
from api.core.tokens import MESSAGE_TOKENS, most_tokens
from schemas.answers import NOTHING_USED, Hit, SearchResponse, Usage
from schemas.errors import ContextTooLong, ModelUnavailable, RerankerUnavailable

_log = structlog.get_logger()

NOT_RERANKED = "not_reranked"


@dataclass(frozen=True, slots=True)
class RerankedSearch:
    """`api.core.ports.Search` whose best `top` hits are put in another order, which may take `within_s`.

    Where that fails they stay as they were found, and the response says so, if nothing worse has befallen it. A curated
    answer that won stays the first.
    """

    search: Search
    rerank: Rerank
    top: int
    within_s: float

    async def __call__(
        self, question: str, *, k: int, sources: Sequence[str] | None, paths: Sequence[str] = ()
    ) -> SearchResponse:
        """See `Search`."""
        most = max(k, self.top)
        found = await self.search(question, k=most, sources=sources, paths=paths)
        spent: list[Usage] = []
        curated = list(takewhile(lambda hit: hit.pinned, found.hits))
        head, rest = found.hits[len(curated) : self.top], found.hits[self.top :]
        order = await self._order(question, head, spent) if len(head) > 1 else ()
        ordered = head if order is None else in_order(head, order)
        return replace(
            found,
            hits=[*curated, *ordered, *rest][:k],
            degraded=found.degraded or (NOT_RERANKED if order is None else None),
            usage=_total(spent),
        )

    async def _order(
        self, question: str, hits: Sequence[Hit], spent: list[Usage]
    ) -> Sequence[int] | None:
        try:
            async with asyncio.timeout(self.within_s):
                return await self.rerank(question, hits, spent.append)
        except (RerankerUnavailable, ModelUnavailable, ContextTooLong, TimeoutError) as error:
            _log.warning("search.not_reranked", reason=str(error) or "it took too long")
            return None


@dataclass(frozen=True, slots=True)
class ModelReranker:
    """`api.core.ports.Rerank` by a language model, listwise. `boundary` makes a mark by chance."""

    model: Model
    boundary: Callable[[], str]
    meter: Meter

    async def __call__(
        self, question: str, hits: Sequence[Hit], spend: Callable[[Usage], None]
    ) -> Sequence[int]:
        """See `Rerank`."""
        if not self.model.is_up:
            raise RerankerUnavailable(f"the language model for {self.model.role} is away")
        shown = await self._fitting(question, hits)
        written, most = "", order_tokens(len(shown))
        messages = rerank_messages(question, shown, boundary=self.boundary())
        async with self.model.reply(messages, max_tokens=most) as reply:
            try:
                async for text in reply:
                    written += text
            finally:
                spend(reply.spent)
                self.meter.spent(role=self.model.role, usage=reply.spent)
        order = read_order(written, len(shown))
        if order is None:
            raise RerankerUnavailable(
                "the language model replied with something else than an order"
            )
        return order

    async def _fitting(self, question: str, hits: Sequence[Hit]) -> Sequence[Hit]:
        """The first of the hits, as many as the model takes."""
        room = self.model.limits.prompt_tokens
        while True:
            messages = rerank_messages(question, hits, boundary=self.boundary())
            texts = [message.content for message in messages]
            if most_tokens(texts) + MESSAGE_TOKENS * len(texts) <= room:
                return hits
            takes = sum(await self.model.count(texts)) + MESSAGE_TOKENS * len(texts)
            if takes <= room:
                return hits
            fewer = min(len(hits) - 1, len(hits) * room // takes)
            if fewer < 2:
                raise RerankerUnavailable("the language model takes no two sections at once")
            hits = hits[:fewer]


def _total(spent: Sequence[Usage]) -> Usage | None:
    usage = NOTHING_USED
    for one in spent:
        usage = total_usage(usage, one)
    return usage if spent else None
