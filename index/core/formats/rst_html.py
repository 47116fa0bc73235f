"""The words a browser would show of a piece of HTML."""

import re
from collections.abc import Iterator

from selectolax.lexbor import LexborHTMLParser, LexborNode

from index.core.formats.hidden import is_hidden

MAX_TAGS = 10_000
"""The parser's time grows with the square of the depth; a raw block with more tags than this is no prose."""

_UNSEEN = frozenset(
    {"head", "iframe", "noscript", "object", "script", "style", "svg", "template", "title"}
)
_BLOCKS = re.compile(
    "address|article|aside|blockquote|br|center|d[dlt]|details|div|fieldset|figcaption|figure|footer|form|h[1-6r]"
    "|header|li|main|nav|[ou]l|p|pre|section|summary|table|tr"
)


def visible_text(html: str) -> str:
    """Lines of text, one for each block of the page; nothing of scripts, styles and hidden elements."""
    if html.count("<") > MAX_TAGS:
        return ""
    root = LexborHTMLParser(html).root
    lines = "".join(_parts(root)).split("\n") if root else ()
    return "\n".join(line for line in (" ".join(line.split()) for line in lines) if line)


def _parts(root: LexborNode) -> Iterator[str]:
    waiting: list[LexborNode | str] = [root]
    while waiting:
        node = waiting.pop()
        if isinstance(node, str):
            yield node
        elif node.tag == "-text":
            yield (node.text_content or "").replace("\n", " ")
        elif node.tag not in _UNSEEN and not is_hidden(node.attributes):
            edge = _edge(node)
            yield edge
            waiting.append(edge)
            waiting.extend(reversed(list(node.iter(include_text=True))))


def _edge(node: LexborNode) -> str:
    if _BLOCKS.fullmatch(node.tag or ""):
        return "\n"
    return " " if node.tag in ("td", "th") else ""
