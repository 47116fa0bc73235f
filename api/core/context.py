"""What of the docs a language model is shown: numbered blocks, each a piece of one section."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from api.core.passage import joined, joint_of
from api.core.quote import address_of
from api.core.tokens import estimate_tokens
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


_WEAK = 0.5
"""A hit below this share of the best one's score gives its place to what a better one was cut off from. On generated
questions no labelled page was lost up to 0.75, on written ones up to 0.6.
"""


@dataclass(frozen=True, slots=True)
class Packing:
    """How much is placed in the context.

    At most `k` chunks in about `tokens` tokens, neighbours counted in both; the first chunk is placed even where it
    alone takes more. The first `neighboured` hits bring what they were cut off from, where a place is free or the last
    hits are weak: below `weak` of the best one's score.
    """

    k: int
    neighboured: int = 0
    tokens: int = 1_000_000
    weak: float = _WEAK


@dataclass(frozen=True, slots=True)
class Placed:
    """A hit in the context with the chunks of its section, itself among them, in reading order."""

    hit: Hit
    chunks: tuple[str, ...]


def place_hits(hits: Sequence[Hit], packing: Packing) -> list[Placed]:
    """What of `hits` (best first) is placed: whole chunks, and none before a better hit has its own."""
    placed: list[Placed] = []
    seen: set[tuple[str, str]] = set()
    left = _Left(packing.k, packing.tokens)
    spare = _spare(hits, packing)
    for rank, hit in enumerate(hits):
        address = address_of(hit)
        if (address, hit.text) in seen:
            continue
        if not left.take(hit.text, anyway=not placed):
            break
        seen.add((address, hit.text))
        chunks = [hit.text]
        for at, neighbour in _cut_off(hit) if rank < packing.neighboured else ():
            is_new = (address, neighbour) not in seen
            if spare > 0 and is_new and left.take(neighbour):
                spare -= 1
                seen.add((address, neighbour))
                chunks.insert(at, neighbour)
        placed.append(Placed(hit, tuple(chunks)))
    return placed


@dataclass(slots=True)
class _Left:
    """The places and tokens that are left."""

    places: int
    tokens: int

    def take(self, text: str, *, anyway: bool = False) -> bool:
        """Whether a chunk has its place now; with `anyway` its tokens do not matter."""
        size = estimate_tokens(text)
        if self.places < 1 or (size > self.tokens and not anyway):
            return False
        self.places, self.tokens = self.places - 1, self.tokens - size
        return True


def _spare(hits: Sequence[Hit], packing: Packing) -> int:
    """The places that neighbours may have: those that no hit takes, and those of the weak hits at the end."""
    shown = hits[: packing.k]
    strong = [n for n, hit in enumerate(shown, 1) if hit.score >= packing.weak * shown[0].score]
    return packing.k - max(strong, default=0)


def _cut_off(hit: Hit) -> Iterator[tuple[int, str]]:
    """The chunks right after and before a hit that it needs, each with where it stands among what is placed of it.

    A sentence, a list, a table or code that was cut needs its other part, and a line that ends in a colon what it
    announces; a paragraph of its own needs nothing.
    """
    before, after = "".join(hit.before[-1:]), "".join(hit.after[:1])
    if after and _goes_on(hit.text, after):
        yield 1, after
    if before and _goes_on(before, hit.text):
        yield 0, before


def _goes_on(first: str, second: str) -> bool:
    return joint_of(first, second) != "\n\n" or first.rstrip().endswith(":")


def blocks_of(hits: Sequence[Hit], packing: Packing | None = None) -> list[Block]:
    """The hits as blocks, best first: what is placed of one section is one block, in the order of its ranks."""
    by_section: dict[str, list[Placed]] = {}
    for placed in place_hits(hits, packing or Packing(k=len(hits))):
        by_section.setdefault(address_of(placed.hit), []).append(placed)
    return [
        Block(
            n=n,
            url=url,
            title=found[0].hit.title,
            section=found[0].hit.section,
            text="\n\n".join(joined(placed.chunks)[0] for placed in found),
            source=found[0].hit.source,
            commit=found[0].hit.commit,
            committed_at=found[0].hit.committed_at,
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
