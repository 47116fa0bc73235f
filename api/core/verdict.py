"""What becomes of one sentence, heading, row or line of code, held against the context."""

import re
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum

from api.core.cite import Wanted, cite, claimed, links_of, supports_of
from api.core.claims import Bound, Claims, bind, claims_in, claims_in_code, comment_in
from api.core.context import Block
from api.core.inline import Form, Inline, read_inline, write_inline
from api.core.layout import row_markdown
from api.core.roles import has_role_tag, speaks_as_another
from api.core.vocabulary import CONNECTING
from index.core.terms import terms_of

_HAS_WORD = re.compile(r"[^\W_]")
_WEB = re.compile(r"https?://", re.IGNORECASE)
_SCHEME = re.compile(r"[a-z][a-z0-9+.-]*:|//", re.IGNORECASE)
_CODE = re.compile(r"(`+)(?!`).*?(?<!`)\1(?!`)")
_ASKS = ("?", "\uff1f", "\u061f", "\u037e")
_CLOSING = "\"'*_)]\u201d\u2019\u00bb "
_MAX_LEAD_CHARS = 150


@dataclass(frozen=True, slots=True)
class GroundLimits:
    """How much of a sentence the docs must bear out, and how much may be withheld.

    Composing is over once `max_withheld` pieces are, or more than `max_withheld_share` of all of
    them with at least `min_withheld` among them.
    """

    min_share: float = 0.5
    max_cites: int = 3
    max_withheld: int = 12
    min_withheld: int = 3
    max_withheld_share: float = 0.5


class Outcome(StrEnum):
    """Borne out by the blocks cited; leading into what follows; saying nothing; or withheld."""

    HOLDS = "holds"
    LEADS = "leads"
    EMPTY = "empty"
    FAILS = "fails"


@dataclass(frozen=True, slots=True)
class Verdict:
    """An outcome, and the piece as Markdown with its markers where it may leave."""

    outcome: Outcome
    markdown: str = ""
    cites: tuple[int, ...] = ()


_FAILS = Verdict(Outcome.FAILS)
_EMPTY = Verdict(Outcome.EMPTY)


class Judge:
    """Judges pieces against the blocks of one context; holds nothing of what it judged."""

    def __init__(self, blocks: Sequence[Block], limits: GroundLimits) -> None:
        self._limits = limits
        self._supports = supports_of(blocks)
        self._links = links_of(blocks)

    def sentence(self, text: str) -> Verdict:
        """A sentence, of a paragraph or of an item."""
        inline = read_inline(text)
        shown = inline.shown.strip()
        if not _HAS_WORD.search(shown):
            return _EMPTY
        if _is_foul(text, inline) or _speaks_as_another(inline, self._written(inline)):
            return _FAILS
        if shown.rstrip(_CLOSING).endswith(_ASKS):
            return _EMPTY
        wanted = _wanted([inline])
        if not wanted.terms and not wanted.claims:
            if not shown.endswith((":", "：")) or len(shown) > _MAX_LEAD_CHARS:
                return _EMPTY
            return Verdict(Outcome.LEADS, self._written(inline))
        cites = self._cited(wanted)
        if cites is None:
            return _FAILS
        return Verdict(Outcome.HOLDS, f"{self._written(inline)} {markers_of(cites)}", cites)

    def heading(self, text: str) -> Verdict:
        """A heading: it leads into what is below it, and bears no marker."""
        inline = read_inline(text)
        if not _HAS_WORD.search(inline.shown):
            return _EMPTY
        is_foul = _is_foul(text, inline) or _speaks_as_another(
            inline, self._written(inline), is_heading=True
        )
        if is_foul or not self._is_known([inline]):
            return _FAILS
        return Verdict(Outcome.LEADS, self._written(inline))

    def head(self, cells: Sequence[str]) -> Verdict:
        """The head of a table, judged as a heading is, with the line that Markdown wants below it."""
        inlines = [read_inline(cell) for cell in cells]
        if self._has_foul_cell(cells, inlines) or not self._is_known(inlines):
            return _FAILS
        rows = [[self._written(inline) for inline in inlines], ["---"] * len(cells)]
        return Verdict(Outcome.LEADS, "\n".join(row_markdown(row, len(cells)) for row in rows))

    def row(self, cells: Sequence[str], width: int) -> Verdict:
        """A row of a table with `width` columns; its markers are in its last cell."""
        inlines = [read_inline(cell) for cell in cells[:width]]
        if not any(_HAS_WORD.search(inline.shown) for inline in inlines):
            return _EMPTY
        if self._has_foul_cell(cells, inlines):
            return _FAILS
        wanted = _wanted(inlines)
        cites = self._cited(wanted) if wanted.terms or wanted.claims else None
        if cites is None:
            return _FAILS
        written = [*map(self._written, inlines), *[""] * (width - len(inlines))]
        written[-1] = f"{written[-1]} {markers_of(cites)}".strip()
        return Verdict(Outcome.HOLDS, row_markdown(written, width), cites)

    def line(self, line: str, bound: Bound, used: Collection[int]) -> Verdict:
        """A line of code, preferring the blocks `used` by those before it. One without names leads."""
        if "```" in line or has_role_tag(line):
            return _FAILS
        comment = comment_in(line)
        claims = claims_in_code(line, bound)
        terms = frozenset(terms_of(comment)) - CONNECTING if comment else frozenset[str]()
        if not terms and not claims:
            bind(line, bound)
            return Verdict(Outcome.LEADS if line.strip() else Outcome.EMPTY, line)
        cites = self._cited(Wanted(terms, claimed(claims), frozenset(used)))
        if cites is None:
            return _FAILS
        bind(line, bound)
        return Verdict(Outcome.HOLDS, line, cites)

    def _written(self, inline: Inline) -> str:
        return write_inline(inline.parts, self._links.get)

    def _has_foul_cell(self, cells: Sequence[str], inlines: Sequence[Inline]) -> bool:
        return any(map(_is_foul, cells, inlines)) or any(
            _speaks_as_another(inline, self._written(inline)) for inline in inlines
        )

    def _is_known(self, inlines: Iterable[Inline]) -> bool:
        wanted = _wanted(inlines)
        return not (wanted.terms or wanted.claims) or self._cited(wanted) is not None

    def _cited(self, wanted: Wanted) -> tuple[int, ...] | None:
        return cite(
            wanted,
            self._supports,
            min_share=self._limits.min_share,
            max_cites=self._limits.max_cites,
        )


def markers_of(cites: Iterable[int]) -> str:
    """The markers that stand after what is cited."""
    return "".join(f"[{n}]" for n in cites)


def _wanted(inlines: Iterable[Inline]) -> Wanted:
    terms, marked, claims = set[str](), set[int](), Claims()
    for inline in inlines:
        terms |= {*terms_of(inline.shown)}
        marked |= inline.marked
        claims |= claims_in(inline.parts)
    return Wanted(frozenset(terms) - CONNECTING, claimed(claims), frozenset(marked))


def _speaks_as_another(inline: Inline, written: str, *, is_heading: bool = False) -> bool:
    """Whether it does as read, or as `written`, with its links or none: what became code there stands for no word."""
    bare = write_inline(inline.parts, lambda _: None)
    texts = (inline.shown, inline.read, _CODE.sub(" ", bare), _CODE.sub(" ", written))
    return any(speaks_as_another(text, is_heading=is_heading) for text in texts)


def _is_foul(raw: str, inline: Inline) -> bool:
    """Whether a piece holds a role tag, an element that acts, or a link that leads to no page."""
    return (
        inline.is_foul
        or has_role_tag(raw)
        or has_role_tag(inline.shown)
        or any(
            part.form is Form.LINK and _SCHEME.match(part.url) and not _WEB.match(part.url)
            for part in inline.parts
        )
    )
