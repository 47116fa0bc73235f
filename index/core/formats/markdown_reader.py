"""Reads the HTML of `markdown_html` as a browser would show it, into `markdown_sections`."""

from collections.abc import Callable, Mapping

from selectolax.lexbor import LexborHTMLParser, LexborNode

from index.core.formats.anchors import Anchors
from index.core.formats.hidden import UNSEEN_TAGS, is_hidden
from index.core.formats.html_guard import defuse
from index.core.formats.html_rules import words
from index.core.formats.invisible import strip_invisible
from index.core.formats.markdown_sections import PageText
from index.core.inline_code import as_code, without_signs
from index.core.pages import BlockKind, ParsedPage

_HEADINGS = words("h1 h2 h3 h4 h5 h6")
_BLOCKS = _HEADINGS | words("""
    address article aside blockquote caption center dd details dir div dl dt fieldset figcaption
    figure footer form header hr hw-note hw-part legend li main menu nav ol option p pre section
    summary table tbody td tfoot th thead tr ul
""")
_CODE = words("code kbd samp tt")
_OPENINGS: dict[str, Callable[[PageText], None]] = {
    **dict.fromkeys(("ul", "ol", "dl", "menu", "dir"), PageText.open_list),
    **dict.fromkeys(("li", "dt"), PageText.start_item),
    **dict.fromkeys(("td", "th"), PageText.open_cell),
    "hw-note": PageText.open_note,
    "table": PageText.open_table,
    "tr": PageText.start_row,
    "dd": PageText.end_term,
}
_CLOSINGS: dict[str, Callable[[PageText], None]] = {
    **dict.fromkeys(("ul", "ol", "dl", "menu", "dir"), PageText.close_list),
    **dict.fromkeys(("td", "th"), PageText.close_cell),
    "hw-note": PageText.close_note,
    "table": PageText.close_table,
}


class PageReader:
    """Reads a page's pieces in order: headings go on from piece to piece, open elements do not.

    `numbers_raw_headings` tells that the generator gives an id to a heading written as HTML, too.
    """

    def __init__(self, anchors: Anchors, *, numbers_raw_headings: bool) -> None:
        self._anchors = anchors
        self._numbers_raw_headings = numbers_raw_headings
        self._text = PageText()
        self._labels: list[str] = []
        self._level = 0
        self._foreign_depth = 0
        self._code_depth = 0
        self._signed_depth = 0
        self._goes_on = False
        self._is_preformatted = False

    def read_html(self, html: str) -> None:
        body = LexborHTMLParser(defuse(f"<!doctype html><body>{html}")).body
        if body is None:
            return
        named = body.css("[data-id]")
        self._anchors.reserve(filter(None, (node.attributes.get("data-id") for node in named)))
        self._walk(body)
        self._text.end_run()

    def read_code(self, code: str) -> None:
        self._labels = []
        self._text.add_block(BlockKind.CODE, code)

    def page(self, title: str) -> ParsedPage:
        return self._text.page(title)

    def _walk(self, body: LexborNode) -> None:
        """Visit in reading order without recursion: a page may nest deeper than Python can call."""
        node = body.first_child
        while node is not None:
            is_entered = self._enter(node)
            below = node.first_child if is_entered else None
            if below is not None:
                node = below
                continue
            if is_entered:
                self._leave(node)
            while node.next is None:
                above = node.parent
                if above is None or above.mem_id == body.mem_id:
                    return
                node = above
                self._leave(node)
            node = node.next

    def _enter(self, node: LexborNode) -> bool:
        tag = node.tag or ""
        if tag == "-text":
            self._add_text(node.text_content or "")
            return False
        if tag in UNSEEN_TAGS or tag.startswith("-") or is_hidden(node.attributes):
            return False
        if self._foreign_depth or tag == "math":
            self._foreign_depth += 1
        elif tag in _BLOCKS:
            self._text.end_run()
            _OPENINGS.get(tag, _do_nothing)(self._text)
            self._is_preformatted = tag == "pre"
        else:
            self._enter_inline(tag, node)
        return True

    def _enter_inline(self, tag: str, node: LexborNode) -> None:
        if tag in _CODE:
            self._code_depth += tag == "code"
            self._signed_depth += 1
            self._goes_on = False
        elif tag == "br":
            self._text.add_verbatim("\n")
        elif tag == "img":
            self._text.add_text(node.attributes.get("alt") or "")
        elif tag == "hw-label":
            label = node.attributes.get("name") or ""
            self._anchors.add_label(label)
            self._labels.append(label)

    def _leave(self, node: LexborNode) -> None:
        tag = node.tag or ""
        if self._foreign_depth:
            self._foreign_depth -= 1
        elif tag in _HEADINGS:
            self._end_heading(node)
        elif tag in _BLOCKS:
            self._text.end_run(BlockKind.CODE if tag == "pre" else BlockKind.PROSE)
            self._is_preformatted = False
            self._labels = []
            _CLOSINGS.get(tag, _do_nothing)(self._text)
        elif tag in _CODE:
            self._code_depth -= tag == "code"
            self._signed_depth -= 1

    def _add_text(self, text: str) -> None:
        if self._signed_depth and not self._is_preformatted and text.strip():
            text, self._goes_on = as_code(text, goes_on=self._goes_on), True
        if self._is_preformatted:
            self._text.add_verbatim(text)
        elif self._code_depth:
            self._text.add_verbatim(text.replace("\n", " "))
        else:
            self._text.add_text(text)

    def _end_heading(self, node: LexborNode) -> None:
        marks = node.attributes
        heading = " ".join(without_signs(self._text.take_run()).split())
        anchor = self._anchor_of(heading, marks)
        if "data-rubric" in marks or self._text.is_enclosed:
            self._text.add_block(BlockKind.PROSE, heading)
            return
        level = int((node.tag or "h1")[1])
        if "data-relative" in marks:
            level += self._level
        else:
            self._level = level
        self._text.start_section(level, heading, anchor)

    def _anchor_of(self, heading: str, marks: Mapping[str, str | None]) -> str:
        labels, self._labels = self._labels, []
        explicit = strip_invisible(marks.get("data-id") or marks.get("id") or "")
        if explicit and "data-auto" not in marks:
            return explicit
        if "data-auto" not in marks and not self._numbers_raw_headings:
            return ""
        source = marks.get("data-slug") or heading
        return self._anchors.of_heading(source, explicit=explicit, labels=labels)


def _do_nothing(text: PageText) -> None:
    """Most blocks only end a run."""
