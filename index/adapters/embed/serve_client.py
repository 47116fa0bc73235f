"""Embedding questions through the HTTP proxy of Ray Serve; this process needs no Ray for it."""

import asyncio

import httpx
import numpy as np
from numpy.typing import NDArray

from index.core.embedding import check_vectors
from schemas.errors import BadVectors, EmbedderUnavailable

MODEL_HEADER = "x-headwater-model"
_FLOAT_BYTES = 4
_PAUSE_S = 1.0
"""After an answer that did not come in time, so long is not asked again: each question would wait as long."""


def route_of(model_hash: str) -> str:
    """Where the proxy answers for a model."""
    return f"/headwater/questions/{model_hash[:16]}"


class ServeClient:
    """Asks Ray Serve at `url`, at most `timeout_s` a question."""

    def __init__(self, url: str, *, timeout_s: float) -> None:
        self._url = url.rstrip("/")
        self._timeout_s = timeout_s
        self._not_before_s = 0.0
        self._client = httpx.AsyncClient(timeout=timeout_s, trust_env=False)

    async def embed_query(self, text: str, *, model_hash: str, dim: int) -> NDArray[np.float32]:
        """Embed as a question; shape (dim,). Raises: EmbedderUnavailable, whatever the reason."""
        if asyncio.get_running_loop().time() < self._not_before_s:
            raise EmbedderUnavailable("Ray Serve has just been too slow")
        answer = await self._ask("POST", model_hash, text.encode())
        if len(answer.content) % _FLOAT_BYTES:
            raise EmbedderUnavailable(f"Ray Serve: {len(answer.content)} bytes are no vector")
        vectors = np.frombuffer(answer.content, dtype="<f4").astype(np.float32)[np.newaxis]
        try:
            check_vectors(vectors, count=1, dim=dim)
        except BadVectors as error:
            raise EmbedderUnavailable(f"Ray Serve: {error}") from error
        vector: NDArray[np.float32] = vectors[0]
        return vector

    async def ready(self, model_hash: str) -> str | None:
        """Why it cannot embed questions with a model, None when it can."""
        try:
            await self._ask("GET", model_hash)
        except EmbedderUnavailable as error:
            return error.reason
        return None

    async def close(self) -> None:
        """Let go of connections."""
        await self._client.aclose()

    async def _ask(self, method: str, model_hash: str, body: bytes = b"") -> httpx.Response:
        """An answer by that very model. Raises: EmbedderUnavailable."""
        url = f"{self._url}{route_of(model_hash)}"
        try:
            async with asyncio.timeout(self._timeout_s):
                answer = await self._client.request(method, url, content=body)
        except (TimeoutError, httpx.TimeoutException) as error:
            self._not_before_s = asyncio.get_running_loop().time() + _PAUSE_S
            raise EmbedderUnavailable(
                f"Ray Serve: no answer within {self._timeout_s:g} s"
            ) from error
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            raise EmbedderUnavailable(f"Ray Serve: {type(error).__name__}: {error}") from error
        if answer.status_code == httpx.codes.NOT_FOUND:
            raise EmbedderUnavailable(f"Ray Serve does not hold the model {model_hash[:16]}")
        if not answer.is_success:
            raise EmbedderUnavailable(f"Ray Serve answered {answer.status_code}")
        if (named := answer.headers.get(MODEL_HEADER)) != model_hash:
            raise EmbedderUnavailable(f"Ray Serve holds the model {named}, not {model_hash}")
        return answer
