"""Sorting a page's text under its headings, with the path and the anchor of each."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from index.core.formats.html_blocks import block_of, line_of, signature_of
from index.core.formats.html_tree import Element, Kind
from index.core.formats.invisible import strip_invisible
from index.core.inline_code import without_signs
from index.core.pages import Block, BlockKind, Section

_PILCROW = re.compile(r"[\s¶🔗]+$")
# The level of an object's description: below the headings around it, above those in it.
_DEEPER = 10
_MAX_HEADING = 500  # characters


@dataclass(slots=True)
class _Draft:
    heading: str = ""
    path: tuple[str, ...] = ()
    anchor: str = ""
    blocks: list[Block] = field(default_factory=list)
    is_part: bool = False

    @property
    def is_section(self) -> bool:
        return bool(self.blocks or (self.heading and not self.is_part))

    def add(self, block: Block | None) -> None:
        if block is not None:
            self.blocks.append(block)


class Outline:
    """Sorts a page's text under its headings."""

    def __init__(self) -> None:
        self.title = ""
        self._current = _Draft()
        self._drafts = [self._current]
        self._above: list[
            tuple[int, str]
        ] = []  # level and heading, from the page's first level down
        self._unclaimed: list[
            str
        ] = []  # ids of the open sections that have had no heading yet, outermost first
        self._floor = 0  # what is added to a heading's level inside descriptions of objects

    def has_text(self) -> bool:
        return any(draft.is_section for draft in self._drafts)

    def sections(self) -> tuple[Section, ...]:
        return tuple(
            Section(
                draft.heading, draft.path, draft.anchor, tuple(map(Block.settled, draft.blocks))
            )
            for draft in self._drafts
            if draft.is_section
        )

    def add(self, children: Iterable[Element | str]) -> None:
        """Take a run of paragraphs and elements."""
        for child in children:
            if isinstance(child, str):
                self._current.add(Block(BlockKind.PROSE, child))
            elif child.kind is Kind.HEADING:
                self._add_heading(child)
            elif child.kind is Kind.GROUP:
                self._add_group(child)
            elif child.kind is Kind.TERMS and child.splits:
                self._add_terms(child)
            elif child.splits:
                self.add(child.children)
            else:
                self._current.add(block_of(child))

    def _add_group(self, group: Element) -> None:
        if group.ident and not _has_heading(group):
            self._add_part(group)
            return
        depth = len(self._unclaimed)
        if group.ident:
            self._unclaimed.append(group.ident)
        self.add(group.children)
        del self._unclaimed[depth:]

    def _add_part(self, group: Element) -> None:
        """A part with an id but no heading is found by its id; behind it the section around it goes on."""
        around = self._current
        self._current = part = _Draft(around.heading, around.path, group.ident, is_part=True)
        self._drafts.append(part)
        self.add(group.children)
        if self._current is part:
            self._current = around

    def _add_heading(self, element: Element) -> None:
        heading = _PILCROW.sub("", without_signs(line_of(element))[:_MAX_HEADING])
        if not heading:
            return
        if element.level == 1 and not self._floor:
            self.title = self.title or heading
        nearest = self._unclaimed[-1] if self._unclaimed else ""
        self._unclaimed.clear()
        self._start(
            heading,
            self._floor + element.level,
            element.ident or nearest or element.spare,
        )

    def _add_terms(self, terms: Element) -> None:
        """Each object with a body is a section; after it the section around it goes on."""
        waiting: list[Element] = []
        for child in terms.children:
            if isinstance(child, Element) and child.kind is Kind.TERM:
                waiting.append(child)
                continue
            if any(term.is_object for term in waiting) and isinstance(child, Element):
                self._add_object(waiting, child)
            else:
                self._add_signatures(waiting)
                self.add([child] if isinstance(child, str) else child.children)
            waiting = []
        self._add_signatures(waiting)

    def _add_object(self, terms: Sequence[Element], body: Element) -> None:
        before = self._current, list(self._above), self._floor
        named = next(term for term in terms if term.is_object)
        self._unclaimed.clear()
        self._floor += _DEEPER
        name = _object_name(named)
        if self._above and self._above[-1][1] == name:  # the page is about this object alone
            self._above.pop()
        self._start(name, self._floor, named.ident)
        self._add_signatures(terms)
        self.add(body.children)
        self._current, self._above, self._floor = before

    def _add_signatures(self, terms: Iterable[Element]) -> None:
        for term in terms:
            kind = BlockKind.CODE if term.is_object else BlockKind.PROSE
            self._current.add(Block(kind, signature_of(term) if term.is_object else line_of(term)))

    def _start(self, heading: str, level: int, anchor: str) -> None:
        while self._above and self._above[-1][0] >= level:
            self._above.pop()
        self._above.append((level, heading))
        path = tuple(name for _, name in self._above)
        self._current = _Draft(heading, path, anchor)
        self._drafts.append(self._current)


def _has_heading(group: Element) -> bool:
    """Whether a heading in `group` takes its id, and not that of a section deeper in it."""
    parts = [part for part in group.children if isinstance(part, Element)]
    return any(
        (part.kind is Kind.HEADING and bool(line_of(part)))
        or (part.splits and not (part.kind is Kind.GROUP and part.ident) and _has_heading(part))
        for part in parts
    )


def _object_name(term: Element) -> str:
    """The qualified name: the id where that ends with the name shown, else the name shown."""
    shown = strip_invisible(term.name) or signature_of(term)
    return (term.ident if term.ident.endswith(shown) else shown)[:_MAX_HEADING]
