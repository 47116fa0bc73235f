"""The Markdown parser of each dialect: which rules read its pages."""

import re
from collections.abc import Callable
from functools import cache

from markdown_it import MarkdownIt
from markdown_it.rules_core import StateCore
from markdown_it.rules_inline import StateInline
from markdown_it.token import Token
from mdit_py_plugins.colon_fence import colon_fence_plugin
from mdit_py_plugins.deflist import deflist_plugin
from mdit_py_plugins.dollarmath import dollarmath_plugin
from mdit_py_plugins.footnote import footnote_plugin
from mdit_py_plugins.myst_blocks import myst_block_plugin

from index.core.formats.markdown_attributes import use_attribute_lines
from index.core.formats.markdown_mdx import use_mdx
from index.core.formats.markdown_mkdocs import use_mkdocs
from schemas.formats import Dialect

MAX_INLINE_CHARS = 50_000
"""A longer paragraph is read as HTML alone: searching it for pairs of marks is not linear."""

_MAX_NESTING = 40
_ROLE_NAME = re.compile(r"\{([A-Za-z0-9_+:-]{1,80})\}(`+)")
_SUBSTITUTION = re.compile(r"\{\{\s*([A-Za-z_]\w*)\s*\}\}")
_ALERT = re.compile(r"\[!(note|tip|important|warning|caution)\][ \t]*(?:\n|$)", re.IGNORECASE)


@cache
def parser_of(dialect: Dialect) -> MarkdownIt:
    """The parser, without state of its own, that reads pages of `dialect`."""
    md = MarkdownIt("commonmark", {"html": True, "maxNesting": _MAX_NESTING})
    md.enable(["table", "strikethrough"])
    md.core.ruler.at("inline", _parse_inline)
    md.core.ruler.after("block", "alerts", _name_alerts)
    footnote_plugin(md, inline=False, move_to_end=False)
    dollarmath_plugin(md, allow_space=False, allow_digits=False, double_inline=True)
    _USES[dialect](md)
    return md


def _use_myst(md: MarkdownIt) -> None:
    colon_fence_plugin(md)
    deflist_plugin(md)
    myst_block_plugin(md)
    md.inline.ruler.before("backticks", "role", _role)
    md.inline.ruler.before("backticks", "substitution", _substitution)
    use_attribute_lines(md)


def _use_mkdocs(md: MarkdownIt) -> None:
    deflist_plugin(md)
    use_mkdocs(md)


def _use_docusaurus(md: MarkdownIt) -> None:
    colon_fence_plugin(md)
    use_mdx(md)


def _use_github(md: MarkdownIt) -> None:
    """What every page may use is all that GitHub knows."""


_USES: dict[Dialect, Callable[[MarkdownIt], None]] = {
    Dialect.MYST: _use_myst,
    Dialect.MKDOCS: _use_mkdocs,
    Dialect.DOCUSAURUS: _use_docusaurus,
    Dialect.GITHUB: _use_github,
}


def _parse_inline(state: StateCore) -> None:
    for token in state.tokens:
        if token.type != "inline":
            continue
        token.children = []
        if len(token.content) > MAX_INLINE_CHARS:
            token.children.append(Token("html_inline", "", 0, content=token.content))
        else:
            state.md.inline.parse(token.content, state.md, state.env, token.children)


def _name_alerts(state: StateCore) -> None:
    """Turn a quote that opens with `[!NOTE]` into an admonition."""
    depths: list[bool] = []
    for at, token in enumerate(state.tokens):
        if token.type == "blockquote_open":
            inline = state.tokens[at + 2] if at + 2 < len(state.tokens) else token
            alert = _ALERT.match(inline.content) if inline.type == "inline" else None
            depths.append(alert is not None)
            if alert:
                inline.content = inline.content[alert.end() :]
                token.type, token.meta = "alert_open", {"title": alert[1].capitalize()}
        elif token.type == "blockquote_close" and depths.pop():
            token.type = "alert_close"


def _role(state: StateInline, silent: bool) -> bool:
    if state.src[state.pos] != "{":
        return False
    opening = _ROLE_NAME.match(state.src, state.pos)
    if opening is None:
        return False
    stop = state.src.find(opening[2], opening.end() + 1)
    if stop < 0:
        return False
    if not silent:
        token = state.push("role", "", 0)
        token.meta = {"name": opening[1]}
        token.content = state.src[opening.end() : stop].replace("\n", " ")
    state.pos = stop + len(opening[2])
    return True


def _substitution(state: StateInline, silent: bool) -> bool:
    found = _SUBSTITUTION.match(state.src, state.pos) if state.src[state.pos] == "{" else None
    if found is None or found[1] not in state.env["substitutions"]:
        return False
    if not silent:
        state.push("substitution", "", 0).content = found[1]
    state.pos = found.end()
    return True
