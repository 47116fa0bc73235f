"""A deterministic embedder for tests: texts that share words are near, and nothing is loaded."""

import hashlib
import re
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from index.adapters.embed.models import ModelInfo
from index.core.embedding import unit_vectors

_WORD = re.compile(r"\w+")


class HashedEmbedder:
    """Counts words into `dim` signed buckets. Fulfils the `Embed` port, as `Embedder` does.

    `embedded` lists the texts embedded so far, questions left out; a call that fails adds none.
    """

    def __init__(
        self,
        dim: int = 32,
        *,
        before: Callable[[Sequence[str]], None] | None = None,
        salt: str = "",
    ) -> None:
        """Take what to call `before` each embedding with its texts; it may raise.

        Vectors of another `salt` are those of another model: they do not go together.
        """
        self.model = ModelInfo(
            name=f"hashed-{dim}",
            folder=Path(),
            model_hash=hashlib.sha256(f"hashed-{dim}".encode()).hexdigest(),
            dim=dim,
            max_tokens=256,
            pooling="mean",
            normalise=True,
            query_prompt="",
            document_prompt="",
        )
        self.runtime = "hashed words"
        self.before = before
        self._salt = salt.encode()
        self.embedded: list[str] = []

    @property
    def texts_embedded(self) -> int:
        """How many texts were embedded, repeats included."""
        return len(self.embedded)

    async def __call__(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """The port: `embed_texts`."""
        return await self.embed_texts(texts)

    async def embed_texts(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Unit vectors, float32, shape (n, dim), in the order of texts."""
        if self.before is not None:
            self.before(texts)
        self.embedded.extend(texts)
        return self._vectors(texts)

    async def embed_query(self, text: str) -> NDArray[np.float32]:
        """One unit vector, shape (dim,): the same as that of an equal text."""
        if self.before is not None:
            self.before([text])
        vector: NDArray[np.float32] = self._vectors([text])[0]
        return vector

    def close(self) -> None:
        """Nothing is held."""

    def _vectors(self, texts: Sequence[str]) -> NDArray[np.float32]:
        counts = np.zeros((len(texts), self.model.dim), dtype=np.float32)
        for row, text in enumerate(texts):
            for word in _WORD.findall(text.lower()):
                digest = hashlib.blake2b(word.encode(), digest_size=8, key=self._salt).digest()
                sign = 1.0 if digest[0] & 1 else -1.0
                counts[row, int.from_bytes(digest[1:]) % self.model.dim] += sign
        counts[~counts.any(axis=1), 0] = 1.0  # no words, or words that cancel out
        return unit_vectors(counts)
