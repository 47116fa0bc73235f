"""Several reading children, so that the pages of one commit are read side by side."""

import os
from pathlib import Path
from typing import Self

from index.adapters.reading_child import ReadingChild
from index.core.chunks import ChunkLimits
from index.core.pages import ReadPage
from schemas.events import PageChanged

_MOST_CHILDREN = 4


class ReadingPool:
    """`index.core.ports.ReadEvent` over one child a core, four at most; each is started once all others are busy."""

    def __init__(
        self, tokenizer: Path, *, prompt: str, limits: ChunkLimits, timeout_s: float
    ) -> None:
        count = min(os.cpu_count() or 1, _MOST_CHILDREN)
        self._children = [
            ReadingChild(tokenizer, prompt=prompt, limits=limits, timeout_s=timeout_s)
            for _ in range(count)
        ]

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        for child in self._children:
            await child.child.close()

    async def __call__(self, event: PageChanged) -> ReadPage:
        """See `ReadEvent`."""
        return await min(self._children, key=lambda child: child.child.waiting)(event)
