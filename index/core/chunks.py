"""Where sections are cut into chunks: inside a section only, so that an edit stays local."""

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from hashlib import sha256
from itertools import pairwise

from index.core.inline_code import spans_in
from index.core.pages import Block, BlockKind, Chunk, Section
from schemas.ids import TextHash

CountTokens = Callable[[Sequence[str]], Sequence[int]]
"""Tokens of each text as the embedding model counts them, its special tokens included."""

_SPACE = re.compile(r"\s")
_SENTENCE_END = re.compile(r"((?<=[.!?:;])\s+|\n+|(?<=[。！？])(?![」』）”’]))")
_MAX_PREFIX_SHARE = 0.4
_MAX_PIECE_CHARS = 4_000
"""A tokenizer may count a word of any length as one token it does not know: characters are bounded beside tokens."""


@dataclass(frozen=True, slots=True)
class ChunkLimits:
    """How long a chunk may be.

    `target_chars` closes a chunk once its body would pass it; `max_tokens` is the model's window, which the
    embedded text (prefix and body) never exceeds.
    """

    target_chars: int = 500
    max_tokens: int = 256


def split_page(
    title: str, sections: Sequence[Section], *, limits: ChunkLimits, count_tokens: CountTokens
) -> tuple[Chunk, ...]:
    """Cut every section into chunks, in reading order.

    Blocks stay whole where they fit; longer ones are cut by lines (code, tables, lists) or by sentences. A section
    without text of its own yields no chunk. Equal input gives equal chunks.
    """
    return tuple(
        chunk
        for ordinal, section in enumerate(sections)
        for chunk in _split_section(title, ordinal, section, limits, count_tokens)
    )


def prefix_of(title: str, path: Sequence[str]) -> str:
    """What stands before a body when it is embedded: the page's title, then the headings down to the section."""
    headings = path[1:] if path and path[0] == title else path
    return " > ".join(part for part in (title, *headings) if part)


@dataclass(frozen=True, slots=True)
class _Piece:
    text: str
    tokens: int
    joint: str


def _split_section(
    title: str, ordinal: int, section: Section, limits: ChunkLimits, count_tokens: CountTokens
) -> Iterator[Chunk]:
    prefix = fit_prefix(prefix_of(title, section.path), limits, count_tokens)
    room = limits.max_tokens - (count_tokens([prefix])[0] if prefix else 2)
    pieces = list(_pieces(section.blocks, limits=limits, room=room, count_tokens=count_tokens))
    bodies = list(_pack(pieces, room=room, target_chars=limits.target_chars))
    code = spans_in(bodies, ((block.text, block.code) for block in section.blocks))
    for body, spans in zip(bodies, code, strict=True):
        embedded = f"{prefix}\n{body}" if prefix else body
        text_hash = TextHash(sha256(embedded.encode()).digest())
        yield Chunk(ordinal, body, embedded, text_hash, spans)


def fit_prefix(prefix: str, limits: ChunkLimits, count_tokens: CountTokens) -> str:
    """A prefix that takes too much of the window keeps its end: the nearest heading says most."""
    most = int(limits.max_tokens * _MAX_PREFIX_SHARE)
    while prefix and count_tokens([prefix])[0] > most:
        head, _, tail = prefix.partition(" > ")
        prefix = tail or head[: len(head) * 3 // 4].strip()
    return prefix


def _pieces(
    blocks: Sequence[Block], *, limits: ChunkLimits, room: int, count_tokens: CountTokens
) -> Iterator[_Piece]:
    texts = [block.text.strip("\n") for block in blocks]
    for block, text, tokens in zip(
        blocks, texts, count_tokens(texts) if texts else (), strict=True
    ):
        if not text.strip():
            continue
        is_prose = block.kind is BlockKind.PROSE
        most_chars = limits.target_chars * 1.5 if is_prose else _MAX_PIECE_CHARS
        if tokens <= room and len(text) <= most_chars:
            yield _Piece(text, tokens, "\n\n")
            continue
        by_lines = block.kind in (BlockKind.CODE, BlockKind.TABLE, BlockKind.LIST)
        yield from _cut(text, by_lines=by_lines, room=room, count_tokens=count_tokens)


def _cut(text: str, *, by_lines: bool, room: int, count_tokens: CountTokens) -> Iterator[_Piece]:
    parts = [(line, "\n") for line in text.split("\n")] if by_lines else list(_sentences(text))
    counts = count_tokens([part for part, _ in parts])
    first = "\n\n"
    for (part, joint), tokens in zip(parts, counts, strict=True):
        for fitting in (
            [_Piece(part, tokens, joint)]
            if tokens <= room and len(part) <= _MAX_PIECE_CHARS
            else _halve(part, room, count_tokens)
        ):
            yield _Piece(fitting.text, fitting.tokens, first or fitting.joint)
            first = ""


def _sentences(text: str) -> Iterator[tuple[str, str]]:
    """Each sentence, and what joins it to the one before: nothing where its script sets no spaces."""
    joint = ""
    for n, piece in enumerate(_SENTENCE_END.split(text)):
        if n % 2:
            joint = " " if piece else joint
        elif piece.strip():
            yield piece, joint
            joint = ""


def _halve(text: str, room: int, count_tokens: CountTokens) -> Iterator[_Piece]:
    """Cut what has no better place to be cut, at the white space nearest to the middle where there is any."""
    tokens = count_tokens([text])[0]
    if (tokens <= room and len(text) <= _MAX_PIECE_CHARS) or len(text) < 2:
        yield _Piece(text, tokens, " ")
        return
    if tokens > room * 8:
        step = max(1, len(text) * room // (tokens * 2))
        places = [_space_near(text, at, step // 2) for at in range(step, len(text), step)]
    else:
        places = [_space_near(text, len(text) // 2, len(text))]
    for start, end in pairwise([0, *places, len(text)]):
        yield from _halve(text[start:end].strip(), room, count_tokens)


def _space_near(text: str, at: int, reach: int) -> int:
    """The white space nearest to `at` and less than `reach` away, or `at` itself where there is none."""
    first = max(1, at - reach)
    spaces = [first + found.start() for found in _SPACE.finditer(text[first : at + reach])]
    return min(spaces, key=lambda place: abs(place - at), default=at)


def _pack(pieces: Sequence[_Piece], *, room: int, target_chars: int) -> Iterator[str]:
    body, tokens = "", 0
    for piece in pieces:
        if body and (tokens + piece.tokens > room or len(body) + len(piece.text) > target_chars):
            if body.strip():
                yield body
            body, tokens = "", 0
        body = f"{body}{piece.joint}{piece.text}" if body else piece.text
        tokens += piece.tokens
    if body.strip():
        yield body
