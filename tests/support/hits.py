"""Hits of a search, as what answers and scores them gets them."""

from collections.abc import Sequence

from schemas.answers import Hit


def hit(
    text: str,
    *,
    page: str = "a",
    before: Sequence[str] = (),
    after: Sequence[str] = (),
    score: float = 1.0,
    pinned: bool = False,
) -> Hit:
    """A chunk of the one section of a page."""
    return Hit(
        url=f"https://x/{page}",
        title="A",
        section="A",
        anchor="s",
        text=text,
        score=score,
        source="docs",
        commit="c0ffee",
        before=tuple(before),
        after=tuple(after),
        pinned=pinned,
    )
