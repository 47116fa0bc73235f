"""Markdown pages of any dialect, from text to sections."""

from collections.abc import Mapping

from index.core.formats.anchors import anchors_of
from index.core.formats.dialects import detect_dialect
from index.core.formats.front_matter import split_front_matter
from index.core.formats.markdown_html import MarkdownHtml
from index.core.formats.markdown_reader import PageReader
from index.core.formats.markdown_rst import rst_to_myst
from index.core.pages import ParsedPage
from schemas.formats import Dialect


def parse_markdown(text: str, *, dialect: Dialect) -> ParsedPage:
    """Read a page as its generator publishes it; AUTO is told from the page. Any text is a page."""
    front = split_front_matter(_plain(text))
    page = MarkdownPage(front.body, dialect=dialect, fields=front.fields)
    page.read_text(front.body)
    return page.page(front.title)


class MarkdownPage:
    """A page that arrives in pieces: the cells of a notebook, or one text."""

    def __init__(self, sample: str, *, dialect: Dialect, fields: Mapping[str, object]) -> None:
        """Start a page; `sample` is what AUTO is decided from, `fields` the front matter."""
        if dialect is Dialect.AUTO:
            dialect = detect_dialect(sample)
        self._html = MarkdownHtml(dialect, _substitutions(fields))
        self._reader = PageReader(
            anchors_of(dialect), numbers_raw_headings=dialect is Dialect.GITHUB
        )

    def read_text(self, markdown: str) -> None:
        """Add Markdown; elements and fences it leaves open end with it."""
        self._reader.read_html(self._html.page_html(_plain(markdown)))

    def read_rst(self, text: str) -> None:
        """Add reStructuredText; of its directives only what is text or code is understood."""
        html = MarkdownHtml(Dialect.MYST, {}).page_html(rst_to_myst(_plain(text)))
        self._reader.read_html(html)

    def read_code(self, code: str) -> None:
        """Add a code block as it is."""
        self._reader.read_code(code)

    def page(self, title: str) -> ParsedPage:
        return self._reader.page(title)


def _plain(text: str) -> str:
    """One kind of line end, and no half of a surrogate pair, which no encoder takes."""
    return text.encode(errors="replace").decode().replace("\r\n", "\n").replace("\r", "\n")


def _substitutions(fields: Mapping[str, object]) -> Mapping[str, object]:
    """MyST's page-wide values: under `myst:` since version 0.18, at the top before."""
    myst = fields.get("myst")
    for holder in (myst, fields):
        values = holder.get("substitutions") if isinstance(holder, Mapping) else None
        if isinstance(values, Mapping):
            return {str(name): value for name, value in values.items()}
    return {}
