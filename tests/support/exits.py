"""An independent judge of answers: whatever a client may fetch, click or take for somebody else's word.

It shares nothing with the filter. It renders an answer with markdown-it, strictly and with all that
clients switch on (HTML, tables, footnotes, mathematics, attributes), reads the HTML that comes out,
and looks in the text for what a client would turn into a link by itself.
"""

import re
from collections.abc import Collection, Iterator
from html.parser import HTMLParser

from markdown_it import MarkdownIt
from markdown_it.token import Token
from mdit_py_plugins.attrs import attrs_plugin
from mdit_py_plugins.deflist import deflist_plugin
from mdit_py_plugins.dollarmath import dollarmath_plugin
from mdit_py_plugins.footnote import footnote_plugin

STRICT = MarkdownIt("commonmark", {"html": True})
GITHUB = MarkdownIt("js-default", {"html": True})
EAGER = (
    MarkdownIt("js-default", {"html": True})
    .use(footnote_plugin)
    .use(deflist_plugin)
    .use(dollarmath_plugin)
    .use(attrs_plugin)
)
RENDERERS = (STRICT, GITHUB, EAGER)

# Links by themselves: GitHub's autolinks (www., schemes, addresses of mail) and the guesses of
# linkify-it: a name with a top-level domain, two slashes, an address of numbers.
_LINKED = re.compile(
    r"(?:[a-z][a-z0-9+.-]*:)?//\S|www\.\S|\S@[\w-]+\.\w|(?:mailto|xmpp|javascript|vbscript|data|tel|file):\S"
    r"|[^\s.]\.(?:xn--|[^\W\d_]{2})|\d\.\d{1,3}\.\d{1,3}\.\d",
    re.IGNORECASE,
)
_MARKER = re.compile(r"[\[【［〔]\s*\^?\s*(\d+)[^\]】］〕]*[\]】］〕]")
_ROLE = re.compile(
    r"<\|[^|]*\|>|\[/?INST\]|<</?SYS>>|</?s>|<(?:start|end)_of_turn>|</?(?:system|assistant|user|context)>",
    re.IGNORECASE,
)
_SPEAKER = re.compile(r"\W*(?:system|assistant|user|human)\W{0,3}:", re.IGNORECASE)
_COMMANDS = re.compile(r"\\(?:href|url|html\w*|includegraphics|class|style|cssId|require)\b")
_INVISIBLE = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f\u2028-\u202e"
    "\u2060-\u206f\u3164\ufe00-\ufe0f\ufeff\uffa0\ufff0-\ufffb\ud800-\udfff\U000e0000-\U000e0fff]"
)
_PLAIN_TAGS = frozenset(
    """
    p a code pre strong em s ul ol li h1 h2 h3 h4 h5 h6 table thead tbody tr th td blockquote br hr section div span
    dl dt dd eq eqn sup
    """.split()  # noqa: SIM905 - a table of words reads better as text
)


def exits_of(answer: str, *, urls: Collection[str], cites: Collection[int]) -> list[str]:
    """Every exit of an answer: empty where it has none.

    Args:
        answer: The Markdown.
        urls: Where links may lead: the addresses of its citations.
        cites: The numbers whose markers may stand in it.
    """
    found = [f"invisible: {hidden[0]!r}" for hidden in _INVISIBLE.finditer(answer)]
    for renderer in RENDERERS:
        allowed = {renderer.normalizeLink(url) for url in urls}
        tokens = renderer.parse(answer)
        found += _exits_of_tokens(tokens, allowed, cites)
        found += _exits_of_html(renderer.renderer.render(tokens, renderer.options, {}), allowed)
    return found


def _exits_of_tokens(
    tokens: list[Token], allowed: Collection[str], cites: Collection[int]
) -> Iterator[str]:
    for token in tokens:
        if token.type in ("html_block", "image") or "footnote" in token.type:
            yield f"{token.type}: {token.content}"
        if token.type.startswith("math") and _COMMANDS.search(token.content):
            yield f"mathematics: {token.content}"
        if token.type == "inline":
            yield from _exits_of_tokens(token.children or [], allowed, cites)
            yield from _exits_of_text(token, cites)
        if token.type in ("html_inline",):
            yield f"HTML: {token.content}"
        if token.type == "link_open" and token.attrs["href"] not in allowed:
            yield f"link: {token.attrs['href']}"
        if token.type in ("text", "code_inline", "fence", "code_block") and _ROLE.search(
            token.content
        ):
            yield f"role: {token.content}"


def _exits_of_text(inline: Token, cites: Collection[int]) -> Iterator[str]:
    """What the text outside code shows, in one piece: marks may hide in its joints."""
    children = inline.children or []
    for token in children:
        if token.type == "text" and (linked := _LINKED.search(token.content)):
            yield f"linked by itself: {linked[0]} in {token.content}"
    shown = "".join(_shown(token) for token in children)
    for marker in _MARKER.finditer(shown):
        if marker[0] != f"[{marker[1]}]" or int(marker[1]) not in cites:
            yield f"marker: {marker[0]}"
    if _SPEAKER.match(shown) or _ROLE.search(shown):
        yield f"speaker: {shown}"


def _shown(token: Token) -> str:
    if token.type in ("softbreak", "hardbreak"):
        return "\n"
    return "\0" if token.type == "code_inline" else token.content


def _exits_of_html(rendered: str, allowed: Collection[str]) -> list[str]:
    reader = _Reader(allowed)
    reader.feed(rendered)
    reader.close()
    return reader.found


class _Reader(HTMLParser):
    """Whatever a browser would do with the page: only plain elements and allowed links are nothing."""

    def __init__(self, allowed: Collection[str]) -> None:
        super().__init__()
        self._allowed = allowed
        self.found: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag not in _PLAIN_TAGS:
            self.found.append(f"element: {tag}")
        for name, value in attrs:
            is_allowed = (
                (tag == "a" and name == "href" and value in self._allowed)
                or (tag == "code" and name == "class")
                or (tag == "ol" and name == "start")
                or (name == "style" and (value or "").startswith("text-align:"))
                or (
                    tag in ("span", "div", "eq", "eqn")
                    and name == "class"
                    and "math" in (value or "")
                )
            )
            if not is_allowed:
                self.found.append(f"attribute: {tag} {name}={value}")

    def handle_comment(self, data: str) -> None:
        self.found.append(f"comment: {data}")

    def handle_decl(self, decl: str) -> None:
        self.found.append(f"declaration: {decl}")
