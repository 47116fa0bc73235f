"""The words a browser would show of a page's raw HTML, and what that HTML hides of the page around it."""

import re
from collections.abc import Iterator

from docutils import nodes
from selectolax.lexbor import LexborHTMLParser, LexborNode

from index.core.formats.hidden import UNSEEN_TAGS, is_hidden
from index.core.formats.html_guard import defuse, tame
from index.core.formats.rst_ready import Ready
from index.core.pages import BlockKind

_BLOCKS = re.compile(
    "address|article|aside|blockquote|br|center|d[dlt]|details|div|fieldset|figcaption|figure|footer|form|h[1-6r]"
    "|header|li|main|nav|[ou]l|p|pre|section|summary|table|tr"
)
_MARK = "data-hw-leaf"
_MARK_LIKE = re.compile("data-(?=hw-)", re.IGNORECASE)


def resolve_raw(document: nodes.document) -> None:
    """Put in place of each raw node its visible text, and remove what raw HTML around it hides.

    An element that one piece of raw HTML opens may end in another, or with the element of the page it
    stands in. The pieces are therefore parsed as one text, with marks where the page's own text stands.
    """
    if next(document.findall(nodes.raw), None) is None:
        return
    for definition in list(document.findall(nodes.substitution_definition)):
        _Page(definition).resolve()
    _Page(document).resolve()


class _Page:
    def __init__(self, root: nodes.Element) -> None:
        self._root = root
        self._places: dict[int, int] = {}
        self._shown: dict[int, str] = {}  # of each leaf that is seen, by its place: raw HTML's text

    def resolve(self) -> None:
        body = LexborHTMLParser(defuse("".join(self._outline(self._root)))).body
        if body is not None:
            self._read(body)
        self._replace(self._root)

    def _outline(self, parent: nodes.Element) -> Iterator[str]:
        """The raw HTML, marks for all that has a text, and elements that end what is left open in them."""
        for node in parent.children:
            if isinstance(node, nodes.substitution_definition | nodes.comment):
                continue
            if isinstance(node, nodes.raw) or not node.children:
                place = self._places[id(node)] = len(self._places)
                yield f'<wbr {_MARK}="{place}">'
                if isinstance(node, nodes.raw):
                    yield tame(_MARK_LIKE.sub("data-its-", node.astext()))
            elif isinstance(node, nodes.Element):
                is_inline = isinstance(node, nodes.Inline)
                yield "" if is_inline else "<section>"
                yield from self._outline(node)
                yield "" if is_inline else "</section>"

    def _read(self, body: LexborNode) -> None:
        place = 0
        waiting: list[LexborNode | str] = [body]
        while waiting:
            node = waiting.pop()
            if isinstance(node, str):
                self._add(place, node)
            elif node.tag == "-text":
                self._add(place, (node.text_content or "").replace("\n", " "))
            elif node.tag not in UNSEEN_TAGS and not is_hidden(node.attributes):
                mark = node.attributes.get(_MARK) or ""
                if mark.isdecimal():
                    place = int(mark)
                edge = _edge(node)
                self._add(place, edge)
                waiting.append(edge)
                waiting.extend(reversed(list(node.iter(include_text=True))))

    def _add(self, place: int, text: str) -> None:
        self._shown[place] = self._shown.get(place, "") + text

    def _replace(self, parent: nodes.Element) -> None:
        kept: list[nodes.Node] = []
        for node in parent.children:
            if isinstance(node, nodes.raw):
                kept.append(self._text_of(node))
            elif id(node) in self._places:
                kept += [node] if self._places[id(node)] in self._shown else []
            elif isinstance(node, nodes.Element) and node.children:
                kept += self._replaced(node)
            else:
                kept.append(node)
        parent.children = []
        parent.extend(kept)

    def _replaced(self, node: nodes.Element) -> list[nodes.Node]:
        """The node, nothing when nothing of it is left, or its rest when it is a section without a heading."""
        if isinstance(node, nodes.substitution_definition | nodes.comment):
            return [node]
        self._replace(node)
        if isinstance(node, nodes.section) and not isinstance(next(iter(node), None), nodes.title):
            return list(node.children)
        is_left = isinstance(node, nodes.entry) or any(not _is_blank(part) for part in node)
        return [node] if is_left else []

    def _text_of(self, raw: nodes.raw) -> nodes.Node:
        lines = self._shown.get(self._places[id(raw)], "").split("\n")
        text = "\n".join(line for line in (" ".join(line.split()) for line in lines) if line)
        return (
            nodes.Text(text)
            if isinstance(raw.parent, nodes.TextElement | nodes.substitution_definition)
            else Ready(BlockKind.PROSE, text)
        )


def _is_blank(node: nodes.Node) -> bool:
    return not node if isinstance(node, nodes.Text) else isinstance(node, Ready) and node.is_blank


def _edge(node: LexborNode) -> str:
    if _BLOCKS.fullmatch(node.tag or ""):
        return "\n"
    return " " if node.tag in ("td", "th") else ""
