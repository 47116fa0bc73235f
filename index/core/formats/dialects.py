"""Which generator a Markdown page was written for, told by the syntax it uses."""

import re
from collections.abc import Iterator

from schemas.formats import Dialect

_ATTRIBUTE_LIST = r"\{:[ \t]*[#.\w]|\{[ \t]+[#.]\w"

SIGNS: dict[Dialect, re.Pattern[str]] = {
    Dialect.MYST: re.compile(
        r"^\s*\([^()\s][^()\n]*\)=\s*$"
        r"|^\s*(?:`{3,}|~{3,}|:{3,})\s*\{[\w:.+-]+\}"
        r"|(?<![`\\])\{[\w:+-]+\}`[^`]+`"
    ),
    Dialect.MKDOCS: re.compile(
        r"^\s*(?:!!!|\?\?\?\+?)\s+[\w\"]"
        r"|^\s*===[!+]?\s+\""
        r"|^\s*-+8<-+"
        r"|^\[TOC\]\s*$"
        r"|^:::\s+\w+(?:\.\w+)+\s*$"
        r"|" + _ATTRIBUTE_LIST
    ),
    Dialect.DOCUSAURUS: re.compile(
        r"^\s*:{3,}\s*(?:note|tip|info|warning|danger|caution|important|secondary|success)\b"
        r"|^#{1,6}\s.*\{#[\w-]+\}\s*$"
        r"|^import\s+(?:[\w*{][^'\"]*\sfrom\s+)?['\"]"
        r"|^export\s+(?:const|default|function)\b"
        r"|^\s*</?[A-Z]\w*(?:[\s/>]|$)"
        r"|\{/\*"
    ),
}
"""One line of a page that only this dialect writes so. Earlier entries win a tie."""

_MAX_LINE_CHARS = 1000
_FENCE = re.compile(r"^[\s>]{0,80}(`{3,}|~{3,}|:{3,})\s*(\S?)")


def detect_dialect(text: str) -> Dialect:
    """The dialect with most signs outside of code; GITHUB when there is none."""
    counts = dict.fromkeys(SIGNS, 0)
    for line in _lines_outside_code(text):
        for dialect, sign in SIGNS.items():
            counts[dialect] += sign.search(line) is not None
    best = max(counts, key=lambda dialect: counts[dialect])
    return best if counts[best] else Dialect.GITHUB


def _lines_outside_code(text: str) -> Iterator[str]:
    """Yield each line that is not inside a plain fence; a fence around a directive holds text."""
    code_fence = ""
    open_directives: list[str] = []
    for line in text.split("\n"):
        fence = _FENCE.match(line[:_MAX_LINE_CHARS])
        if code_fence:
            if fence and fence[1].startswith(code_fence) and not fence[2]:
                code_fence = ""
            continue
        yield line[:_MAX_LINE_CHARS]
        if fence is None:
            continue
        if open_directives and fence[1].startswith(open_directives[-1]) and not fence[2]:
            open_directives.pop()
        elif fence[2] == "{" or fence[1][0] == ":":
            open_directives.append(fence[1])
        else:
            code_fence = fence[1]
