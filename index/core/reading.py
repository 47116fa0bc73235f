"""How a page's text becomes what the index keeps of it."""

from collections.abc import Sequence
from dataclasses import dataclass

from index.core.chunks import ChunkLimits, CountTokens, split_page
from index.core.formats.html import parse_html
from index.core.formats.markdown import parse_markdown
from index.core.formats.notebook import parse_notebook
from index.core.formats.rst import parse_rst
from index.core.pages import ParsedPage, ReadPage, Section
from index.core.terms import count_terms
from schemas.errors import UnreadablePage
from schemas.events import PageChanged
from schemas.formats import Dialect, Format
from schemas.ids import path_of

MAX_SECTIONS = 5_000


@dataclass(frozen=True, slots=True)
class Reader:
    """Reads pages for one generation: a pure function of the event, these limits and the model's tokeniser."""

    limits: ChunkLimits
    count_tokens: CountTokens

    def read(self, event: PageChanged) -> ReadPage:
        """Section, chunk and count `event`'s page. Raises: UnreadablePage."""
        parsed = parse_page(event)
        if len(parsed.sections) > MAX_SECTIONS:
            raise UnreadablePage(f"{len(parsed.sections)} headings, the cap is {MAX_SECTIONS}")
        path = path_of(event.page_id)
        title = parsed.title or _first_heading(parsed.sections) or path
        chunks = split_page(
            title, parsed.sections, limits=self.limits, count_tokens=self.count_tokens
        )
        texts = ((parsed.sections[chunk.section].path, chunk.text) for chunk in chunks)
        return ReadPage(title, parsed.sections, chunks, count_terms(title, path, texts))


def parse_page(event: PageChanged) -> ParsedPage:
    """Parse the page with its format's parser. Raises: UnreadablePage."""
    match Format(event.format):
        case Format.MARKDOWN:
            return parse_markdown(event.text, dialect=Dialect(event.dialect))
        case Format.RST:
            return parse_rst(event.text)
        case Format.NOTEBOOK:
            return parse_notebook(event.text, dialect=Dialect(event.dialect))
        case Format.HTML:
            return parse_html(event.text)


def _first_heading(sections: Sequence[Section]) -> str:
    return next((section.heading for section in sections if section.heading), "")
