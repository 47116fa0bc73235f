"""Where a text may be cut: into whole sentences, list items, rows, and blocks of one piece."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum

from api.core.roles import is_of_another


class Kind(StrEnum):
    """What a segment is, which decides how it may be quoted."""

    SENTENCE = "sentence"
    ITEM = "item"
    CODE = "code"
    HEAD = "head"
    """The first line of a table, which the rows after it need."""
    ROW = "row"
    OTHER = "other"
    """What a terminal prints, a fragment, or what passes for another speaker: not quoted."""


@dataclass(frozen=True, slots=True)
class Segment:
    """Text quoted whole or not at all: `text` stands from `start` to `end`, to the letter."""

    kind: Kind
    text: str
    start: int
    end: int


_BLANK_LINES = re.compile(r"\n(?:[ \t]*\n)+")
_FENCE = re.compile(r"[ \t]*(`{3,}|~{3,})")
_ITEM = re.compile(r"[ \t]*(?:[-*+•]|\d{1,3}[.)])[ \t]+(?=\S)")
_CODE_SPAN = re.compile(r"(?<!`)(`{1,3})(?!`)[^`]+\1(?!`)")
_STOP = re.compile(r"[.!?؟।][\"')\]]{0,3}\s+|[。！？][」』）”’]{0,3}\s*")
_ABBREVIATION = re.compile(
    r"(?:^|[\s(])(?:e\.g|i\.e|etc|vs|cf|fig|eq|no|dr|mr|ms|approx|incl|resp|[a-z])\.$",
    re.IGNORECASE,
)
_FULL_WORD = re.compile(r"\w{4}\Z")
"""What ends a sentence even before a name in lower case: shorter ones may be abbreviations."""
_CODE_LINE = re.compile(
    r"""\s*(?:
        (?:import|from|def|class|return|async|await|with|for|while|if|elif|else|try|except|raise)\b
          .*[\w:)\]"']$
        | [@$%>#].* | //.* | >>>.* | [\])}]+[,;:]?$ | .*[;{}]$ | (?:public|private|protected):$
        | (?:pip|ray|kubectl|helm|docker|curl|cd|export|git|python3?|conda|apt|npm|make|aws|gcloud)
          \s+\S+.*(?<!\w\w[.!?:])
        | [a-z][\w.-]*\s(?:[^.!?]*\s)?(?:--?[a-z]|[~.]?/\w)[^\s!?]*(?:\s.*)?(?<!\w\w[.!?:,;])
        | [\w.\[\]"'-]+(?:\s*,\s*[\w.]+)*\s*(?::\s*[\w.\[\], |]+)?\s*[-+*/|&]?=\s*\S.*
        | [\w.]+\(.*\)?[,:;]? | ["']?[\w./-]+["']?:(?:\s+\S{1,60})?,? | -\s+["']?[\w./-]+["']?:.*
    )$""",
    re.VERBOSE,
)
_PROSE_START = re.compile(r"\s*+[A-Z]\w*+(?:\s++[\w`'\",()-]++){4}")
_PROSE_ENDS = (".", "!", "?", ":")
_FIELD = re.compile(r"[A-Z]\w*: [A-Z]\w*$")
_RULER = re.compile(r"\s*[-=+~]{4,}")
_INDENTED = re.compile(r"(?: {4}|\t)\S")
_PAIRS = {")": "(", "]": "[", "}": "{"}
_STOPS = ".!?:;,"
_MIN_WORDS = 3
_UNSPACED = re.compile(r".{5,}[。！？][」』）”’]{0,3}", re.DOTALL)
"""A sentence of a script that sets no spaces between its words, which has an end of its own."""
_MAX_CODE_LINE = 1_000


def cells_of(line: str) -> list[str]:
    """The cells of a line of a table; one for a line that is none."""
    return [cell.strip() for cell in line.split("|")]


def is_item(line: str) -> bool:
    """Whether a line begins an item of a list."""
    return bool(_ITEM.match(line))


def cuts_sentence(text: str, begin: int, stop: int, after: int) -> bool:
    """Whether the stop at `stop` ends the sentence from `begin`, given what stands at `after`.

    That of an abbreviation does not, nor one before a word in lower case, which may be one too.
    """
    if text[after].islower() and not _FULL_WORD.search(text, max(begin, stop - 4), stop):
        return False
    return not _ABBREVIATION.search(text, max(begin, stop - 12), stop + 1)


def segments_of(text: str) -> tuple[Segment, ...]:
    """Every segment of a text, in order, without overlap.

    Code that is cut off is OTHER.
    """
    return tuple(_as_segment(text, *part) for part in _join_code(_parts(text), text))


_Part = tuple[Kind, int, int]


def _as_segment(text: str, kind: Kind, start: int, end: int) -> Segment:
    body = text[start:end]
    if (kind is Kind.CODE and not _is_whole_code(body)) or is_of_another(body):
        kind = Kind.OTHER
    return Segment(kind, body, start, end)


def _parts(text: str) -> Iterator[_Part]:
    closed = 0
    for start, end in _paragraphs(text):
        if start < closed:
            continue
        if fence := _FENCE.match(text, start):
            closed = _end_of_fence(text, fence)
            yield Kind.CODE, start, closed
            continue
        yield from _paragraph_parts(text, start, end)


def _paragraphs(text: str) -> Iterator[tuple[int, int]]:
    """Runs of lines between blank ones, without the whitespace at their end."""
    start = 0
    for gap in (*_BLANK_LINES.finditer(text), None):
        end = gap.start() if gap else len(text)
        if stripped := text[start:end].rstrip():
            yield start, start + len(stripped)
        start = gap.end() if gap else end


def _end_of_fence(text: str, fence: re.Match[str]) -> int:
    closing = re.compile(rf"\n[ \t]*{re.escape(fence[1])}[`~]*[ \t]*(?=\n|$)")
    found = closing.search(text, fence.end())
    return found.end() if found else len(text)


def _paragraph_parts(text: str, start: int, end: int) -> Iterator[_Part]:
    lines = text[start:end].split("\n")
    if _ITEM.match(lines[0]):
        yield from _items(text, start, end)
    elif _is_table(lines):
        yield from _rows(text, start, end)
    elif sum("|" in line or bool(_RULER.match(line)) for line in lines) * 4 > len(lines):
        yield Kind.OTHER, start, end
    elif looks_like_code(lines) or (text[:start].rstrip()[-1:] == ":" and _has_no_prose(lines)):
        yield Kind.CODE, start, end
    else:
        yield from _prose(text, start, end)


def _is_table(lines: Sequence[str]) -> bool:
    """Whether every line has as many cells as the first, and that names columns.

    A table drawn with pipes around it is as its author typed it, rulers and all: none here.
    """
    head, *rows = (cells_of(line) for line in lines)
    return (
        len(head) > 1 < len(lines)
        and any(head)
        and all(len(row) == len(head) and any(row) for row in rows)
        and not _CODE_LINE.match(lines[0])
        and not any(line.startswith("|") or _RULER.match(line) for line in lines)
    )


def _rows(text: str, start: int, end: int) -> Iterator[_Part]:
    place, kind = start, Kind.HEAD
    for line in text[start:end].split("\n"):
        yield kind, place, place + len(line)
        place, kind = place + len(line) + 1, Kind.ROW


def _items(text: str, start: int, end: int) -> Iterator[_Part]:
    """One part an item, with the lines that continue it; an indented mark opens one too."""
    begin, place = start, start
    for line in text[start:end].split("\n"):
        if place > begin and _ITEM.match(line):
            yield Kind.ITEM, begin, place - 1
            begin = place
        place += len(line) + 1
    yield Kind.ITEM, begin, end


def _prose(text: str, start: int, end: int) -> Iterator[_Part]:
    """Sentences, up to the line where a list begins without a blank line before it."""
    place = start
    for line in text[start:end].split("\n"):
        if place > start and _ITEM.match(line):
            yield from _sentences(text, start, place - 1)
            yield from _items(text, place, end)
            return
        place += len(line) + 1
    yield from _sentences(text, start, end)


def _sentences(text: str, start: int, end: int) -> Iterator[_Part]:
    spans = [span.span() for span in _CODE_SPAN.finditer(text, start, end)]
    begin = start + len(text[start:end]) - len(text[start:end].lstrip())
    for stop in _STOP.finditer(text, begin, end):
        if stop.end() < end and _ends_sentence(text, begin, stop, spans):
            yield _sentence(text, begin, stop.end())
            begin = stop.end()
    if begin < end:
        yield _sentence(text, begin, end)


def _ends_sentence(
    text: str, begin: int, stop: re.Match[str], spans: list[tuple[int, int]]
) -> bool:
    if any(low < stop.start() < high for low, high in spans):
        return False
    return cuts_sentence(text, begin, stop.start(), stop.end())


def _sentence(text: str, start: int, end: int) -> _Part:
    end = start + len(text[start:end].rstrip())
    words = text[start:end].split()
    last = words[-1][-1]
    begins = (
        not words[0][0].islower() or last in ".!?"
    )  # a name in lower case, not a rest of a line
    is_whole = (
        last == ":"
        or (len(words) >= _MIN_WORDS and last not in ",;" and begins)
        or _UNSPACED.fullmatch(text, start, end) is not None
    )
    return (Kind.SENTENCE if is_whole else Kind.OTHER), start, end


def _join_code(parts: Iterator[_Part], text: str) -> list[_Part]:
    """Code paragraphs in a row are one block: blank lines inside it are its own."""
    joined: list[_Part] = []
    for part in parts:
        last = joined[-1] if joined else None
        if (
            last
            and part[0] is last[0] is Kind.CODE
            and not _FENCE.match(text, last[1])
            and not _FENCE.match(text, part[1])
        ):
            joined[-1] = (Kind.CODE, last[1], part[2])
        else:
            joined.append(part)
    return joined


def _has_no_prose(lines: Sequence[str]) -> bool:
    """Whether no line begins or ends as a sentence does: commands of programs nobody can list."""
    return not any(line[0].isupper() or line.rstrip()[-1:] in _STOPS for line in lines if line)


def looks_like_code(lines: Sequence[str]) -> bool:
    """Whether most lines are written as a program, a shell or a configuration has them."""
    filled = [line for line in lines if line.strip()]
    if len(filled) == 1 and _FIELD.match(filled[0]):
        return False
    if any(line.lstrip().startswith(">>> ") for line in filled):
        return True
    if any(_is_prose(line) for line in filled):
        return False
    if _has_no_prose(filled) and any(_CODE_LINE.match(line) for line in filled):
        return True
    return sum(bool(_INDENTED.match(line) or _CODE_LINE.match(line)) for line in filled) * 2 > len(
        filled
    )


def _is_prose(line: str) -> bool:
    """Whether it reads as a sentence, or is longer than any line of code that somebody would quote."""
    if len(line) > _MAX_CODE_LINE:
        return True
    is_sentence = line.endswith(_PROSE_ENDS) and _PROSE_START.match(line) is not None
    return is_sentence and not line.lstrip().startswith("#")


def _is_whole_code(code: str) -> bool:
    """Whether brackets and fences close: a sign that the chunker did not cut it."""
    fence = _FENCE.match(code)
    if fence and not code.rstrip().endswith(fence[1]):
        return False
    opened: list[str] = []
    for character in re.sub(r"\"[^\"\n]*\"|'[^'\n]*'|#[^\n]*", "", code):
        if character in "([{":
            opened.append(character)
        elif character in _PAIRS and (not opened or opened.pop() != _PAIRS[character]):
            return False
    return not opened
