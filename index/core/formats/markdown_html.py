"""Markdown pages as HTML that says what is a section, a label or an admonition.

Raw HTML goes through as it is, so that one parser sees what it hides and encloses.
"""

import re
from collections.abc import Mapping, Sequence
from functools import cache
from html import escape
from inspect import getmembers, isfunction

from markdown_it.renderer import RendererHTML
from markdown_it.token import Token
from markdown_it.utils import EnvType, OptionsDict

from index.core.formats.html_guard import tame, tame_tag
from index.core.formats.markdown_directives import (
    Directive,
    admonition_html,
    code_html,
    directive_html,
    parse_directive,
    table_html,
)
from index.core.formats.markdown_mkdocs import prepare_mkdocs
from index.core.formats.markdown_roles import is_code, role_text
from index.core.formats.markdown_rst import rst_to_myst
from index.core.formats.markdown_syntax import parser_of
from schemas.formats import Dialect

_MAX_DEPTH = 12
_MAX_SUBSTITUTED_CHARS = 200_000
_MAX_TARGET_CHARS = 200
_DATA_URI = re.compile(r"\(data:[^()\s]{500,}")
_PAGE_TAG = re.compile(r"<(/?)(?:html|head|body|frameset|select)(?![\w-])", re.IGNORECASE)
_CAPTION = re.compile(r"\btitle=(?:\"([^\"]*)\"|'([^']*)')")
_CONTAINER = re.compile(r"\s*(\w+)\s*(?:\[([^\]]*)\]|(.*))")


class MarkdownHtml(RendererHTML):
    """Renders the pieces of one page; link definitions and substitutions are shared between them.

    Every public method but `page_html` writes the token it is named after.
    """

    def __init__(self, dialect: Dialect, substitutions: Mapping[str, object]) -> None:
        # As `RendererHTML` would, which looks through all members for them, page after page.
        self.rules = {name: getattr(self, name) for name in _rule_names()}
        self._md = parser_of(dialect)
        self._dialect = dialect
        self._substitutions = substitutions
        self._env: EnvType = {"substitutions": substitutions}
        self._depth = 0
        self._substituted_chars = 0
        self._is_relative = False

    def page_html(self, text: str) -> str:
        """Write a piece of the page; what it leaves open ends with it. Never raises."""
        text = _DATA_URI.sub("(data:", text)
        if self._dialect is Dialect.MKDOCS:
            text = prepare_mkdocs(text)
        return self._nested(text)

    def heading_open(
        self, tokens: Sequence[Token], at: int, options: OptionsDict, env: EnvType
    ) -> str:
        token = tokens[at]
        is_section = not token.level and not (
            self._dialect is Dialect.MYST and self._depth > 1 and not self._is_relative
        )
        marks = ["data-auto", f'data-id="{escape(token.meta.get("id", ""))}"']
        marks += [] if is_section else ["data-rubric"]
        marks += ["data-relative"] if self._is_relative else []
        if self._dialect is Dialect.MYST:
            marks.append(f'data-slug="{escape(_title_source(tokens[at + 1].children or []))}"')
        return f"<{token.tag}{_hidden(token)} {' '.join(marks)}>"

    def fence(self, tokens: Sequence[Token], at: int, options: OptionsDict, env: EnvType) -> str:
        token = tokens[at]
        if self._dialect is Dialect.MYST and token.info.lstrip().startswith("{"):
            return self._directive(parse_directive(token.info, token.content))
        title = _CAPTION.search(token.info)
        return code_html(token.content, (title[1] or title[2] or "") if title else "")

    def code_block(
        self, tokens: Sequence[Token], at: int, options: OptionsDict, env: EnvType
    ) -> str:
        return code_html(tokens[at].content)

    def colon_fence(
        self, tokens: Sequence[Token], at: int, options: OptionsDict, env: EnvType
    ) -> str:
        token = tokens[at]
        if token.info.lstrip().startswith("{"):
            return self._directive(parse_directive(token.info, token.content))
        container = _CONTAINER.match(token.info)
        if container is None or self._dialect is Dialect.MYST:
            return self._nested(token.content)
        title = (container[2] or container[3] or "").strip() or container[1].capitalize()
        return admonition_html(self._nested(title), self._nested(token.content))

    def marked(self, tokens: Sequence[Token], at: int, options: OptionsDict, env: EnvType) -> str:
        """MkDocs: `!!! kind "Title"`, `??? kind "Title"` or `=== "Tab"` with indented content."""
        token = tokens[at]
        kind, title = token.meta["kind"], token.meta["title"]
        body = self._nested(token.content)
        if token.info.startswith("="):
            return f"<div>{self._nested(title or '')}{body}</div>"
        shown = (kind.split() or [""])[0].capitalize() if title is None else title
        return admonition_html(self._nested(shown), body)

    def alert_open(
        self, tokens: Sequence[Token], at: int, options: OptionsDict, env: EnvType
    ) -> str:
        return f"<hw-note><p>{tokens[at].meta['title']}</p>"

    def alert_close(
        self, tokens: Sequence[Token], at: int, options: OptionsDict, env: EnvType
    ) -> str:
        return "</hw-note>"

    def jsx(self, tokens: Sequence[Token], at: int, options: OptionsDict, env: EnvType) -> str:
        return tokens[at].content

    def html_block(
        self, tokens: Sequence[Token], at: int, options: OptionsDict, env: EnvType
    ) -> str:
        return _raw_html(tokens[at].content)

    def html_inline(
        self, tokens: Sequence[Token], at: int, options: OptionsDict, env: EnvType
    ) -> str:
        return _PAGE_TAG.sub(r"<\1hw-part", tame_tag(tokens[at].content))

    def link_open(
        self, tokens: Sequence[Token], at: int, options: OptionsDict, env: EnvType
    ) -> str:
        """Name the target of a link without a text, for which Sphinx shows the target's title."""
        is_empty = self._dialect is Dialect.MYST and tokens[at + 1].type == "link_close"
        target = str(tokens[at].attrs.get("href", "")) if is_empty else ""
        return f"<a{_hidden(tokens[at])}>" + escape(
            role_text("doc", target[:_MAX_TARGET_CHARS].lstrip("#"))
        )

    def myst_target(
        self, tokens: Sequence[Token], at: int, options: OptionsDict, env: EnvType
    ) -> str:
        return f'<hw-label name="{escape(tokens[at].content)}"></hw-label>'

    def myst_line_comment(
        self, tokens: Sequence[Token], at: int, options: OptionsDict, env: EnvType
    ) -> str:
        return ""

    def myst_block_break(
        self, tokens: Sequence[Token], at: int, options: OptionsDict, env: EnvType
    ) -> str:
        return ""

    def role(self, tokens: Sequence[Token], at: int, options: OptionsDict, env: EnvType) -> str:
        name = tokens[at].meta["name"]
        text = escape(role_text(name, tokens[at].content))
        return f"<tt>{text}</tt>" if is_code(name) else text

    def substitution(
        self, tokens: Sequence[Token], at: int, options: OptionsDict, env: EnvType
    ) -> str:
        value = str(self._substitutions[tokens[at].content])
        self._substituted_chars += len(value)
        if self._depth >= _MAX_DEPTH or self._substituted_chars > _MAX_SUBSTITUTED_CHARS:
            return ""
        self._depth += _MAX_DEPTH // 2  # values may name each other: two levels are enough
        inline = self._md.parseInline(value, self._env)
        shown = self.render(inline, self._md.options, self._env)
        self._depth -= _MAX_DEPTH // 2
        return shown

    def image(self, tokens: Sequence[Token], at: int, options: OptionsDict, env: EnvType) -> str:
        alt = escape(_title_source(tokens[at].children or []))
        return f'<img alt="{alt}"{_hidden(tokens[at])}>'

    def math_inline(
        self, tokens: Sequence[Token], at: int, options: OptionsDict, env: EnvType
    ) -> str:
        return escape(tokens[at].content)

    math_inline_double = math_inline

    def math_block(
        self, tokens: Sequence[Token], at: int, options: OptionsDict, env: EnvType
    ) -> str:
        return f"<p>{escape(tokens[at].content)}</p>"

    math_block_label = math_block

    def footnote_ref(
        self, tokens: Sequence[Token], at: int, options: OptionsDict, env: EnvType
    ) -> str:
        return ""

    def renderToken(
        self, tokens: Sequence[Token], idx: int, options: OptionsDict, env: EnvType
    ) -> str:
        return super().renderToken(tokens, idx, options, env) if tokens[idx].tag else ""

    def _nested(self, text: str) -> str:
        if self._depth >= _MAX_DEPTH:
            return f"<p>{escape(text)}</p>"
        self._depth += 1
        html = self.render(self._md.parse(text, self._env), self._md.options, self._env)
        self._depth -= 1
        return html

    def _directive(self, directive: Directive) -> str:
        if directive.name == "eval-rst":
            return self._rst(directive.content)
        if directive.name == "raw":
            return _raw_html(directive.content) if directive.argument == "html" else ""
        if directive.name == "list-table":
            return self._nested(directive.argument) + self._list_table(directive.content)
        return directive_html(directive, self._nested)

    def _rst(self, text: str) -> str:
        was_relative, self._is_relative = self._is_relative, True
        html = self._nested(rst_to_myst(text))
        self._is_relative = was_relative
        return html

    def _list_table(self, content: str) -> str:
        """Read a list of lists as a table: the outer items are rows, the inner ones cells."""
        rows: list[list[str]] = []
        tokens = self._md.parse(content, self._env)
        start = 0
        for at, token in enumerate(tokens):
            if token.type == "list_item_open" and token.level == 1:
                rows.append([])
            elif token.type == "list_item_open" and token.level == 3:
                start = at + 1
            elif token.type == "list_item_close" and token.level == 3 and rows:
                rows[-1].append(self.render(tokens[start:at], self._md.options, self._env))
        return table_html(rows)


@cache
def _rule_names() -> Sequence[str]:
    """The tokens that have a way of their own to be written."""
    return [
        name
        for name, _ in getmembers(MarkdownHtml, isfunction)
        if name != "page_html" and not name.startswith(("render", "_"))
    ]


def _raw_html(html: str) -> str:
    """Take their power from tags that would swallow the rest of the page or belong to its frame."""
    return _PAGE_TAG.sub(r"<\1hw-part", tame(html))


def _hidden(token: Token) -> str:
    return " hidden" if "hidden" in token.attrs else ""


def _title_source(children: Sequence[Token]) -> str:
    """The text docutils makes a section's id of: raw HTML counts as text there."""
    parts = []
    for token in children:
        if token.type in ("softbreak", "hardbreak"):
            parts.append(" ")
        elif token.type == "role":
            parts.append(role_text(token.meta["name"], token.content))
        else:
            parts.append(token.content)
    return "".join(parts)
