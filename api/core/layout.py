"""How released pieces stand together as one Markdown text."""

import re
from dataclasses import dataclass, field

from api.core.pieces import Piece, Shape

_BLOCKS = "\n\n"
_MAX_FENCE = 8


@dataclass(slots=True)
class Layout:
    """Gives each piece what must stand before it: nothing that was left out shows in what is left."""

    _last: Piece | None = None
    _indents: list[tuple[int, int]] = field(default_factory=list)

    def place(self, piece: Piece, markdown: str) -> str:
        """`markdown` of a sentence, heading or row, with what joins it to the text before."""
        last = self._last
        self._last = piece
        if last is not None and last.part == piece.part and piece.shape is not Shape.ROW:
            return f" {markdown}"
        match piece.shape:
            case Shape.ROW:
                is_next = last is not None and last.part == piece.part
                return ("\n" if is_next else self._gap(last)) + markdown
            case Shape.ITEM:
                follows = last is not None and last.shape is Shape.ITEM
                joint = "\n" if follows else self._gap(last)
                return f"{joint}{self._indent(piece, follows=follows)}{piece.mark} {markdown}"
            case Shape.HEADING:
                return f"{self._gap(last)}{piece.mark} {markdown}"
            case _:
                return self._gap(last) + markdown

    def code(self, opening: Piece, lines: str) -> str:
        """Lines of code, with the fence before the first of a block."""
        last, self._last = self._last, opening
        if last is not None and last.part == opening.part:
            return f"\n{lines}"
        return f"{self._gap(last)}{_fence(opening)}{opening.text}\n{lines}"

    def close(self, opening: Piece, markers: str) -> str:
        """The end of a block of code, the markers below it."""
        return f"\n{_fence(opening)}{_BLOCKS}{markers}"

    @staticmethod
    def _gap(last: Piece | None) -> str:
        return _BLOCKS if last is not None else ""

    def _indent(self, item: Piece, *, follows: bool) -> str:
        """Spaces that put an item below the one it was written under."""
        if not follows:
            self._indents.clear()
        while self._indents and self._indents[-1][0] >= item.indent:
            self._indents.pop()
        spaces = self._indents[-1][1] if self._indents else 0
        self._indents.append((item.indent, spaces + len(item.mark) + 1))
        return " " * spaces


def _fence(opening: Piece) -> str:
    """Backticks, as many as the model's own fence has: no line of code may hold three."""
    return "`" * max(3, min(len(opening.mark), _MAX_FENCE))


def row_markdown(cells: list[str], width: int) -> str:
    """A row of a table of `width` columns; no cell ends early."""
    fitted = [*cells, *[""] * width][:width]
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in fitted) + " |"


def cells_in(row: str) -> list[str]:
    """The cells of a row with pipes around it, cut as GitHub's Markdown cuts them: in code too."""
    inner = re.sub(r"(?<!\\)\|\s*$", "", row.strip()[1:])
    return [cell.strip().replace("\\|", "|") for cell in re.split(r"(?<!\\)\|", inner)]


def is_ruler(cells: list[str]) -> bool:
    """Whether a row is the line under a table's head."""
    return all(re.fullmatch(r":?-+:?", cell) for cell in cells)
