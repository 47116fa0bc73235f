"""One embedder for index and questions: batches by length, questions first, all vectors checked."""

import asyncio
from collections.abc import Sequence
from concurrent.futures import Future
from functools import partial
from types import TracebackType

import numpy as np
from numpy.typing import NDArray

from index.adapters.embed.lanes import Lanes, Turn
from index.adapters.embed.measure import Runtime
from index.adapters.embed.models import ModelInfo
from index.core.embedding import batches_by_length, check_vectors
from schemas.errors import BadVectors, EmbedderUnavailable

_PROBE = "a word "


class Embedder:
    """Embeds with one loaded model. Fulfils `index.core.embedding.Embed`."""

    def __init__(self, model: ModelInfo, runtime: Runtime, *, why: str = "") -> None:
        self.model = model
        self.runtime = f"{runtime.plan} ({why})" if why else str(runtime.plan)
        self._loaded = runtime
        self._lanes = Lanes(runtime.plan.lanes, name="embed")

    async def __call__(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """The port: `embed_texts`."""
        return await self.embed_texts(texts)

    async def embed_texts(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Embed as documents; shape (n, dim), in the order of texts.

        Cancelled, what has not begun is dropped.

        Raises: EmbedderUnavailable; BadVectors, also when one text alone always fails.
        """
        batches = batches_by_length([len(text) for text in texts], self._loaded.plan.batch)
        given = [[texts[at] for at in batch] for batch in batches]
        queued = [self._submit(some, Turn.INDEXING) for some in given]
        vectors = np.empty((len(texts), self.model.dim), dtype=np.float32)
        try:
            for batch, some, future in zip(batches, given, queued, strict=True):
                vectors[batch] = await self._vectors(some, future)
        finally:
            for future in queued:
                future.cancel()
        return vectors

    async def embed_query(self, text: str) -> NDArray[np.float32]:
        """Embed as a question, ahead of all indexing that has not begun; shape (dim,).

        Raises: EmbedderUnavailable, BadVectors.
        """
        future = self._submit([text], Turn.QUESTION)
        vector: NDArray[np.float32] = (await self._checked(future, 1))[0]
        return vector

    def close(self) -> None:
        """Finish what has begun and free the threads; embedding afterwards raises. Idempotent."""
        self._lanes.close()

    async def __aenter__(self) -> "Embedder":
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await asyncio.to_thread(self.close)

    async def _vectors(
        self, texts: list[str], future: "Future[NDArray[np.float32]]"
    ) -> NDArray[np.float32]:
        """What `future` brings; when it fails, the halves of the batch, down to the text that is to blame.

        Whether it is the texts or the device is told by another text, as long as the longest of them.
        """
        try:
            return await self._checked(future, len(texts))
        except EmbedderUnavailable as error:
            probe = (_PROBE * len(texts[0]))[: len(texts[0])]
            await self._checked(self._submit([probe], Turn.INDEXING), 1)
            if len(texts) == 1:
                raise BadVectors(
                    f"none for a text that begins {texts[0][:40]!r}: {error.reason}"
                ) from error
        middle = len(texts) // 2
        halves = [texts[:middle], texts[middle:]]
        found = [await self._vectors(half, self._submit(half, Turn.INDEXING)) for half in halves]
        return np.concatenate(found)

    def _submit(self, texts: list[str], turn: Turn) -> "Future[NDArray[np.float32]]":
        try:
            work = partial(self._loaded.encode, texts, is_query=turn is Turn.QUESTION)
            return self._lanes.submit(work, turn=turn)
        except RuntimeError as error:
            raise EmbedderUnavailable("it has been closed") from error

    async def _checked(
        self, future: "Future[NDArray[np.float32]]", count: int
    ) -> NDArray[np.float32]:
        try:
            vectors = await asyncio.wrap_future(future)
        except Exception as error:  # a runtime raises bare errors of many kinds, memory among them
            raise EmbedderUnavailable(f"{type(error).__name__}: {error}") from error
        check_vectors(vectors, count=count, dim=self.model.dim)
        return vectors
