"""Filling vectors ahead of a load: which texts go ahead of their pages, and whether they are enough to bother."""

from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping, Sequence
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from schemas.ids import TextHash

Texts = Sequence[tuple[TextHash, str]]
"""Texts by their hashes, as they are embedded."""

Take = Callable[[Sequence[TextHash], NDArray[np.float32]], Awaitable[None]]
"""Takes vectors, float32 of shape (n, dim), in the order of their hashes."""


_LEAST_TEXT_BYTES = 200
"""What a text takes of its source at the very least, on the whole; in the documentation of Ray it is 939 bytes."""


def may_hold(texts: int, size_bytes: int) -> bool:
    """Whether files of `size_bytes` may hold so many texts: to know for certain they have to be read."""
    return size_bytes >= texts * _LEAST_TEXT_BYTES


class EmbedBulk(Protocol):
    """Embeds a stream of texts with all that a cluster has."""

    async def __call__(self, texts: AsyncIterator[Texts], take: Take) -> None:
        """Draw texts as they can be worked on, and hand vectors to `take` as they come, in any order.

        Texts that cannot be embedded are left out. Cancelled, it leaves nothing running.
        Raises: EmbedderUnavailable, when it stops short; what `take` and `texts` raise.
        """
        ...


class Distinct:
    """Passes each text once. It remembers hashes, not texts."""

    def __init__(self) -> None:
        self._seen: set[TextHash] = set()

    def new_of(self, texts: Mapping[TextHash, str]) -> dict[TextHash, str]:
        """Those not passed before."""
        new = {key: text for key, text in texts.items() if key not in self._seen}
        self._seen.update(new)
        return new


def longest_first(texts: Iterable[tuple[TextHash, str]]) -> Texts:
    """In an order in which neighbours are of like length, so that little is padded; ties by hash."""
    return sorted(texts, key=lambda pair: (-len(pair[1]), pair[0]))
