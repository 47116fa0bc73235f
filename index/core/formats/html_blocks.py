"""The text of a page's lists, tables, code and boxes, as blocks."""

import re
from collections.abc import Iterable, Sequence

from index.core.formats.html_tree import Element, Kind
from index.core.pages import Block, BlockKind

_SEAMS = re.compile(r"(?<=[(\[]) |,? (?=[)\]])| (?=,)")
_BLOCK_KINDS = {
    Kind.LIST: BlockKind.LIST,
    Kind.TERMS: BlockKind.LIST,
    Kind.CODE: BlockKind.CODE,
    Kind.TABLE: BlockKind.TABLE,
    Kind.ADMONITION: BlockKind.ADMONITION,
}


def block_of(element: Element) -> Block | None:
    """One block for the whole of `element`, or None when it has no text."""
    text = "\n".join(_lines_of_element(element)).rstrip()
    return Block(_BLOCK_KINDS.get(element.kind, BlockKind.PROSE), text) if text.strip() else None


def line_of(element: Element) -> str:
    """All text of `element` on one line, as of a heading or a table's cell."""
    return " ".join(line.strip() for line in lines_of(element.children) if line.strip())


def signature_of(term: Element) -> str:
    """A signature as one would type it, also where the page sets each parameter on a line."""
    text = line_of(term).replace("→", "->")
    return _SEAMS.sub("", text) if len(term.children) > 1 else text


def lines_of(children: Iterable[Element | str]) -> list[str]:
    """The lines of some elements and paragraphs, one below the other."""
    lines: list[str] = []
    for child in children:
        lines += child.split("\n") if isinstance(child, str) else _lines_of_element(child)
    return lines


def _lines_of_element(element: Element) -> list[str]:
    match element.kind:
        case Kind.ITEM:
            return _hang(lines_of(element.children))
        case Kind.ROW:
            row = _row(element)
            return [row] if row else []
        case Kind.HEADING:
            return [line_of(element)]
        case Kind.TERMS:
            return _lines_of_terms(element.children)
        case Kind.TERM:
            return [signature_of(element) if element.is_object else line_of(element)]
        case _:
            return lines_of(element.children)


def _row(element: Element) -> str:
    cells = [line_of(child) for child in element.children if isinstance(child, Element)]
    return " | ".join(cells).strip() if any(cells) else ""


def _hang(lines: Sequence[str]) -> list[str]:
    """Lines as one item of a list, all but the first indented."""
    if not lines:
        return []
    return [f"- {lines[0]}", *(f"  {line}" if line else "" for line in lines[1:])]


def _lines_of_terms(children: Iterable[Element | str]) -> list[str]:
    """A definition list as `- term: definition`; commas join the terms of one definition."""
    lines: list[str] = []
    terms: list[str] = []
    for child in children:
        if isinstance(child, Element) and child.kind is Kind.TERM:
            terms += _lines_of_element(child)
        elif terms:
            lines += _hang(_definition(", ".join(terms), child))
            terms = []
        else:
            lines += _hang(lines_of([child]))
    return lines + [f"- {term}" for term in terms]


def _definition(term: str, child: Element | str) -> list[str]:
    body = lines_of([child])
    head = term if term.endswith(":") else f"{term}:"
    starts_with_text = isinstance(child, str) or isinstance(child.children[0], str)
    return [f"{head} {body[0]}", *body[1:]] if starts_with_text and body else [head, *body]
