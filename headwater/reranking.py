"""The reranker that the configuration names."""

import asyncio
import secrets
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from api.core.ports import Meter, Model, Rerank, Search
from api.core.rerank import shown_of
from api.handlers import ModelReranker, RerankedSearch
from headwater.settings import CROSS_ENCODER, LANGUAGE_MODEL, Settings
from schemas.answers import Hit, Usage

if TYPE_CHECKING:  # it imports torch
    from index.adapters.embed.cross_encoder import TextScorer

_BOUNDARY_BYTES = 6


class CrossReranker:
    """`api.core.ports.Rerank` by a cross-encoder, which takes no tokens that anybody pays for."""

    def __init__(self, scorer: "TextScorer") -> None:
        self._scorer = scorer

    async def __call__(
        self, question: str, hits: Sequence[Hit], _spend: Callable[[Usage], None]
    ) -> Sequence[int]:
        """See `Rerank`. Equal scores leave the order as it was."""
        scores = await self._scorer.scores(question, [shown_of(hit) for hit in hits])
        return [int(place) for place in np.argsort(-scores, kind="stable")]


async def open_reranker(settings: Settings, models: Sequence[Model], meter: Meter) -> Rerank | None:
    """What `[retrieval] reranker` names, loaded in a thread; None where it names nothing. Raises: BadConfiguration."""
    kind, _, name = settings.retrieval.reranker.partition(":")
    if kind == LANGUAGE_MODEL:
        model = next(model for model in models if model.role == name)
        return ModelReranker(model, lambda: secrets.token_hex(_BOUNDARY_BYTES), meter)
    if kind == CROSS_ENCODER:
        from index.adapters.embed.cross_encoder import load_scorer

        embedding = settings.embedding
        cache = Path(embedding.cache)
        return CrossReranker(
            await asyncio.to_thread(load_scorer, name, device=embedding.device, cache_dir=cache)
        )
    return None


def reranked(search: Search, rerank: Rerank | None, settings: Settings) -> Search:
    """A search whose best hits are put in order by `rerank`, where there is one."""
    if rerank is None:
        return search
    retrieval = settings.retrieval
    return RerankedSearch(search, rerank, retrieval.rerank_top, retrieval.rerank_s)
