"""Reads reStructuredText pages as Sphinx projects write them."""

import re
from collections.abc import Iterator, Mapping

from docutils import ApplicationError, DataError, nodes

from index.core.formats.invisible import strip_invisible
from index.core.formats.rst_html import resolve_raw
from index.core.formats.rst_states import parse_document
from index.core.formats.rst_text import read_sections
from index.core.pages import ParsedPage
from schemas.errors import UnreadablePage

_FIELD = re.compile(r":(?![: ])((?:[^:\\]|\\.|:(?!([ `]|$)))*)(?<! ):(?: +(.*)|$)")
_PREAMBLE = re.compile(r"\s|\.\.(?:\s|$)")
_BROKEN = (
    ApplicationError,
    ArithmeticError,
    AssertionError,
    AttributeError,
    DataError,
    LookupError,
    RecursionError,
    TypeError,
    ValueError,
)
"""How docutils gives up: it checks pages with assertions and converts their numbers without a look."""


def parse_rst(text: str) -> ParsedPage:
    """Split a page into sections; equal texts give equal pages, and nothing is read but `text`.

    Anchors are those of a page published by Sphinx: the id of the section's element.

    Raises:
        UnreadablePage: the text is nested too deeply, or broken in a way docutils cannot get over.
    """
    try:
        document = parse_document(strip_invisible(text))
        _drop_fields(document)
        resolve_raw(document)
        sections = read_sections(document)
    except _BROKEN as error:
        raise UnreadablePage(f"no readable reStructuredText: {type(error).__name__}") from error
    return ParsedPage(next((section.heading for section in sections if section.path), ""), sections)


def page_fields(text: str) -> Mapping[str, str]:
    """The fields at the very top of a page, such as `orphan` and `nosearch`, by lower-case name."""
    fields: dict[str, str] = {}
    name = ""
    for line in _top_lines(strip_invisible(text)):
        if field := _FIELD.match(line):
            name = field[1].lower()
            fields[name] = (field[3] or "").strip()
        else:
            fields[name] = f"{fields[name]} {line.strip()}".strip()
    return fields


def _top_lines(text: str) -> Iterator[str]:
    """The lines of the field list that opens a page, after comments, labels and blank lines."""
    in_fields = False
    for line in text.split("\n"):
        is_field = _FIELD.match(line) is not None
        if is_field or (in_fields and line.startswith((" ", "\t")) and line.strip()):
            in_fields = True
            yield line
        elif line.strip() and (in_fields or not _PREAMBLE.match(line)):
            return


def _drop_fields(document: nodes.document) -> None:
    """Remove the field list that opens the page: it speaks to the generator, not to the reader."""
    for child in document.children:
        if isinstance(child, nodes.field_list):
            document.remove(child)
            return
        if not isinstance(
            child,
            nodes.comment | nodes.system_message | nodes.substitution_definition | nodes.target,
        ):
            return
