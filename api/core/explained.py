"""What of a search is told to those who ask: explanations only where they are asked for."""

from collections.abc import Iterator, Sequence

import msgspec

from schemas.answers import Explanation, Hit, SearchResponse


def shown_hits(hits: Sequence[Hit], *, explain: bool) -> Iterator[Hit]:
    """Hits without what stands around them."""
    for hit in hits:
        why = hit.why if explain else None
        yield msgspec.structs.replace(hit, before=(), after=(), code=(), why=why)


def explanation_of(found: SearchResponse) -> Explanation | None:
    """What an answer was looked for by, with its hits; None where the search does not explain itself."""
    if found.explanation is None:
        return None
    hits = tuple(shown_hits(found.hits, explain=True))
    return msgspec.structs.replace(found.explanation, hits=hits)
