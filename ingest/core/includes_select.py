"""Which lines of an included file are meant, and what they look like."""

import ast
import re
import textwrap
from collections.abc import Iterable, Mapping
from functools import lru_cache

from schemas.events import MAX_PAGE_BYTES

_TAB_COLUMNS = 8
_MAX_DIGITS = 9
"""A longer number names no line of any file that is read."""
_RANGE = re.compile(rf"(?P<first>\d{{0,{_MAX_DIGITS}}})(?P<dash>-?)(?P<last>\d{{0,{_MAX_DIGITS}}})")
_SNIPPET_NAME = re.compile(
    r"(?P<path>.+?)(?::(?P<ranges>-?\d*(?::-?\d*)?(?:,-?\d*(?::-?\d*)?)*)|:(?P<section>[A-Za-z][\w-]*))?"
)
_SECTION = re.compile(
    r"-8<-+[ \t]+\[[ \t]*(?P<edge>start|end)[ \t]*:[ \t]*(?P<name>[A-Za-z][\w-]*)[ \t]*\]"
)

_DEFINITIONS = (ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)
_MAX_PARSED_CHARS = 2**20
"""Nobody writes a longer Python file by hand, and what parses it takes a hundred times its size."""
_PARSED_KEPT = 16

Lines = list[str]
Options = Mapping[str, str]


def select_code(text: str, options: Options) -> str | None:
    """What `literalinclude` shows of a file, or None when an option names what is not in it.

    The options apply in Sphinx's order: object, start, end, lines, dedent, prepend, append.
    """
    lines: Lines | None = text.expandtabs(_width(options)).removesuffix("\n").split("\n")
    for step in (_object, _start, _end, _numbered, _dedented, _framed):
        if lines is None:
            return None
        lines = step(lines, options)
    return "\n".join(lines) if lines and any(line.strip() for line in lines) else None


def _number(value: str) -> int:
    """Raises: ValueError for no number, or one of absurdly many digits."""
    if len(value.strip()) > _MAX_DIGITS:
        raise ValueError("too many digits")
    return int(value)


def select_text(text: str, options: Options) -> str | None:
    """What `include` takes of a file: lines by number first, then what stands between two texts."""
    try:
        first = _number(options.get("start-line") or "0")
        last = _number(options["end-line"]) if options.get("end-line") else None
    except ValueError:
        return None
    rest = "\n".join(text.removesuffix("\n").split("\n")[first:last])
    if after := options.get("start-after"):
        _, found, rest = rest.partition(after)
        if not found:
            return None
    if before := options.get("end-before"):
        rest, found, _ = rest.partition(before)
        if not found:
            return None
    return rest


def snippet_path(argument: str) -> str:
    """The file that a snippet names, without its lines or section."""
    found = _SNIPPET_NAME.fullmatch(argument)
    return found["path"] if found else argument


def select_snippet(text: str, argument: str) -> str | None:
    """What a snippet takes of a file: all, `:4:6`, several ranges, or a named section; its markers never show."""
    found = _SNIPPET_NAME.fullmatch(argument)
    lines: Lines = text.split("\n")
    if found and found["ranges"]:
        chosen = _joined(_range(lines, wanted) for wanted in found["ranges"].split(","))
        if chosen is None:
            return None
        lines = chosen
    elif found and found["section"]:
        edges = {
            (m["edge"], m["name"]): i
            for i, line in enumerate(lines)
            if (m := _SECTION.search(line))
        }
        first = edges.get(("start", found["section"]))
        if first is None:
            return None
        lines = lines[first + 1 : edges.get(("end", found["section"]))]
    return "\n".join(line for line in lines if not _SECTION.search(line)).removesuffix("\n")


def _joined(runs: Iterable[Lines]) -> Lines | None:
    """All runs in one, or None once they are longer than any page may be: few letters ask for a file many times."""
    kept: Lines = []
    room = MAX_PAGE_BYTES
    for run in runs:
        room -= sum(len(line) + 1 for line in run)
        if room < 0:
            return None
        kept += run
    return kept


def _range(lines: Lines, wanted: str) -> Lines:
    first, _, last = wanted.partition(":")
    if max(len(first), len(last)) > _MAX_DIGITS:
        return []
    start = int(first) if first else 1
    begin = max(start - 1, 0) if start >= 0 else start
    end = int(last) if last else None
    return lines[begin : end if end is None or end >= 0 else end + 1 or None]


def _width(options: Options) -> int:
    value = options.get("tab-width", "")
    is_width = value.isdecimal() and len(value) <= 2 and int(value) <= 32
    return int(value) if is_width else _TAB_COLUMNS


def _object(lines: Lines, options: Options) -> Lines | None:
    """Keep one class or function of a Python file, decorators included."""
    name = options.get("pyobject")
    if not name:
        return lines
    span = _definitions("\n".join(lines)).get(name)
    return None if span is None else lines[span]


@lru_cache(maxsize=_PARSED_KEPT)
def _definitions(text: str) -> Mapping[str, slice]:
    """The lines of each class and function of a Python file, decorators included, by dotted name; the first of a name.

    Parsing takes seconds a megabyte, and a page of an API's reference names one file for each of its objects.
    """
    found: dict[str, slice] = {}
    try:
        scopes = [("", ast.parse(text).body)] if len(text) <= _MAX_PARSED_CHARS else []
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return found
    for prefix, body in scopes:
        for node in body:
            name = f"{prefix}{getattr(node, 'name', '')}"
            if isinstance(node, _DEFINITIONS) and name not in found:
                first = min([node.lineno, *(mark.lineno for mark in node.decorator_list)])
                found[name] = slice(first - 1, node.end_lineno)
                scopes.append((f"{name}.", node.body))
    return found


def _start(lines: Lines, options: Options) -> Lines | None:
    mark = options.get("start-at") or options.get("start-after")
    if not mark:
        return lines
    at = _find(lines, mark)
    if at is None:
        return None
    return lines[at:] if options.get("start-at") else lines[at + 1 :]


def _end(lines: Lines, options: Options) -> Lines | None:
    """Cut at the end mark; `end-before` looks from the second line on, for the first may be the start's own."""
    mark = options.get("end-at") or options.get("end-before")
    if not mark:
        return lines
    if options.get("end-at"):
        at = _find(lines, mark)
        return None if at is None else lines[: at + 1]
    at = _find(lines, mark, 1)
    return None if at is None else lines[:at]


def _find(lines: Lines, mark: str, since: int = 0) -> int | None:
    return next((i for i in range(since, len(lines)) if mark in lines[i]), None)


def _numbered(lines: Lines, options: Options) -> Lines | None:
    """Keep the lines that `:lines:` numbers, such as `1,3-5,8-`."""
    wanted = options.get("lines")
    if not wanted:
        return lines
    spans = [_span(part, len(lines)) for part in wanted.split(",")]
    if None in spans:
        return None
    return _joined(lines[span] for span in spans if span is not None) or None


def _span(part: str, count: int) -> slice | None:
    found = _RANGE.fullmatch(part.strip())
    if not found or not (found["first"] or found["last"]):
        return None
    first = int(found["first"] or 1)
    last = int(found["last"] or count) if found["dash"] else first
    return slice(first - 1, last) if first >= 1 else None


def _dedented(lines: Lines, options: Options) -> Lines | None:
    if "dedent" not in options:
        return lines
    columns = options["dedent"]
    if columns.isdecimal() and len(columns) <= _MAX_DIGITS:
        return [line[int(columns) :] for line in lines]
    return textwrap.dedent("\n".join(lines)).split("\n")


def _framed(lines: Lines, options: Options) -> Lines | None:
    before = [options["prepend"]] if options.get("prepend") else []
    after = [options["append"]] if options.get("append") else []
    return [*before, *lines, *after]
