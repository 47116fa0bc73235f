"""Reading and embedding in the test's own process: words are tokens, and chunks are small."""

from collections.abc import Mapping, Sequence

from index.core.chunks import ChunkLimits
from index.core.pages import ReadPage
from index.core.reading import Reader
from ingest.core.examine import examine
from ingest.core.page_file import Examined, PageFile
from schemas.events import PageChanged

SMALL = ChunkLimits(target_chars=120, max_tokens=48)


def count_words(texts: Sequence[str]) -> list[int]:
    """`CountTokens`: a token a word, and two special ones."""
    return [len(text.split()) + 2 for text in texts]


class ReadHere:
    """`ReadEvent` in this process; what was read before is remembered, since reading is pure."""

    def __init__(self, limits: ChunkLimits = SMALL) -> None:
        self._reader = Reader(limits, count_words)
        self._known: dict[tuple[str, str, str], ReadPage] = {}

    async def __call__(self, event: PageChanged) -> ReadPage:
        return self.read(event)

    def read(self, event: PageChanged) -> ReadPage:
        """Raises: UnreadablePage."""
        key = (event.page_id, event.dialect, event.text)
        if key not in self._known:
            self._known[key] = self._reader.read(event)
        return self._known[key]


async def examine_here(page: PageFile, files: Mapping[str, str | None]) -> Examined:
    """`ingest.core.examine.Examine` in this process."""
    return examine(page, files)
