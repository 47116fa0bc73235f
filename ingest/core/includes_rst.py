"""Finds the includes of reStructuredText; examples of them inside literal blocks and comments stay as they are."""

import re
from collections.abc import Sequence

from ingest.core.includes_pieces import Include, Kind, Pieces, Rule, is_option, options_of
from schemas.formats import Format

_BULLETS = r"(?P<lead>[ ]*(?:(?:[-*+\u2022]|\(?(?:\d{1,9}|[A-Za-z#])[.)])[ ]+)*)"
_INCLUDE = re.compile(
    _BULLETS + r"\.\.[ ]+(?P<name>include|literalinclude|mdinclude)::(?:[ ]+(?P<argument>.*))?"
)
_DIRECTIVE = re.compile(_BULLETS + r"\.\.[ ]+(?:\|[^|]+\|[ ]+)?(?P<name>[\w:.+-]+)::(?:\s.*)?")
_COMMENT = re.compile(_BULLETS + r"\.\.(?:[ ]+(?![_\[|])\S.*)?")
_LINE = re.compile(_BULLETS + r"(?P<text>.*)")
_LITERAL = frozenset(
    [
        "code",
        "code-block",
        "sourcecode",
        "highlight",
        "parsed-literal",
        "literalinclude",
        "raw",
        "math",
        "doctest",
        "testcode",
        "testsetup",
        "testoutput",
        "testcleanup",
        "prompt",
        "mermaid",
        "graphviz",
        "digraph",
        "uml",
        "plantuml",
        "productionlist",
        "jupyter-execute",
        "ipython",
        "command-output",
        "code-cell",
        "tikz",
        "aafig",
        "blockdiag",
    ]
)


def split_rst(text: str) -> Pieces:
    """Cut the text at its `include` and `literalinclude` directives."""
    lines = text.split("\n")
    pieces: Pieces = []
    at = 0
    while at < len(lines):
        line = lines[at]
        found = _INCLUDE.fullmatch(line.rstrip())
        if found and not _continues_paragraph(lines, at, len(found["lead"])):
            end = _block_end(lines, at + 1, len(found["lead"]))
            pieces.append(_include(found, lines[at + 1 : end]))
        else:
            end = _literal_end(lines, at)
            pieces.append("\n".join(lines[at:end]))
        if end < len(lines):
            pieces.append("\n")
        at = end
    return pieces


def _include(found: re.Match[str], block: Sequence[str]) -> Include:
    """The argument may go on below, up to the first option or blank line."""
    words = [found["argument"] or ""]
    rest = 0
    while rest < len(block) and block[rest].strip() and not is_option(block[rest]):
        words.append(block[rest])
        rest += 1
    options = options_of(block[rest : _first_blank(block, rest)])
    if found["name"] == "mdinclude":
        options.setdefault("parser", "markdown")
    as_code = found["name"] == "literalinclude" or not options.keys().isdisjoint(
        {"literal", "code"}
    )
    return Include(
        argument="".join(word.strip() for word in words),
        rule=Rule.SPHINX,
        kind=Kind.CODE if as_code else Kind.TEXT,
        syntax=Format.RST,
        lead=found["lead"],
        options=options,
    )


def _literal_end(lines: Sequence[str], at: int) -> int:
    """Where the line ends together with the block it makes literal: one past itself when there is none."""
    line = lines[at].rstrip()
    if directive := _DIRECTIVE.fullmatch(line):
        is_literal = directive["name"] in _LITERAL
        return _block_end(lines, at + 1, len(directive["lead"])) if is_literal else at + 1
    if comment := _COMMENT.fullmatch(line):
        is_empty = line.endswith("..") and at + 1 < len(lines) and not lines[at + 1].strip()
        return at + 1 if is_empty else _block_end(lines, at + 1, len(comment["lead"]))
    if line.endswith("::") and (text := _LINE.fullmatch(line)):
        return _block_end(lines, at + 1, len(text["lead"]))
    return at + 1


def _block_end(lines: Sequence[str], at: int, indent: int) -> int:
    """One past the last line that is indented deeper than `indent`; blank lines at the end stay outside."""
    end = at
    while at < len(lines):
        line = lines[at]
        if line.strip():
            if len(line) - len(line.lstrip()) <= indent:
                break
            end = at + 1
        at += 1
    return end


def _first_blank(lines: Sequence[str], at: int) -> int:
    return next((i for i in range(at, len(lines)) if not lines[i].strip()), len(lines))


def _continues_paragraph(lines: Sequence[str], at: int, indent: int) -> bool:
    """Tell whether the line before is running text, which makes this line text as well."""
    if at == 0 or not (before := lines[at - 1].rstrip()):
        return False
    is_aligned = len(before) - len(before.lstrip()) == indent
    starts_block = before.lstrip().startswith("..") or is_option(before)
    return is_aligned and not starts_block and any(char.isalnum() for char in before)
