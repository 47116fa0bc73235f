"""Retrieval alone, and indexed pages."""

import msgspec

from api.core.conversation import searched_text
from api.core.explained import shown_hits
from api.core.ports import PageAt
from api.core.question import read_search, read_url
from api.handlers.answering import Answering
from schemas.answers import PageResponse, SearchRequest, SearchResponse


async def search_docs(request: SearchRequest, *, answering: Answering) -> SearchResponse:
    """Retrieval alone: the chunks without what stands around them.

    Raises: BadQuestion, UnknownVersion, and what the wait and the search raise.
    """
    asked = read_search(request, default_k=answering.settings.k, versions=answering.versions)
    await answering.wait(asked.min_commit)
    searched = searched_text(asked.question, asked.question)
    found = await answering.search(searched, k=asked.k, sources=asked.sources, paths=asked.paths)
    hits = list(shown_hits(found.hits, explain=asked.explain))
    explanation = found.explanation if asked.explain else None
    return msgspec.structs.replace(
        found, question=asked.question, hits=hits, explanation=explanation
    )


async def find_page(url: str, *, page_at: PageAt) -> PageResponse | None:
    """The indexed page at `url`, whatever anchor that has. Raises: BadQuestion."""
    return await page_at(read_url(url))
