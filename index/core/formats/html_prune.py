"""Cutting the furniture off a page's tree, in one walk."""

import re

from selectolax.lexbor import LexborNode

from index.core.formats.html_rules import (
    BREAKING_TAGS,
    HEADING_LEVELS,
    Attributes,
    classes_of,
    is_admonition,
    is_dropped,
    is_layout_table,
    is_object_list,
    is_tab_row,
    words,
)
from index.core.formats.html_tree import Element, Kind
from index.core.formats.invisible import strip_invisible
from index.core.inline_code import as_code

# Of elements that hold others, so that what reads the tree may recurse; deeper text is paragraphs.
MAX_DEPTH = 50
_MAX_NAME = 200  # characters
_SPACES = re.compile(r"\s+")
_GAPS = re.compile(r" *\n\s*| {2,}")
_PILCROWS = frozenset(("", "#", "¶", "§", "🔗"))
_PREFIX_CLASSES = words("sig-prename descclassname")
_NAME_CLASSES = words("sig-name descname") | _PREFIX_CLASSES
_CODE = words("code kbd samp tt")
_QUALIFIES = (".", "::")


_KINDS = {
    "ul": Kind.LIST,
    "ol": Kind.LIST,
    "menu": Kind.LIST,
    "dir": Kind.LIST,
    "pre": Kind.CODE,
    "table": Kind.TABLE,
    "dl": Kind.TERMS,
    "header": Kind.HEADER,
    "section": Kind.GROUP,
}
_PARTS = {
    "li": (Kind.LIST, Kind.ITEM),
    "tr": (Kind.TABLE, Kind.ROW),
    "td": (Kind.ROW, Kind.CELL),
    "th": (Kind.ROW, Kind.CELL),
    "label": (Kind.ROW, Kind.CELL),
    "dt": (Kind.TERMS, Kind.TERM),
    "dd": (Kind.TERMS, Kind.DEFINITION),
}


def prune(root: LexborNode) -> Element:
    """Give back what is below `root` without what is not shown or not the page's own.

    The tree is about `MAX_DEPTH` deep at most, however deep `root` is; all text in it stays.
    """
    builder = _Builder()
    opened: list[tuple[LexborNode, Element | None]] = []
    node = root.first_child
    while node is not None or opened:
        if node is None:
            node, element = opened.pop()
            builder.close(node, element)
            node = node.next
        elif node.is_text_node:
            builder.add_text(node.text_content or "")
            node = node.next
        else:
            attributes = node.attributes if node.is_element_node else {}
            if builder.skips(node, attributes):
                node = node.next
            else:
                opened.append((node, builder.open(node, attributes)))
                node = node.first_child
    return builder.finish()


class _Builder:
    """Takes the events of a walk in document order."""

    def __init__(self) -> None:
        self._stack = [Element(Kind.GROUP)]
        self._run: list[str] = []
        self._loose = ""  # the id of a mark with no text behind it yet
        self._admonitions = 0
        self._code_depth = 0
        self._goes_on = False  # with the code of the element around

    def finish(self) -> Element:
        self._flush()
        return self._stack[0]

    def add_text(self, text: str) -> None:
        top = self._stack[-1]
        if top.kind is Kind.CODE:
            self._run.append(text)
        elif text.isspace():
            self._run.append(" ")
        else:
            text = _SPACES.sub(" ", text)
            if self._code_depth and top.kind is not Kind.HEADING and not top.is_object:
                text, self._goes_on = as_code(text, goes_on=self._goes_on), True
            self._run.append(text)
            self._loose = ""

    def skips(self, node: LexborNode, attributes: Attributes) -> bool:
        """Whether a node and all in it is left out; its id may mark a heading all the same."""
        tag = node.tag or "-comment"
        if tag == "br":
            self._run.append("\n")
            return True
        self._note_mark(tag, attributes)
        top = self._stack[-1]
        if not is_dropped(tag, attributes) or _is_sidebar_of_the_text(node, attributes):
            return top.kind is Kind.HEADING and tag == "a" and node.text().strip() in _PILCROWS
        if tag in BREAKING_TAGS:
            self._break()
        for element in self._stack if tag == "nav" else ():
            element.has_navigation = True
        return True

    def open(self, node: LexborNode, attributes: Attributes) -> Element | None:
        """Begin an element; None when it leaves no trace but the break before and after it."""
        tag = node.tag or ""
        element = self._shape(tag, attributes)
        if element is not None:
            self._flush()
            self._loose = ""
            self._stack.append(element)
            self._admonitions += element.kind is Kind.ADMONITION
        elif tag in BREAKING_TAGS:
            self._break()
        else:
            self._note_name(node, attributes)
            if tag in _CODE:
                self._code_depth += 1
                self._goes_on = False
        return element

    def close(self, node: LexborNode, element: Element | None) -> None:
        if element is None:
            if node.tag in BREAKING_TAGS:
                self._break()
            else:
                self._code_depth -= node.tag in _CODE
            return
        self._flush()
        self._stack.pop()
        self._admonitions -= element.kind is Kind.ADMONITION
        _attach(self._stack[-1], element)

    def _shape(self, tag: str, attributes: Attributes) -> Element | None:
        top = self._stack[-1]
        if len(self._stack) >= MAX_DEPTH or top.kind in (
            Kind.CODE,
            Kind.HEADING,
            Kind.TERM,
        ):
            return None
        ident = attributes.get("id") or ""
        if tag in HEADING_LEVELS:
            if self._admonitions and not ident:
                return None
            return Element(Kind.HEADING, ident, self._loose, HEADING_LEVELS[tag])
        if len(self._stack) >= MAX_DEPTH:
            return None
        if tag in _PARTS or attributes.get("role") == "tab":
            return _part(tag, attributes, top)
        return _container(tag, attributes, top)

    def _note_mark(self, tag: str, attributes: Attributes) -> None:
        ident = attributes.get("id") or (attributes.get("name") if tag == "a" else "")
        if not ident:
            return
        top = self._stack[-1]
        if top.kind is Kind.HEADING:
            top.spare = top.spare or ident
        elif tag in ("a", "span"):
            self._loose = ident

    def _note_name(self, node: LexborNode, attributes: Attributes) -> None:
        """Put together the name that a signature is of, from its qualifier and its last part."""
        top = self._stack[-1]
        if top.kind is not Kind.TERM or len(top.name) > _MAX_NAME:
            return
        if _NAME_CLASSES.isdisjoint(classes_of(attributes)):
            return
        text = node.text().strip()
        is_qualifier = text.endswith(_QUALIFIES)
        if is_qualifier or not _PREFIX_CLASSES & set(classes_of(attributes)):
            top.name = top.name + text if top.name.endswith(_QUALIFIES) else text

    def _break(self) -> None:
        if self._stack[-1].kind is not Kind.CODE:
            self._flush()
        elif self._run and not self._run[-1].endswith("\n"):
            self._run.append("\n")

    def _flush(self) -> None:
        if not self._run:
            return
        top = self._stack[-1]
        text = strip_invisible("".join(self._run))
        self._run.clear()
        text = text.strip("\n").rstrip() if top.kind is Kind.CODE else _tidy(text)
        if text:
            top.children.append(text)


def _tidy(text: str) -> str:
    return _GAPS.sub(lambda gap: "\n" if "\n" in gap[0] else " ", text).strip()


def _part(tag: str, attributes: Attributes, top: Element) -> Element | None:
    parent, kind = _PARTS.get(tag, (Kind.ROW, Kind.CELL))
    if attributes.get("role") == "tab":
        parent, kind = Kind.ROW, Kind.CELL
    if top.kind is not parent:
        return None
    ident = attributes.get("id") or ""
    is_object = (
        kind is Kind.TERM and bool(ident) and (top.is_object or "sig" in classes_of(attributes))
    )
    return Element(kind, ident, is_object=is_object)


def _container(tag: str, attributes: Attributes, top: Element) -> Element | None:
    ident = attributes.get("id") or ""
    if is_tab_row(attributes):
        return Element(Kind.ROW)
    if is_admonition(tag, attributes):
        return Element(Kind.ADMONITION)
    if tag == "table" and (is_layout_table(attributes) or top.kind is Kind.ADMONITION):
        return None
    if tag == "div" and "section" in classes_of(attributes):
        return Element(Kind.GROUP, ident)
    kind = _KINDS.get(tag)
    return kind and Element(kind, ident, is_object=is_object_list(attributes))


def _attach(parent: Element, element: Element) -> None:
    if element.kind is Kind.HEADER and (not element.splits or element.has_navigation):
        return
    if not element.children and element.kind is not Kind.CELL:
        return
    if element.kind is Kind.TERMS:
        parts = [part for part in element.children if isinstance(part, Element)]
        element.splits |= any(part.is_object for part in parts)
    parent.children.append(element)
    is_target = element.kind is Kind.GROUP and bool(element.ident)
    parent.splits |= element.splits or is_target or element.kind is Kind.HEADING


def _is_sidebar_of_the_text(node: LexborNode, attributes: Attributes) -> bool:
    """Docutils gives a side bar of the text the class that themes give to that of the site."""
    if "sidebar" not in classes_of(attributes):
        return False
    first = next(iter(node.iter()), None)
    return first is not None and "sidebar-title" in classes_of(first.attributes)
