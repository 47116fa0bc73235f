"""Collects the text of one page, in reading order, into sections of blocks."""

import re
from dataclasses import dataclass, field

from index.core.formats.invisible import strip_invisible
from index.core.inline_code import without_signs
from index.core.pages import Block, BlockKind, ParsedPage, Section

_SPACES = re.compile(r"\s+")


@dataclass(slots=True)
class _OpenList:
    """A list being read, whatever depth of lists it holds; `within` counts the parts around it."""

    within: int
    depth: int = 1
    starts_item: bool = False
    ends_term: bool = False
    lines: list[str] = field(default_factory=list)

    def add(self, text: str) -> None:
        indent = "  " * (self.depth - 1)
        first, *more = text.split("\n")
        if self.ends_term and self.lines:
            self.lines[-1] += f": {first}"
        else:
            self.lines.append(indent + ("- " if self.starts_item else "  ") + first)
        self.lines += [f"{indent}  {line}".rstrip() for line in more]
        self.starts_item = self.ends_term = False


@dataclass(slots=True)
class _OpenSection:
    heading: str = ""
    path: tuple[str, ...] = ()
    anchor: str = ""
    blocks: list[Block] = field(default_factory=list)


class PageText:
    """Takes a page's text run by run; whoever opens a list, table, cell or admonition closes it."""

    def __init__(self) -> None:
        self._sections = [_OpenSection()]
        self._headings: list[tuple[int, str]] = []
        self._title = ""
        self._run: list[str] = []
        self._lists: list[_OpenList] = []
        self._tables: list[list[list[str]]] = []
        self._parts: list[list[str]] = []  # of admonitions and cells: what is inside is kept whole

    @property
    def is_enclosed(self) -> bool:
        """True inside a list, table or admonition, where a heading starts no section."""
        return bool(self._lists or self._tables or self._parts)

    def add_text(self, text: str) -> None:
        """Go on with the current run; white space counts as one space."""
        spaced = _SPACES.sub(" ", text)
        ends_with_space = not self._run or self._run[-1][-1:] in (" ", "\n")
        spaced = spaced.lstrip(" ") if ends_with_space else spaced
        if spaced:
            self._run.append(spaced)

    def add_verbatim(self, text: str) -> None:
        """Go on with the current run, every character as it is."""
        if text:
            self._run.append(text)

    def take_run(self) -> str:
        """End the current run and hand it over instead of adding it."""
        text = "".join(self._run)
        self._run = []
        return text

    def end_run(self, kind: BlockKind = BlockKind.PROSE) -> None:
        """Make the current run a block of its own, verbatim if it is code."""
        text = self.take_run()
        if kind is BlockKind.CODE:
            self.add_block(kind, text.removesuffix("\n"))
        else:
            self.add_block(kind, "\n".join(line.strip() for line in text.strip().split("\n")))

    def add_block(self, kind: BlockKind, text: str) -> None:
        """Add a block where the page stands: inside a list it becomes lines of its item."""
        text = strip_invisible(text)
        if not text.strip():
            return
        open_list = self._current_list()
        if open_list:
            open_list.add(text)
        else:
            self._place(kind, text)

    def start_section(self, level: int, heading: str, anchor: str) -> None:
        """Begin the section of a heading; deeper ones stand below it."""
        heading = without_signs(strip_invisible(heading)).strip()
        self._headings = [above for above in self._headings if above[0] < level]
        self._headings.append((level, heading))
        path = tuple(text for _, text in self._headings)
        self._sections.append(_OpenSection(heading=heading, path=path, anchor=anchor))
        self._title = self._title or (heading if level == 1 else "")

    def open_list(self) -> None:
        open_list = self._current_list()
        if open_list:
            open_list.depth += 1
        else:
            self._lists.append(_OpenList(within=len(self._parts)))

    def start_item(self) -> None:
        open_list = self._current_list()
        if open_list:
            open_list.starts_item = True

    def end_term(self) -> None:
        """Put what follows, the definition, on the line of its term."""
        open_list = self._current_list()
        if open_list:
            open_list.ends_term = not open_list.starts_item

    def close_list(self) -> None:
        self._lists[-1].depth -= 1
        if not self._lists[-1].depth:
            self.add_block(BlockKind.LIST, "\n".join(self._lists.pop().lines))

    def open_note(self) -> None:
        self._parts.append([])

    def close_note(self) -> None:
        self.add_block(BlockKind.ADMONITION, "\n".join(self._parts.pop()))

    def open_table(self) -> None:
        self._tables.append([])

    def start_row(self) -> None:
        self._tables[-1].append([])

    def open_cell(self) -> None:
        self._parts.append([])

    def close_cell(self) -> None:
        text = " ".join(self._parts.pop())
        self._tables[-1][-1].append(" ".join(text.split()))

    def close_table(self) -> None:
        rows = self._tables.pop()
        self.add_block(BlockKind.TABLE, "\n".join(" | ".join(row) for row in rows if any(row)))

    def page(self, title: str) -> ParsedPage:
        """All that was read; without a `title` the first heading of level 1 is it."""
        sections = (
            Section(
                heading=read.heading,
                path=read.path,
                anchor=read.anchor,
                blocks=tuple(map(Block.settled, read.blocks)),
            )
            for read in self._sections
            if read.path or read.blocks
        )
        return ParsedPage(
            title=without_signs(strip_invisible(title)) or self._title, sections=tuple(sections)
        )

    def _current_list(self) -> _OpenList | None:
        is_in_list = self._lists and self._lists[-1].within == len(self._parts)
        return self._lists[-1] if is_in_list else None

    def _place(self, kind: BlockKind, text: str) -> None:
        if self._parts:
            self._parts[-1].append(text)
        else:
            self._sections[-1].blocks.append(Block(kind=kind, text=text))
