"""The citations of a composed answer."""

from collections.abc import Sequence

from api.core.context import Block
from api.core.ground import Released
from api.core.segments import segments_of
from index.core.terms import terms_of
from schemas.answers import Citation

_LEFT_OUT = " … "
_MAX_QUOTED = 2
_ENOUGH = 0.5
"""A second piece is quoted where it shares this part of what the best one shares."""


def citations_of(pieces: Sequence[Released], blocks: Sequence[Block]) -> list[Citation]:
    """What each marker of an answer stands for, by number; blocks that nothing cites have none."""
    said: dict[int, list[str]] = {}
    for piece in pieces:
        for n in piece.cites:
            said.setdefault(n, []).append(piece.text)
    return [
        Citation(
            n=block.n,
            url=block.url,
            title=block.title,
            section=block.section,
            quote=_quote(block.text, " ".join(said[block.n])),
            commit=block.commit,
            committed_at=block.committed_at,
        )
        for block in blocks
        if block.n in said
    ]


def _quote(text: str, said: str) -> str:
    """The pieces of `text`, to the letter, that have most in common with what was said of it."""
    terms = frozenset(terms_of(said))
    segments = segments_of(text)
    shares = [len(terms & frozenset(terms_of(segment.text))) for segment in segments]
    best = sorted(range(len(segments)), key=lambda n: (-shares[n], n))[:_MAX_QUOTED]
    if not best:
        return text
    kept = sorted(n for n in best if shares[n] >= max(1, shares[best[0]] * _ENOUGH)) or best[:1]
    return _LEFT_OUT.join(segments[n].text for n in kept)
