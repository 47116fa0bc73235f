"""Filling the vectors of a first load or a new generation, so that its pages find nothing left to embed."""

from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from contextlib import aclosing
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from index.core.embedding import check_vectors
from index.core.pages import ReadPage
from index.core.plan import texts_of
from index.core.ports import PageStore
from index.core.prefill import Distinct, EmbedBulk, Texts, longest_first
from schemas.ids import Generation, TextHash

_WINDOW_TEXTS = 1024


@dataclass(frozen=True, slots=True)
class Prefiller:
    """What filling works with. Fewer than `at_least` texts without a vector are left to the ordinary way."""

    generation: Generation
    dim: int
    at_least: int
    store: PageStore
    embed: EmbedBulk


@dataclass(slots=True)
class Filled:
    """How many vectors have been committed so far, also when filling stops short."""

    texts: int = 0


async def prefill(pages: AsyncIterator[ReadPage], to: Prefiller, filled: Filled) -> None:
    """Embed and commit the distinct texts of `pages` that have no vector; pages themselves are not touched.

    Idempotent, and safe to break off anywhere. Raises: EmbedderUnavailable, BadVectors, StoreUnavailable.
    """

    async def take(hashes: Sequence[TextHash], vectors: NDArray[np.float32]) -> None:
        check_vectors(vectors, count=len(hashes), dim=to.dim)
        await to.store.add_vectors(to.generation, hashes, vectors)
        filled.texts += len(hashes)

    async with aclosing(_windows(pages, to)) as windows:
        first: list[tuple[TextHash, str]] = []
        async for window in windows:
            first += window
            if len(first) >= to.at_least:
                break
        if len(first) >= to.at_least:
            async with aclosing(_chained(first, windows)) as texts:
                await to.embed(texts, take)


async def _chained(first: Texts, rest: AsyncIterator[Texts]) -> AsyncGenerator[Texts, None]:
    yield longest_first(first)
    async for window in rest:
        yield longest_first(window)


async def _windows(pages: AsyncIterator[ReadPage], to: Prefiller) -> AsyncGenerator[Texts, None]:
    """The texts that lack a vector, so many at a time that it is worth asking the store for them."""
    distinct = Distinct()
    gathered: dict[TextHash, str] = {}
    async for page in pages:
        gathered |= distinct.new_of(dict(texts_of(page)))
        if len(gathered) >= _WINDOW_TEXTS:
            yield await _missing(gathered, to)
            gathered = {}
    yield await _missing(gathered, to)


async def _missing(texts: dict[TextHash, str], to: Prefiller) -> Texts:
    missing = await to.store.without_vector(to.generation, list(texts))
    return [(key, text) for key, text in texts.items() if key in missing]
