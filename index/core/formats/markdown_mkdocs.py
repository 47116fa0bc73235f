"""Markdown as MkDocs reads it: indented admonitions and tabs, attribute lists, icons, snippets."""

import re

from markdown_it import MarkdownIt
from markdown_it.rules_block import StateBlock
from markdown_it.rules_core import StateCore

from index.core.formats.markdown_attributes import split_attributes, use_attribute_lists

_MARKER = re.compile(
    r"(!!!|\?\?\?\+?|===[!+]?)[ \t]+([^\"\n]{0,200}?)[ \t]*(?:\"([^\n]*)\")?[ \t]*$"
)
_SNIPPET = re.compile(r"^[ \t]*-+8<-+(?:[ \t]+[\"'][^\n]*)?$")
_ABBREVIATION = re.compile(r"^ {0,3}\*\[[^\]\n]+\] ?:[ \t]")
_MARKDOWN_IN_HTML = re.compile(
    r"^[ \t]*<[a-z][^<>\n]{0,500}?\smarkdown(?:=[^<>\n]{0,500})?>[ \t]*$"
)
_CLOSING_TAG = re.compile(r"^[ \t]*</[a-z]\w*>[ \t]*$")
_ICON = re.compile(r":(?:material|octicons|fontawesome|simple)-[a-z0-9-]{1,80}:")
_CONTENT_INDENT = 4


def use_mkdocs(md: MarkdownIt) -> None:
    """Teach `md` what MkDocs pages add; a marker becomes a `marked` token for the directives."""
    md.block.ruler.before(
        "fence",
        "marked",
        _marked,
        {"alt": ["paragraph", "reference", "blockquote", "list"]},
    )
    md.core.ruler.after("block", "heading_attributes", _name_headings)
    use_attribute_lists(md)
    md.core.ruler.push("icons", _drop_icons)


def prepare_mkdocs(text: str) -> str:
    """Drop snippet lines, abbreviations and the table of contents, and open Markdown inside HTML to the parser."""
    kept: list[str] = []
    for line in text.split("\n"):
        if _SNIPPET.match(line) or _ABBREVIATION.match(line) or line.strip() == "[TOC]":
            continue
        if _CLOSING_TAG.match(line):
            kept.append("")
        kept.append(line)
        if _CLOSING_TAG.match(line) or _MARKDOWN_IN_HTML.match(line):
            kept.append("")
    return "\n".join(kept)


def _marked(state: StateBlock, start: int, end: int, silent: bool) -> bool:
    position = state.bMarks[start] + state.tShift[start]
    if state.src[position : position + 1] not in ("!", "?", "="):
        return False
    marker = _MARKER.match(state.src[position : state.eMarks[start]])
    if marker is None or not (marker[2] or marker[3]):
        return False
    if silent:
        return True
    indent = state.sCount[start] + _CONTENT_INDENT
    stop = _end_of_content(state, start + 1, end, indent)
    token = state.push("marked", "", 0)
    token.info = marker[1]
    token.meta = {"kind": marker[2], "title": marker[3]}
    token.content = state.getLines(start + 1, stop, indent, False)
    token.map = [start, stop]
    state.line = stop
    return True


def _end_of_content(state: StateBlock, line: int, end: int, indent: int) -> int:
    stop = line
    while line < end and (state.isEmpty(line) or state.sCount[line] >= indent):
        line += 1
        if not state.isEmpty(line - 1):
            stop = line
    return stop


def _name_headings(state: StateCore) -> None:
    for opening, inline in zip(state.tokens, state.tokens[1:], strict=False):
        if opening.type == "heading_open":
            inline.content, anchor, is_hidden = split_attributes(inline.content)
            opening.meta["id"] = anchor
            if is_hidden:
                opening.attrSet("hidden", "")


def _drop_icons(state: StateCore) -> None:
    for token in state.tokens:
        for child in token.children or ():
            if child.type == "text":
                child.content = _ICON.sub("", child.content)
