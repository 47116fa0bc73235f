"""Quoted text as Markdown that shows that text: no markup, link or image of its own."""

import re
from collections.abc import Iterable, Sequence

from api.core.segments import cells_of

_CODE_SPAN = re.compile(r"(?<!`)(`{1,3})(?!`)([^`]+)\1(?!`)")
_ADDRESS = re.compile(
    r"(?:[a-z][a-z0-9+.-]{1,20}://|www\.|(?:mailto|xmpp):)[^\s`<>]+|[\w.+-]{1,64}@[\w-]{1,63}(?:\.[\w-]{1,63})+",
    re.IGNORECASE,
)
_TAIL = ".,;:!?)]}'\""
_SPECIAL = re.compile(r"[\\`*\[\]~$]|(?<![^\W_])_|_(?![^\W_])|&(?=#?\w{1,32};)|<(?=[A-Za-z/!?])")
_BLOCK_START = re.compile(r"(?:#{1,6}(?=\s|$)|>|[-+=](?=[\s=-]|$)|\|)|(\d{1,9})(?=[.)](?:\s|$))")
_ITEM_MARK = re.compile(r"\s*(?:(?:[-*+•]|\d{1,3}[.)])\s+){1,3}")
_ESCAPED = re.compile(
    r"^(?P<fence>`{3,})[^\n]*\n.*?^(?P=fence)$|(?P<span>`{1,3})(?!`)[^`]+(?P=span)(?!`)"
    r"|\\(?P<escaped>[!-/:-@\[-`{-~])|&lt;",
    re.DOTALL | re.MULTILINE,
)
_FENCED = re.compile(r"\s*(`{3,}|~{3,})[ \t]*([^\n`]*)\n(.*?)\n?[ \t]*\1[`~]*\s*", re.DOTALL)


def prose_markdown(text: str) -> str:
    """One line of Markdown that reads as `text`; code spans stay code, addresses become code."""
    line = " ".join(text.split())
    parts, place = [], 0
    for span in _CODE_SPAN.finditer(line):
        parts += [_plain(line[place : span.start()]), span[0]]
        place = span.end()
    parts.append(_plain(line[place:]))
    return open_no_block(_joined(parts))


def item_markdown(text: str) -> str:
    """A list item with the mark `-`, whatever mark it had."""
    mark = _ITEM_MARK.match(text)
    return f"- {prose_markdown(text[mark.end() :] if mark else text)}"


def code_markdown(code: str) -> str:
    """A fenced block that holds `code` to the letter; a fence of its own gives the language."""
    fenced = _FENCED.fullmatch(code)
    language, body = (fenced[2].split(" ")[0], fenced[3]) if fenced else ("", code.strip("\n"))
    longest = max((len(run) for run in re.findall("`+", body)), default=0)
    fence = "`" * max(3, longest + 1)
    return f"{fence}{re.sub(r'[^A-Za-z0-9+-]', '', language)[:20]}\n{body}\n{fence}"


def table_markdown(lines: Sequence[str]) -> str:
    """A table of the cells of each line, which are as many as those of the first, its head."""
    head, *rows = ([prose_markdown(cell) for cell in cells_of(line)] for line in lines)
    return "\n".join(
        "| " + " | ".join(cells) + " |" for cells in (head, ["---"] * len(head), *rows)
    )


def plain_text(markdown: str) -> str:
    """An answer as a terminal shows it: what the functions above escaped is itself again."""
    return _ESCAPED.sub(_unescaped, markdown)


def _unescaped(found: re.Match[str]) -> str:
    return "<" if found[0] == "&lt;" else found["escaped"] or found[0]


def _joined(parts: Iterable[str]) -> str:
    """Two code spans side by side would run into one another."""
    line = ""
    for part in parts:
        line += f" {part}" if line.endswith("`") and part.startswith("`") else part
    return line


def _plain(text: str) -> str:
    parts, place = [], 0
    for found in _ADDRESS.finditer(text):
        address = found[0].rstrip(_TAIL)
        parts += [escape(text[place : found.start()]), f"`{address}`"]
        place = found.start() + len(address)
    return "".join((*parts, escape(text[place:])))


def escape(text: str) -> str:
    """Text with every mark in it escaped; what opens a block at a line's start is not."""
    return _SPECIAL.sub(lambda found: "&lt;" if found[0] == "<" else f"\\{found[0]}", text)


def code_span(text: str) -> str:
    """One line of code that holds `text`; nothing in it ends it early."""
    text = " ".join(text.split())
    if not text:
        return ""
    ticks = "`" * (1 + max((len(run) for run in re.findall("`+", text)), default=0))
    pad = " " if "`" in (text[0], text[-1]) else ""
    return f"{ticks}{pad}{text}{pad}{ticks}"


def open_no_block(line: str) -> str:
    """Keep a line from opening a heading, quote, list, table or rule."""
    return (
        _BLOCK_START.sub(
            lambda found: f"{found[1]}\\" if found[1] else f"\\{found[0]}", line, count=1
        )
        if _BLOCK_START.match(line)
        else line
    )
