"""What a page is once it is read: sections of blocks, and the chunks cut from them."""

from dataclasses import dataclass, field
from enum import StrEnum

from index.core.inline_code import read_signs, with_signs
from schemas.answers import Spans
from schemas.ids import TextHash

PARSER = "2026.11.5"
"""Changes with anything that alters the sections, anchors or text of some page."""
CHUNKER = "2026.11.6"
"""Changes with anything that alters the chunks or terms of some page."""


class BlockKind(StrEnum):
    """What a run of text is, which decides how it may be cut."""

    PROSE = "prose"
    LIST = "list"
    CODE = "code"
    TABLE = "table"
    ADMONITION = "admonition"


@dataclass(frozen=True, slots=True)
class Block:
    """A run of text that is cut only when it is too long: by lines if code or a table, else by sentences.

    `code` are the parts of it that the page shows as code within a line; blocks differ by their text alone.
    """

    kind: BlockKind
    text: str
    code: Spans = field(default=(), compare=False)

    def settled(self) -> "Block":
        """The block without the signs that its parser set in its text; what is code as a whole has no code in it."""
        text, code = read_signs(self.text)
        return Block(self.kind, text, () if self.kind is BlockKind.CODE else code)


@dataclass(frozen=True, slots=True)
class Section:
    """A heading and its own text, without the text of the headings below it.

    `heading` is "" and `path` empty for text above the first heading; a part of an HTML page that has an
    id but no heading has those of the section around it. `path` holds the headings from the page's
    first level down to and with this one. `anchor` is the id of the section on the published page, "" for its top.
    """

    heading: str
    path: tuple[str, ...]
    anchor: str
    blocks: tuple[Block, ...]


@dataclass(frozen=True, slots=True)
class ParsedPage:
    """A page as its format's parser yields it, in reading order. `title` is "" when the text names none."""

    title: str
    sections: tuple[Section, ...]


@dataclass(frozen=True, slots=True)
class Chunk:
    """The unit embedded: `text` is the body shown, `embedded` the text with page title and heading path before it.

    `code` are the parts of the body that are code within a line.
    """

    section: int
    text: str
    embedded: str
    text_hash: TextHash
    code: Spans = ()

    @property
    def stored(self) -> str:
        """The body as the index keeps it, with signs around its code."""
        return with_signs(self.text, self.code)


@dataclass(frozen=True, slots=True)
class TermCount:
    """How often a term stands in each field of one chunk."""

    term: str
    title: int
    heading: int
    path: int
    body: int


@dataclass(frozen=True, slots=True)
class ChunkTerms:
    """What lexical search keeps of one chunk: its body's length in terms, and its counts by term."""

    length: int
    counts: tuple[TermCount, ...]


@dataclass(frozen=True, slots=True)
class ReadPage:
    """Everything the index keeps of one page's text: a pure function of the event, the parser and the chunker.

    `chunks` are in reading order; a chunk's ordinal is its place there. `terms` stand beside them.
    """

    title: str
    sections: tuple[Section, ...]
    chunks: tuple[Chunk, ...]
    terms: tuple[ChunkTerms, ...]
