"""Chunks as a search finds them, before they are ranked."""

from index.core.rank import Candidate, ChunkKey
from schemas.ids import SourceName

DOCS = SourceName("docs")


def candidate(
    path: str,
    cosine: float = 0.5,
    *,
    title: str | None = None,
    text: str = "Text.",
) -> Candidate:
    """The one chunk of a page, which is named by its path where it has no `title`."""
    title = path if title is None else title
    return Candidate(
        key=ChunkKey(DOCS, path, 0),
        section=0,
        url=f"https://x/{path}",
        title=title,
        heading_path=(title,),
        anchor="",
        text=text,
        commit="c0ffee",
        cosine=cosine,
        lexical=0.0,
    )
