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
    """One block of the context, as sent: `n` counts from 1, `url` leads to the section it is from.

    `bare` is the text without neighbours, "" where that is the same.
    """

    n: int
    url: str
    title: str
    section: str
    text: str
    source: str
    commit: str
    committed_at: datetime | None = None
    bare: str = ""


_WEAK = 0.5
"""A hit below this share of the best one's score gives its place to what a better one was cut off from. On generated
questions no labelled page was lost up to 0.75, on written ones up to 0.6.
"""


@dataclass(frozen=True, slots=True)
class Packing:
    """How much is placed in the context.

    At most `k` chunks in about `tokens` tokens, neighbours counted in both; the first chunk is placed even where it
    alone takes more. The first `neighboured` hits bring what they were cut off from, in places and tokens that are free
    or that the last hits would have, if those are weak: below `weak`, in (0, 1], of the best score. The best score is
    that of no curated answer, which is never weak; of one below 0 it is what the share makes of it that is worse.
    """

    k: int
    neighboured: int = 0
    tokens: int = 1_000_000
    weak: float = _WEAK


@dataclass(frozen=True, slots=True)
class Placed:
    """A hit in the context with the chunks of its section, itself among them, in reading order.

    `found` are those of them that are hits themselves.
    """

    hit: Hit
    chunks: tuple[str, ...]
    found: tuple[str, ...]


def place_hits(hits: Sequence[Hit], packing: Packing) -> list[Placed]:
    """What of `hits` (best first) is placed: whole chunks, and none before a better hit has its own.

    Strong hits come first to their places and tokens, neighbours and the weak hits to what they leave.
    """
    by_key: dict[_Key, Hit] = {}
    for hit in hits:
        by_key.setdefault(_key(hit, hit.text), hit)
    found = list(by_key.values())
    left = _Left(packing.k, packing.tokens)
    held = _strong_held(found, packing, left)
    placed: list[Placed] = []
    seen: set[_Key] = set()
    for rank, hit in enumerate(found):
        key = _key(hit, hit.text)
        if key in seen:
            continue
        if key not in held and not left.take(hit.text):
            break
        seen.add(key)
        chunks = [hit.text]
        for at, neighbour in _cut_off(hit) if rank < packing.neighboured else ():
            beside = _key(hit, neighbour)
            if beside not in seen and (beside in held or left.take(neighbour)):
                seen.add(beside)
                chunks.insert(at, neighbour)
        own = tuple(chunk for chunk in chunks if _key(hit, chunk) in by_key)
        placed.append(Placed(hit, tuple(chunks), own))
    return placed


_Key = tuple[str, str]


def _key(hit: Hit, text: str) -> _Key:
    """A chunk of the section of a hit."""
    return address_of(hit), text


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


def _strong_held(hits: Sequence[Hit], packing: Packing, left: _Left) -> set[_Key]:
    """Give the hits down to the last strong one their places, the first whatever its size, until one does not fit."""
    shown = hits[: packing.k]
    least = _least_strong(shown, packing.weak)
    strong = [n for n, hit in enumerate(shown, 1) if hit.pinned or hit.score >= least]
    held: set[_Key] = set()
    for hit in shown[: max(strong, default=0)]:
        if not left.take(hit.text, anyway=not held):
            break
        held.add(_key(hit, hit.text))
    return held


def _least_strong(hits: Sequence[Hit], weak: float) -> float:
    """The least score of a strong hit: below the best by the same factor, whether that is above 0 or below."""
    best = max((hit.score for hit in hits if not hit.pinned), default=0.0)
    return best * weak if best >= 0 else best / weak


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
    return [_block(n, url, found) for n, (url, found) in enumerate(by_section.items(), 1)]


def _block(n: int, url: str, placed: Sequence[Placed]) -> Block:
    text = _text(one.chunks for one in placed)
    bare = _text(one.found for one in placed)
    hit = placed[0].hit
    return Block(
        n=n,
        url=url,
        title=hit.title,
        section=hit.section,
        text=text,
        source=hit.source,
        commit=hit.commit,
        committed_at=hit.committed_at,
        bare="" if bare == text else bare,
    )


def _text(runs: Iterable[Sequence[str]]) -> str:
    return "\n\n".join(joined(chunks)[0] for chunks in runs)


def place_of(block: Block) -> str:
    """The title and the headings down to the section, which often begin with that same title."""
    headings = block.section.split(HEADING_JOINT) if block.section else []
    return HEADING_JOINT.join(
        headings if headings[:1] == [block.title] else [block.title, *headings]
    )


def bare_block(block: Block) -> Block:
    """The block without what its hits were cut off from."""
    return replace(block, text=block.bare or block.text, bare="")


def fit_blocks(
    blocks: Sequence[Block],
    sizes: Sequence[int],
    *,
    bare_sizes: Sequence[int] | None = None,
    budget_tokens: int,
) -> list[Block]:
    """The first blocks that fit, of `sizes` tokens each; the first alone is cut where even that does not.

    They go in bare, of `bare_sizes` (those of `sizes` if None), and have their neighbours from what is left, the best
    first. Numbers stay as they are: 1, 2, 3 … of the best.
    """
    kept: list[Block] = []
    left = budget_tokens
    least = sizes if bare_sizes is None else bare_sizes
    for block, size in zip(blocks, least, strict=True):
        if size > left:
            break
        kept.append(bare_block(block))
        left -= size
    if blocks and not kept:
        return [_cut(bare_block(blocks[0]), left / least[0])]
    for at, _ in enumerate(kept):
        more = sizes[at] - least[at]
        if more <= left:
            kept[at] = blocks[at]
            left -= more
    return kept


def _cut(block: Block, share: float) -> Block:
    """The first part of a block: whole lines where they are most of what fits, else whole words."""
    text = block.text[: max(1, int(len(block.text) * max(0.0, share)))]
    lines, words = text.rpartition("\n")[0], text.rpartition(" ")[0]
    whole = lines if len(lines) >= len(text) / 2 else words
    return replace(block, text=whole or text)
