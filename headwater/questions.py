"""Embedding questions with the model of the generation that answers, which may not be the configured one."""

import asyncio
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from headwater.models import Models, model_hash_of
from index.adapters.postgres.generations import PostgresGenerations
from index.core.generations import GenerationInfo
from index.core.ports import QueryVector
from schemas.errors import EmbedderUnavailable, ModelChanged


@dataclass(slots=True)
class QuestionEmbedder:
    """`index.handlers.search.EmbedQuery`: embeds for the last live generation while it looks which one is."""

    models: Models
    generations: PostgresGenerations
    _last: GenerationInfo | None = None

    async def __call__(self, question: str) -> QueryVector:
        """Raises: EmbedderUnavailable where the files of the model are no longer those that it was built with."""
        guess = self._last
        if guess is None:
            live = await self._live()
        else:
            vector, live = await asyncio.gather(self._embed(question, guess), self._live())
            if live == guess:
                return QueryVector(vector, guess.generation)
        self._last = live
        return QueryVector(await self._embed(question, live), live.generation if live else None)

    async def _live(self) -> GenerationInfo | None:
        return next((info for info in await self.generations.generations() if info.is_live), None)

    async def _embed(self, question: str, info: GenerationInfo | None) -> NDArray[np.float32]:
        elsewhere = self.models.questions()
        if elsewhere is not None:
            if info is None:
                raise EmbedderUnavailable("nothing is indexed yet")
            model_hash = model_hash_of(info.fingerprint)
            return await elsewhere.embed_query(question, model_hash=model_hash, dim=info.dim)
        embedder = await self.models.embedder(
            info.model if info else self.models.settings.embedding.model
        )
        if info is not None and not await self.models.is_unchanged(info):
            raise EmbedderUnavailable(str(ModelChanged(info.model)))
        return await embedder.embed_query(question)
