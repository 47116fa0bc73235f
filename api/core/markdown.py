"""Quoted text as Markdown that shows that text: no markup, link or image of its own."""

import re
from collections.abc import Iterable, Iterator, Sequence

from api.core.segments import cells_of
from schemas.answers import Spans

_CODE_SPAN = re.compile(r"(?<!`)(`{1,3})(?!`)([^`]+)\1(?!`)")
# What a client may turn into a link by itself, wherever it stands in a run of characters: GitHub's
# Markdown (www., schemes, addresses of mail), and those that guess: names with a dot in them, two
# slashes, addresses of numbers.
_ADDRESS = re.compile(
    r"//|www\.|\S@\S|[^\s.]\.[^\W\d_]\w|\d\.\d+\.\d+\.\d"
    r"|(?:javascript|vbscript|data|mailto|xmpp|tel|sms|file|ftp|blob|https?):\S",
    re.IGNORECASE,
)
_RUN = re.compile(r"[^\s。，、；：！？（）「」]+")
_MARKER = re.compile(r"[\[【［〔]\s*\^?\s*\d+[^\]】］〕]{0,80}[\]】］〕]")
_BEFORE, _AFTER = "(\"'*“‘<", ".,;:!?\"'*”’>"
_SPECIAL = re.compile(
    r"[\\`*\[\]~${]|(?<![^\W_])_|_(?![^\W_])|&(?=#?\w{1,32};)|<(?=[A-Za-z/!?]|\Z)"
)
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
        parts += [plain_markdown(line[place : span.start()]), span[0]]
        place = span.end()
    parts.append(plain_markdown(line[place:]))
    return open_no_block(_joined(parts))


def with_code_spans(text: str, spans: Spans) -> str:
    """`text` with backticks around the parts that are code, for the functions here to write.

    Text that has backticks already stays as it is, and so does a part that is within what a client may take for an
    address or a citation, or holds but a piece of it: that becomes code as a whole.
    """
    if "`" in text:
        return text
    traps = list(_traps(text)) if spans else []
    pieces, place = [], 0
    for start, end in spans:
        cuts = any(a < end and b > start and not (start <= a and b <= end) for a, b in traps)
        code = text[start:end]
        if not cuts and code.strip() and "|" not in code:
            pieces += [text[place:start], f"`{code}`"]
            place = end
    return "".join([*pieces, text[place:]])


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
    for part in filter(None, parts):
        line += f" {part}" if line.endswith("`") and part.startswith("`") else part
    return line


def escape(text: str) -> str:
    """Text with every mark in it escaped; what opens a block at a line's start is not."""
    return _SPECIAL.sub(lambda found: "&lt;" if found[0] == "<" else f"\\{found[0]}", text)


def plain_markdown(text: str) -> str:
    """Text that shows itself; what a client may take for an address or a citation is code."""
    pieces, place = [], 0
    for start, end in _together(_traps(text)):
        pieces += [escape(text[place:start]), code_span(text[start:end])]
        place = end
    return _joined([*pieces, escape(text[place:])])


def is_address(run: str) -> bool:
    """Whether a client may find an address in a run of characters."""
    return bool(_ADDRESS.search(run))


def _traps(text: str) -> Iterator[tuple[int, int]]:
    place = 0
    for marker in (*_MARKER.finditer(text), None):
        end = marker.start() if marker else len(text)
        for run in _RUN.finditer(text, place, end):
            if _ADDRESS.search(run[0]):
                start, stop = _trimmed(run[0])
                yield run.start() + start, run.start() + stop
        if marker:
            yield marker.span()
            place = marker.end()


def _together(ranges: Iterable[tuple[int, int]]) -> Iterator[tuple[int, int]]:
    """Ranges that touch as one."""
    first: tuple[int, int] | None = None
    for start, end in ranges:
        if first is not None and first[1] == start:
            first = (first[0], end)
            continue
        if first is not None:
            yield first
        first = (start, end)
    if first is not None:
        yield first


def _trimmed(run: str) -> tuple[int, int]:
    """Where the address in a run of characters begins and ends."""
    start = len(run) - len(run.lstrip(_BEFORE))
    address = run[start:].rstrip(_AFTER)
    while address.endswith(")") and address.count(")") > address.count("("):
        address = address[:-1].rstrip(_AFTER)
    return (start, start + len(address)) if _ADDRESS.search(address) else (0, len(run))


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
