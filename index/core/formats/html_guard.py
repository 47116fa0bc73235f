"""What is cut out of an HTML text before it is parsed, so that no page makes the parser slow.

The HTML standard itself asks for work that grows with the square of the input: a block looks
through all open elements, an attribute through those before it, and unclosed bold or italic is
opened again in each paragraph.
"""

import re
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from selectolax.lexbor import LexborHTMLParser

from index.core.formats.hidden import UNSEEN_TAGS, is_hidden
from index.core.formats.html_rules import words

MAX_DEPTH = 400
_MAX_ATTRIBUTES = 4096  # characters; parsing them costs the square of their number
_MAX_REOPENED = 8  # formatting elements open at a tag, on average

_TAG = re.compile(
    r"<!--.*?(?:-->|\Z)"
    r"|<(?P<raw>script|style|textarea|title|xmp|iframe|noembed|noframes)\b.*?(?:</(?P=raw)|\Z)"
    r"|<(?P<end>/?)(?P<name>[a-z][^\s/>]*)(?P<rest>(?:[^>\"']++|\"[^\"]*+(?:\"|\Z)|'[^']*+(?:'|\Z))*+)(?:>|\Z)",
    re.IGNORECASE | re.DOTALL,
)
# What a huge attribute list may say that its text must not be shown; rather hidden once too often than shown.
_HIDDEN = re.compile(
    r"[\s\"']hidden(?=[\s=/\"']|\Z)|aria-hidden|display\s*:\s*none|visibility\s*:\s*(?:hidden|collapse)",
    re.IGNORECASE,
)
_MAY_HIDE = re.compile("hidden|style", re.IGNORECASE)
# Elements whose content a browser takes for text up to their own end tag, and shows nothing of.
_UNSEEN_RAW = re.compile(
    r"<(title|iframe|noembed|noframes)\b[^>]{0,2000}>.{0,2000}?</\1\s*>"
    r"|</?(?:title|iframe|noembed|noframes)\b[^>]{0,2000}>?",
    re.IGNORECASE | re.DOTALL,
)
_UNSEEN_TAG = re.compile(r"<(/?)(?:title|iframe|noembed|noframes)\b", re.IGNORECASE)
_SHOWN_RAW = re.compile(r"<(/?)(?:textarea|xmp|plaintext)(?![\w-])", re.IGNORECASE)
_FORMATTING = words("""
    b big code em font i nobr s small strike strong tt u
""")
# Only in these does `/>` end an element.
_FOREIGN = ("svg", "math")
# Elements that have no end tag, or whose end tag may be left out: they never nest by themselves.
_FLAT = words("""
    a area base body br col dd dt embed head hr html img input li link meta option optgroup p
    param source tbody td tfoot th thead tr track wbr
""")


def tame_tag(tag: str) -> str:
    """One tag within a paragraph, as `tame` has it: what stands between two of them is not shown either."""
    found = _UNSEEN_TAG.match(tag)
    if found is None:
        return tame(tag)
    return "" if tag.endswith("/>") else f"<{found[1]}hw-unseen>"


def tame(html: str) -> str:
    """Raw HTML within a page without the tags that swallow all markup after them, the page's own included.

    What they hide by their attributes stays hidden.
    """
    return _SHOWN_RAW.sub(r"<\1hw-raw", _UNSEEN_RAW.sub("", html))


def defuse(text: str) -> str:
    """Drop over-deep tags, huge attribute lists and runaway formatting from `text`.

    All text stays but that of a hidden element whose tag goes. Real pages come back unchanged. Tags
    are known by their looks alone: a text made to deceive this may still be slow to parse, so a
    caller keeps a time limit.
    """
    if len(text) <= _MAX_ATTRIBUTES and text.count("<") <= MAX_DEPTH:
        return text
    danger = _danger_of(_TAG.findall(text.lower()))
    if not danger.any:
        return text
    return "".join(_Cut(drop_formatting=danger.has_runaway_formatting).pieces(text))


class _Danger(NamedTuple):
    any: bool
    has_runaway_formatting: bool


def _danger_of(tags: Sequence[tuple[str, str, str, str]]) -> _Danger:
    """One loop over (raw text element, "/" or "", name, attributes); every page pays for it."""
    unclosed: dict[str, int] = defaultdict(int)
    depth = deepest = formatting = reopened = 0
    for _, end, name, rest in tags:
        reopened += formatting
        step = -1 if end else 1
        if not name or name in _FLAT or (end and not unclosed[name]):
            continue
        if rest[-1:] == "/" and any(unclosed[root] > 0 for root in _FOREIGN):
            continue
        unclosed[name] += step
        depth += step
        if depth > deepest:
            deepest = depth
        formatting += step if name in _FORMATTING else 0
    longest = max((len(rest) for *_, rest in tags), default=0)
    runaway = reopened > _MAX_REOPENED * len(tags) + MAX_DEPTH
    return _Danger(deepest > MAX_DEPTH or longest > _MAX_ATTRIBUTES or runaway, runaway)


class _Cut:
    """Goes through a dangerous text tag by tag: each stays, becomes its bare form, or goes."""

    def __init__(self, *, drop_formatting: bool) -> None:
        self._dropped = _FORMATTING if drop_formatting else frozenset()
        self._open: Counter[str] = Counter()
        self._gone: Counter[str] = Counter()
        self._depth = 0
        self._hidden_in = ""  # the element whose tag went and whose text must not be shown
        self._nested = 0  # elements of that name that are open, itself among them

    def pieces(self, text: str) -> Iterator[str]:
        at = 0
        for match in _TAG.finditer(text):
            if not self._hidden_in:
                yield text[at : match.start()]
                yield self._written(match)
            else:
                self._pass_over(match)
            at = match.end()
        if not self._hidden_in:
            yield text[at:]

    def _written(self, match: re.Match[str]) -> str:
        if match["name"] is None:
            return match[0]
        name = match["name"].lower()
        if not self._keeps(name, match):
            if not match["end"] and not self._is_empty(match) and _shows_nothing(match):
                self._hidden_in, self._nested = name, 1
            return ""
        if len(match["rest"]) > _MAX_ATTRIBUTES:
            hidden = " hidden" if _HIDDEN.search(match["rest"]) else ""
            return f"<{match['end']}{match['name']}{hidden}>"
        return match[0]

    def _pass_over(self, match: re.Match[str]) -> None:
        if (match["name"] or "").lower() != self._hidden_in:
            return
        self._nested += -1 if match["end"] else 1
        if not self._nested:
            self._gone[self._hidden_in] -= self._hidden_in not in self._dropped
            self._hidden_in = ""

    def _keeps(self, name: str, match: re.Match[str]) -> bool:
        if name in self._dropped:
            return False
        if name in _FLAT:
            return True
        if self._is_empty(match):
            return not any(self._gone[root] for root in _FOREIGN)
        if match["end"]:
            return self._close(name)
        if self._depth >= MAX_DEPTH:
            self._gone[name] += 1
            return False
        self._open[name] += 1
        self._depth += 1
        return True

    def _is_empty(self, match: re.Match[str]) -> bool:
        is_foreign = any(self._open[root] + self._gone[root] for root in _FOREIGN)
        return is_foreign and match["rest"].endswith("/")

    def _close(self, name: str) -> bool:
        if self._gone[name]:
            self._gone[name] -= 1
            return False
        if self._open[name]:
            self._open[name] -= 1
            self._depth -= 1
        return True


def _shows_nothing(tag: re.Match[str]) -> bool:
    if tag["name"].lower() in UNSEEN_TAGS:
        return True
    if not _MAY_HIDE.search(tag["rest"]):
        return False
    if len(tag["rest"]) > _MAX_ATTRIBUTES:
        return _HIDDEN.search(tag["rest"]) is not None
    element = LexborHTMLParser(f"<div{tag['rest']}>").css_first("div")
    return element is not None and is_hidden(element.attributes)
