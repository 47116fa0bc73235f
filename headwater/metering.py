"""What indexing costs: texts embedded, rows written, seconds in each, counted at the ports."""

import time
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from index.core.plan import Outcome, PagePlan, StoredPage
from index.core.ports import PageStore
from schemas.ids import Generation, PageId, TextHash


@dataclass(frozen=True, slots=True)
class Ears:
    """Who hears of each text as it is embedded, or found to have its vector already."""

    embedded: Callable[[int], None] = lambda _: None
    reused: Callable[[int], None] = lambda _: None


@dataclass(slots=True)
class Cost:
    """A running total; subtract two to know what happened between them."""

    texts_embedded: int = 0
    chunks_written: int = 0
    embed_s: float = 0.0
    write_s: float = 0.0
    ears: Ears = Ears()

    def since(self, before: "Cost") -> "Cost":
        """What was added after `before` was copied."""
        return Cost(
            self.texts_embedded - before.texts_embedded,
            self.chunks_written - before.chunks_written,
            self.embed_s - before.embed_s,
            self.write_s - before.write_s,
        )

    def copy(self) -> "Cost":
        """The total as of now."""
        return Cost(self.texts_embedded, self.chunks_written, self.embed_s, self.write_s)


class MeteredEmbed:
    """An `Embed` that adds to a cost; time in which several calls run at once counts once."""

    def __init__(
        self, embed: Callable[[Sequence[str]], Awaitable[NDArray[np.float32]]], cost: Cost
    ) -> None:
        self._embed = embed
        self._cost = cost
        self._calls = 0
        self._since_s = 0.0

    async def __call__(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """See `Embed`."""
        if not self._calls:
            self._since_s = time.perf_counter()
        self._calls += 1
        try:
            vectors = await self._embed(texts)
        finally:
            self._calls -= 1
            if not self._calls:
                self._cost.embed_s += time.perf_counter() - self._since_s
        self._cost.texts_embedded += len(texts)
        self._cost.ears.embedded(len(texts))
        return vectors


class MeteredPages:
    """A `PageStore` that adds to a cost."""

    def __init__(self, pages: PageStore, cost: Cost) -> None:
        self._pages = pages
        self._cost = cost

    async def page(self, generation: Generation, page_id: PageId) -> StoredPage | None:
        """See `PageStore.page`."""
        return await self._pages.page(generation, page_id)

    async def pages(
        self, generation: Generation, page_ids: Collection[PageId]
    ) -> Mapping[PageId, StoredPage]:
        """See `PageStore.pages`."""
        return await self._pages.pages(generation, page_ids)

    async def without_vector(
        self, generation: Generation, hashes: Sequence[TextHash]
    ) -> set[TextHash]:
        """See `PageStore.without_vector`."""
        missing = await self._pages.without_vector(generation, hashes)
        self._cost.ears.reused(len(hashes) - len(missing))
        return missing

    async def add_vectors(
        self, generation: Generation, hashes: Sequence[TextHash], vectors: NDArray[np.float32]
    ) -> None:
        """See `PageStore.add_vectors`."""
        start_s = time.perf_counter()
        await self._pages.add_vectors(generation, hashes, vectors)
        self._cost.write_s += time.perf_counter() - start_s

    async def apply(self, generation: Generation, plan: PagePlan) -> Outcome:
        """See `PageStore.apply`."""
        start_s = time.perf_counter()
        outcome = await self._pages.apply(generation, plan)
        self._cost.write_s += time.perf_counter() - start_s
        if outcome is Outcome.APPLIED:
            self._cost.chunks_written += len(plan.chunks)
        return outcome
