"""Attribute lists such as `{: #id .class key=value }`: the text they are no part of, and what they hide.

Sources: Python-Markdown's extension attr_list; MyST's attrs_inline and attrs_block.
"""

import re
from collections.abc import Sequence

from markdown_it import MarkdownIt
from markdown_it.rules_block import StateBlock
from markdown_it.rules_core import StateCore
from markdown_it.token import Token

from index.core.formats.hidden import is_hidden

_BRACES = re.compile(r"[ \t]?\{(:?)([^{}\n]*)\}")
_SPAN = re.compile(r"\[([^\[\]\n]*)\]\{([^{}\n]*)\}")
_LINE = re.compile(r"\{([^{}\n]*)\}[ \t]*$")
_ATTRIBUTE = re.compile(r"[#.][\w:.-]+|([\w:-]+)=(\"[^\"]*\"|'[^']*'|[^\s\"'=]+)|([\w-]+)")
_NO_MARKUP = ("text", "softbreak", "hardbreak")
_NO_BLOCKS = ("hide_next", "myst_target")
_ID = re.compile(r"(?:^|\s)#([\w:.-]+)")


def use_attribute_lists(md: MarkdownIt) -> None:
    """Teach `md` Python-Markdown's lists: behind a piece of markup its own, elsewhere its block's."""
    md.core.ruler.push("attribute_lists", _apply_lists)


def use_attribute_lines(md: MarkdownIt) -> None:
    """Teach `md` MyST's lists: on a line above a block, and directly behind markup or `[text]`."""
    md.block.ruler.before("paragraph", "attribute_line", _attribute_line, {"alt": ["paragraph"]})
    md.core.ruler.after("block", "hide_next", _hide_next)
    md.core.ruler.push("attribute_spans", _apply_spans)
    md.core.ruler.push("attribute_lists", _apply_inline_lists)


def split_attributes(text: str) -> tuple[str, str, bool]:
    """Take an attribute list off the end of `text`; then the id it sets, or "", and whether it hides."""
    start = text.rfind("{")
    braces = _BRACES.fullmatch(text, start) if start >= 0 else None
    if braces is None or not _is_list(braces[2], is_marked=bool(braces[1])):
        return text, "", False
    named = _ID.search(braces[2])
    return text[:start].rstrip(), named[1] if named else "", _hides(braces[2])


def _is_list(content: str, *, is_marked: bool) -> bool:
    """Tell `.class #id key=value` from ordinary text in braces, which no colon marks."""
    has_sign = is_marked or any(sign in content for sign in "#.=") or _hides(content)
    return has_sign and bool(content.strip()) and not _ATTRIBUTE.sub("", content).strip()


def _hides(content: str) -> bool:
    found = _ATTRIBUTE.finditer(content)
    return is_hidden({item[1] or item[3] or "": (item[2] or "").strip("\"'") for item in found})


def _apply_lists(state: StateCore) -> None:
    _apply_inline_lists(state)
    for at, token in enumerate(state.tokens):
        for child in token.children or ():
            if child.type == "text" and _take_lists(child):
                _block_of(state.tokens, at).attrSet("hidden", "")


def _take_lists(text: Token) -> bool:
    """Remove the attribute lists from a run of text; whether one of them hides."""
    found = [
        braces
        for braces in _BRACES.finditer(text.content)
        if _is_list(braces[2], is_marked=bool(braces[1]))
    ]
    for braces in reversed(found):
        text.content = text.content[: braces.start()] + text.content[braces.end() :]
    return any(_hides(braces[2]) for braces in found)


def _apply_inline_lists(state: StateCore) -> None:
    for token in state.tokens:
        children = token.children or []
        for place, child in enumerate(children[1:]):
            braces = _BRACES.match(child.content) if child.type == "text" else None
            if braces is None or braces[0][0] != "{" or children[place].type in _NO_MARKUP:
                continue
            if _is_list(braces[2], is_marked=bool(braces[1])):
                child.content = child.content[braces.end() :]
                if _hides(braces[2]):
                    children[_start_of(children, place)].attrSet("hidden", "")


def _start_of(children: Sequence[Token], close: int) -> int:
    """Where the piece of markup begins that ends at `close`."""
    depth, at = 0, close
    while at >= 0:
        depth -= children[at].nesting
        if depth <= 0:
            return at
        at -= 1
    return close


def _block_of(tokens: Sequence[Token], inline: int) -> Token:
    """What opens the block whose text this is: in a list without blank lines the item."""
    opening = tokens[inline - 1]
    return tokens[inline - 2] if opening.hidden and inline > 1 else opening


def _attribute_line(state: StateBlock, start: int, end: int, silent: bool) -> bool:
    """Read `{#id .class}` on a line above a block: a label, whether it hides, or nothing to show."""
    position = state.bMarks[start] + state.tShift[start]
    line = _LINE.match(state.src[position : state.eMarks[start]])
    if line is None or not _is_list(line[1], is_marked=False):
        return False
    if not silent:
        if named := _ID.search(line[1]):
            state.push("myst_target", "", 0).content = named[1]
        if _hides(line[1]):
            state.push("hide_next", "", 0)
        state.line = start + 1
    return True


def _hide_next(state: StateCore) -> None:
    """Put the block that follows a list which hides into an element that is hidden."""
    at = 0
    while at < len(state.tokens):
        if state.tokens[at].type == "hide_next":
            start = at
            while start < len(state.tokens) and state.tokens[start].type in _NO_BLOCKS:
                start += 1
            stop = _end_of(state.tokens, start)
            state.tokens[start:stop] = [
                _html_block("<div hidden>"),
                *state.tokens[start:stop],
                _html_block("</div>"),
            ]
            at = stop
        at += 1


def _end_of(tokens: Sequence[Token], start: int) -> int:
    """Behind the block that begins at `start`; `start` itself when none does."""
    depth, at = 0, start
    while at < len(tokens):
        depth += tokens[at].nesting
        if depth < 0:
            break
        at += 1
        if not depth:
            break
    return at


def _html_block(tag: str) -> Token:
    return Token("html_block", "", 0, content=tag)


def _apply_spans(state: StateCore) -> None:
    for token in state.tokens:
        for child in token.children or ():
            if child.type == "text":
                child.content = _SPAN.sub(_shown_span, child.content)


def _shown_span(span: re.Match[str]) -> str:
    if not _is_list(span[2], is_marked=False):
        return span[0]
    return "" if _hides(span[2]) else span[1]
