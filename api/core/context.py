"""What of the docs a language model is shown: numbered blocks, each a piece of one section."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from api.core.quote import address_of
from schemas.answers import HEADING_JOINT, Hit


@dataclass(frozen=True, slots=True)
class Block:
    """One block of the context, as sent: `n` counts from 1, `url` leads to the section it is from."""

    n: int
    url: str
    title: str
    section: str
    text: str
    source: str
    commit: str
    committed_at: datetime | None = None


def blocks_of(hits: Sequence[Hit]) -> list[Block]:
    """The hits as blocks, best first: what was found of one section is one block, in the order of its ranks."""
    by_section: dict[str, list[Hit]] = {}
    for hit in hits:
        by_section.setdefault(address_of(hit), []).append(hit)
    return [
        Block(
            n=n,
            url=url,
            title=found[0].title,
            section=found[0].section,
            text="\n\n".join(dict.fromkeys(hit.text for hit in found)),
            source=found[0].source,
            commit=found[0].commit,
            committed_at=found[0].committed_at,
        )
        for n, (url, found) in enumerate(by_section.items(), 1)
    ]


def place_of(block: Block) -> str:
    """The title and the headings down to the section, which often begin with that same title."""
    headings = block.section.split(HEADING_JOINT) if block.section else []
    return HEADING_JOINT.join(
        headings if headings[:1] == [block.title] else [block.title, *headings]
    )


def fit_blocks(blocks: Sequence[Block], sizes: Iterable[int], *, budget_tokens: int) -> list[Block]:
    """The first blocks that fit, of `sizes` tokens each; the first alone is cut where even that does not.

    Numbers stay as they are: 1, 2, 3 … of the best.
    """
    kept: list[Block] = []
    left = budget_tokens
    for block, size in zip(blocks, sizes, strict=True):
        if size > left:
            return kept or [_cut(block, left / size)]
        kept.append(block)
        left -= size
    return kept


def _cut(block: Block, share: float) -> Block:
    """The first part of a block: whole lines where they are most of what fits, else whole words."""
    text = block.text[: max(1, int(len(block.text) * max(0.0, share)))]
    lines, words = text.rpartition("\n")[0], text.rpartition(" ")[0]
    whole = lines if len(lines) >= len(text) / 2 else words
    return replace(block, text=whole or text)
