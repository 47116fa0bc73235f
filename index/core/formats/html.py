"""HTML pages as documentation generators publish them: their own text, by sections."""

import re
from collections.abc import Iterator, Sequence

from selectolax.lexbor import LexborHTMLParser, LexborNode, SelectolaxError

from index.core.formats.hidden import is_hidden
from index.core.formats.html_guard import defuse
from index.core.formats.html_outline import Outline
from index.core.formats.html_prune import prune
from index.core.formats.html_rules import MAIN_SELECTORS, is_dropped
from index.core.formats.invisible import strip_invisible
from index.core.inline_code import without_signs
from index.core.pages import ParsedPage, Section
from schemas.errors import UnreadablePage

_MAX_TITLE = 500  # characters
_SITE_SEPARATOR = re.compile("\\s+(?:[-\u2013\u2014|\u00b7\u2022\u00bb]|::)\\s+")


def parse_html(text: str) -> ParsedPage:
    """Read a page: a section for each heading, `section` with an id, and described object, in order.

    An anchor is an id or a name in `text`, "" where the page gives a heading none. The title is
    the first h1 of the page's own text, else the document's without the site's name. Any text is
    a page.

    Raises:
        UnreadablePage: The HTML parser gives up.
    """
    parser = _parse(text)
    outline = Outline()
    for root in _mains_of(parser):
        outline = Outline()
        outline.add(prune(root).children)
        if outline.has_text():
            break
    sections = outline.sections()
    return ParsedPage(outline.title or _document_title(parser, sections), sections)


def is_listed(text: str) -> bool:
    """Whether the page asks neither robots nor the site's own search to leave it out."""
    lowered = text.lower()
    if "robots" not in lowered and "data-pagefind-ignore" not in lowered:
        return True
    parser = _parse(text)
    for meta in parser.css("meta"):
        directives = re.split(r"[\s,]+", (meta.attributes.get("content") or "").lower())
        is_for_robots = (meta.attributes.get("name") or "").lower() == "robots"
        if is_for_robots and not {"noindex", "none"}.isdisjoint(directives):
            return False
    tops = [node for node in (parser.root, parser.body) if node is not None]
    return not any("data-pagefind-ignore" in node.attributes for node in tops)


def _parse(text: str) -> LexborHTMLParser:
    try:
        return LexborHTMLParser(defuse(text))
    except SelectolaxError as error:
        raise UnreadablePage(f"the HTML cannot be parsed: {error}") from error


def _mains_of(parser: LexborHTMLParser) -> Iterator[LexborNode]:
    """The containers that may hold the page's own text, the likeliest first."""
    for selector in MAIN_SELECTORS:
        found = [node for node in parser.css(selector) if not _is_out_of_sight(node)]
        if found and (selector != "article" or len(found) == 1):
            yield _narrow(found[0])


def _is_out_of_sight(main: LexborNode) -> bool:
    if is_dropped("", main.attributes):
        return True
    above = main.parent
    while above is not None:
        if is_hidden(above.attributes):
            return True
        above = above.parent
    return False


def _narrow(main: LexborNode) -> LexborNode:
    """The one article of a `main`, unless the page's title stands beside it."""
    articles = main.css("article") if main.tag == "main" else []
    if len(articles) == 1 and len(articles[0].css("h1")) == len(main.css("h1")):
        return articles[0]
    return main


def _document_title(parser: LexborHTMLParser, sections: Sequence[Section]) -> str:
    """The text of `title`, cut before the site's name if that, or the page's, is found again."""
    node = parser.css_first("head title")
    title = strip_invisible(without_signs(node.text()))[:_MAX_TITLE] if node is not None else ""
    title = " ".join(title.split())
    known = {section.heading for section in sections} | _site_names(parser)
    for separator in _SITE_SEPARATOR.finditer(title):
        name, site = title[: separator.start()], title[separator.end() :]
        if name in known or site in known:
            return name
    return title


def _site_names(parser: LexborHTMLParser) -> set[str]:
    names = {"og:site_name", "application-name", "apple-mobile-web-app-title"}
    return {
        meta.attributes.get("content") or ""
        for meta in parser.css("meta")
        if (meta.attributes.get("property") or meta.attributes.get("name")) in names
    } - {""}
