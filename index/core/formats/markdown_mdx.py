"""Markdown as Docusaurus reads it: components, imports and comments between the text."""

import re
from html import escape

from markdown_it import MarkdownIt
from markdown_it.ruler import RuleOptionsType
from markdown_it.rules_block import StateBlock
from markdown_it.rules_core import StateCore
from markdown_it.rules_inline import StateInline

_MAX_TAG_CHARS = 1000
_NAME = re.compile(r"</?([A-Za-z][\w.:-]*)?")
_PLAIN = re.compile(r"[^<>{}\"']+")
_QUOTED = re.compile(r"\"[^\"]*\"|'[^']*'")
_MODULE = re.compile(
    r"import\s+(?:[\w*{][^'\"\n]{0,500}\sfrom\s+)?['\"]"
    r"|import\s+\{\s*$"
    r"|export\s+(?:const|let|var|function|default|class|async)\s"
    r"|export\s+[{*]"
)
_LITERAL = re.compile(r"\{\s*(?:\"([^\"{}]*)\"|'([^'{}]*)'|`([^`{}$]*)`)\s*\}")
_HEADING_ID = re.compile(r"\{(?:#([^\s{}]+)|/\*\s*#([^\s{}]+)\s*\*/)\}$")
_STRING = re.compile(r"\b(\w[\w-]*)\s*=\s*(?:\{\s*)?(?:\"([^\"]*)\"|'([^']*)'|`([^`]*)`)")
_HIDDEN = re.compile(r"\shidden(?=[\s/>]|=\{true\})|\saria-hidden=\{true\}")
_UNDISPLAYED = re.compile(r"(display|visibility)\s*:\s*['\"]?\s*(none|hidden)")
_COMMENTS = {"<!--": "-->", "{/*": "*/}"}
_VOID = ("br", "hr", "img", "input", "source", "wbr", "col", "link", "meta")
_INTERRUPTED: RuleOptionsType = {"alt": ["paragraph", "reference", "blockquote", "list"]}


def use_mdx(md: MarkdownIt) -> None:
    """Teach `md` MDX: tags become `jsx` tokens; there is no indented code and no HTML block."""
    md.disable(["code", "html_block"])
    md.block.ruler.before("fence", "mdx_comment", _comment_block, _INTERRUPTED)
    md.block.ruler.before("fence", "mdx_tags", _tag_lines, _INTERRUPTED)
    md.block.ruler.before("fence", "mdx_module", _module_lines)
    md.inline.ruler.before("html_inline", "mdx_inline", _inline)
    md.core.ruler.after("block", "heading_ids", _name_headings)


def end_of_tag(source: str, start: int) -> int:
    """Where the tag that opens at `start` ends, or -1; braces and quotes may hold a `>`."""
    position = _NAME.match(source, start).end() if source.startswith("<", start) else 0  # type: ignore[union-attr]
    limit = min(len(source), start + _MAX_TAG_CHARS)
    braces = 0
    while 0 < position < limit:
        char = source[position]
        step = (_QUOTED if char in "\"'" else _PLAIN).match(source, position, limit)
        if step:
            position = step.end()
            continue
        if char == ">" and not braces:
            return position + 1
        if char == "<" and not braces:
            return -1
        braces += (char == "{") - (char == "}")
        position += 1
    return -1


def tag_html(tag: str, *, component: str = "hw-part") -> str:
    """Write a tag as HTML that keeps what it shows: label, title, and whether it is hidden.

    A `component` is the element that stands for all that HTML does not know.
    """
    name = _NAME.match(tag)[1] or ""  # type: ignore[index]
    element = name if name.islower() and name.isalnum() else component
    is_note = name == "Admonition"
    if is_note:
        element = "hw-note"
    if tag.startswith("</"):
        return f"</{element}>"
    strings = {found[1]: found[2] or found[3] or found[4] or "" for found in _STRING.finditer(tag)}
    label = strings.get("title") or strings.get("type", "note").capitalize() if is_note else ""
    if name == "TabItem":
        label = strings.get("label") or strings.get("value", "")
    closing = f"</{element}>" if tag.endswith("/>") and element not in _VOID else ""
    shown = f"<p>{escape(label)}</p>" if label else ""
    return f"<{element}{_attributes(tag, strings)}>{shown}{closing}"


def _attributes(tag: str, strings: dict[str, str]) -> str:
    kept = {
        key: strings[key] for key in ("id", "alt", "style", "aria-hidden", "role") if key in strings
    }
    undisplayed = _UNDISPLAYED.search(tag) if "style=" in tag else None
    if undisplayed:
        kept["style"] = f"{undisplayed[1]}:{undisplayed[2]}"
    hidden = " hidden" if _HIDDEN.search(tag) else ""
    return hidden + "".join(f' {key}="{escape(text)}"' for key, text in kept.items())


def _comment_block(state: StateBlock, start: int, end: int, silent: bool) -> bool:
    position = state.bMarks[start] + state.tShift[start]
    closing = next(
        (_COMMENTS[mark] for mark in _COMMENTS if state.src.startswith(mark, position)),
        "",
    )
    if not closing:
        return False
    found = _find(state, closing, position)
    if not 0 <= found < state.eMarks[end - 1]:
        return False
    line = start
    while state.eMarks[line] < found:
        line += 1
    stop = found + len(closing)
    if _is_last(state, line, stop):
        return _skip(state, line + 1, silent)
    if line == start:
        return False  # a comment within a line of text
    if not silent:
        _cut_off(state, line, stop)
    return _skip(state, line, silent)


def _cut_off(state: StateBlock, line: int, position: int) -> None:
    """Let `line` begin at `position`, where a comment ends."""
    rest = state.src[position : state.eMarks[line]]
    state.bMarks[line] = position
    state.tShift[line] = len(rest) - len(rest.lstrip())
    state.sCount[line] = state.blkIndent


def _find(state: StateBlock, mark: str, position: int) -> int:
    """Find `mark` behind `position`; a failed search is not repeated, to stay linear."""
    missing = state.env.setdefault("missing", set())
    found = -1 if (mark, len(state.src)) in missing else state.src.find(mark, position)
    if found < 0:
        missing.add((mark, len(state.src)))
    return found


def _is_last(state: StateBlock, line: int, position: int) -> bool:
    return not state.src[position : state.eMarks[line]].strip()


def _skip(state: StateBlock, line: int, silent: bool) -> bool:
    if not silent:
        state.line = line
    return True


def _tag_lines(state: StateBlock, start: int, end: int, silent: bool) -> bool:
    position = state.bMarks[start] + state.tShift[start]
    limit = state.eMarks[end - 1]
    tags: list[str] = []
    line = start
    while position < limit and state.src[position] == "<":
        stop = end_of_tag(state.src, position)
        if stop < 0 or stop > limit:
            return False
        tags.append(state.src[position:stop])
        while state.eMarks[line] < stop:
            line += 1
        position = (
            stop
            + len(state.src[stop : state.eMarks[line]])
            - len(state.src[stop : state.eMarks[line]].lstrip())
        )
        if position >= state.eMarks[line]:
            break
    if not tags or position < state.eMarks[line]:
        return False
    if not silent:
        token = state.push("jsx", "", 0)
        token.content = "".join(map(tag_html, tags))
        token.map = [start, line + 1]
    return _skip(state, line + 1, silent)


def _module_lines(state: StateBlock, start: int, end: int, silent: bool) -> bool:
    if state.level or not _MODULE.match(state.src, state.bMarks[start], state.eMarks[start]):
        return False
    line = start
    while line < end and not state.isEmpty(line):
        line += 1
    return _skip(state, line, silent)


def _inline(state: StateInline, silent: bool) -> bool:
    if state.src[state.pos] == "<" and not state.src.startswith("<!", state.pos):
        return _inline_tag(state, silent)
    if state.src.startswith("{/*", state.pos):
        stop = state.src.find("*/}", state.pos + 3)
        state.pos = stop + 3 if stop >= 0 else state.pos
        return stop >= 0
    literal = _LITERAL.match(state.src, state.pos) if state.src[state.pos] == "{" else None
    if literal is None:
        return False
    if not silent:
        state.push("text", "", 0).content = next(filter(None, literal.groups()), "")
    state.pos = literal.end()
    return True


def _inline_tag(state: StateInline, silent: bool) -> bool:
    stop = end_of_tag(state.src, state.pos)
    tag = state.src[state.pos : max(stop, state.pos)]
    if stop < 0 or re.match(r"<[A-Za-z][A-Za-z0-9+.-]+:/|<[^\s<>@]+@", tag):
        return False
    if not silent:
        state.push("jsx", "", 0).content = tag_html(tag, component="hw-span")
    state.pos = stop
    return True


def _name_headings(state: StateCore) -> None:
    for opening, inline in zip(state.tokens, state.tokens[1:], strict=False):
        named = _HEADING_ID.search(inline.content) if opening.type == "heading_open" else None
        if named:
            inline.content = inline.content[: named.start()].rstrip()
            opening.meta["id"] = named[1] or named[2]
