"""Retrieval alone, and indexed pages."""

import msgspec

from api.core.ports import PageAt, Search, WaitForCommits
from api.core.question import read_search, read_url
from api.settings import AnswerSettings
from schemas.answers import PageResponse, SearchRequest, SearchResponse


async def search_docs(
    request: SearchRequest, *, search: Search, settings: AnswerSettings, wait: WaitForCommits
) -> SearchResponse:
    """Retrieval alone: the chunks without what stands around them.

    Raises: BadQuestion, and what the wait and the search raise.
    """
    asked = read_search(request, default_k=settings.k)
    await wait(asked.min_commit)
    found = await search(asked.question, k=asked.k, sources=asked.sources)
    hits = [msgspec.structs.replace(hit, before=(), after=()) for hit in found.hits]
    return msgspec.structs.replace(found, hits=hits)


async def find_page(url: str, *, page_at: PageAt) -> PageResponse | None:
    """The indexed page at `url`, whatever anchor that has. Raises: BadQuestion."""
    return await page_at(read_url(url))
