"""A model's Markdown as it streams in, cut into what is judged alone: sentences, rows, lines of code."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import StrEnum

from api.core.segments import cuts_sentence
from index.core.formats.invisible import strip_invisible, strip_unseen

MAX_PIECE_CHARS = 1_500
"""A sentence or line beyond this is cut: the rest of its line is dropped."""

_SURROGATE = re.compile("[\ud800-\udfff]")
_FIRST_WORD = re.compile(r"[ \t]*(\S*)")
_FENCE = re.compile(r"(`{3,}|~{3,})(.*)", re.DOTALL)
_HEADING = re.compile(r"#{1,6}")
_RULE = re.compile(r"[-=*_]{3,}|=+|--")
_ITEM = re.compile(r"[-*+•]|\d{1,9}[.)]")
_QUOTE_MARKS = re.compile(r"(?: {0,3}>[ \t]?)+")
_MARKS = r"(?:[ \t]?\[\^?\d{1,4}\]){0,9}"
_EVENT = re.compile(rf"\n|[.!?؟।][\"')\]*_]{{0,4}}{_MARKS}[ \t]+|[。！？][”』」）]{{0,3}}")
_MARKS_AT_END = re.compile(rf"{_MARKS}\s*\Z")
_MAY_BE_MARKS = re.compile(rf"{_MARKS}[ \t]?(?:\[\^?\d{{0,4}})?\Z")
_MARKS_END_LINE = re.compile(rf"{_MARKS}[ \t]*\n")
_NEVER_LAST = ".!?؟।。！？”』」）\"')]*_[^0123456789 \t\n"
_LINE_STOPS = (".", "!", "?", ":", "؟", "।", "。", "！", "？", "：", "\\")
_SPAN = re.compile(r"(?<!`)(`+)(?!`).+?(?<!`)\1(?!`)", re.DOTALL)
_NUMBER_ALONE = re.compile(r"\W*\d{1,3}\Z")
_LANGUAGE = re.compile(r"[A-Za-z0-9+#-]{1,20}")


class Shape(StrEnum):
    """What a piece is part of."""

    PARAGRAPH = "paragraph"
    ITEM = "item"
    HEADING = "heading"
    ROW = "row"
    OPEN = "open"
    """The line that opens a block of code: `text` is its language, `mark` its fence."""
    LINE = "line"
    CLOSE = "close"
    CUT = "cut"
    """In place of what was too long."""


@dataclass(frozen=True, slots=True)
class Piece:
    """One piece; those with the same `part` are of one paragraph, item, table or block of code.

    `mark` is an item's mark, a heading's or a code block's fence; `indent` is an item's.
    """

    shape: Shape
    text: str
    part: int
    mark: str = ""
    indent: int = 0


class _State(StrEnum):
    START = "start"
    BODY = "body"
    CODE = "code"
    SKIP = "skip"


@dataclass(slots=True)
class PieceReader:
    """Cuts a stream into pieces: the same ones however the stream is split.

    That holds because every decision is taken on the text up to a place and would be the same
    whatever follows it. It holds at most `MAX_PIECE_CHARS` of undecided text between calls. It is
    longer than a class should be, since its four states hand over to one another.
    """

    _buffer: str = ""
    _at: int = 0
    _scanned: int = 0
    _has_return: bool = False
    _state: _State = _State.START
    _after_skip: _State = _State.START
    _part: int = 0
    _open: Piece | None = None
    _fence: str = ""
    _fence_indent: int = 0
    _is_quoted: bool = False
    _pieces: list[Piece] = field(default_factory=list)

    def feed(self, text: str) -> Iterator[Piece]:
        """Take what came next and yield what is complete."""
        self._buffer = self._buffer[self._at :] + self._clean(text)
        self._at = 0
        yield from self._drain(is_end=False)

    def finish(self) -> Iterator[Piece]:
        """Yield the rest: nothing follows. An open block of code is closed."""
        self._buffer, self._at = self._buffer[self._at :] + self._clean("", is_end=True), 0
        yield from self._drain(is_end=True)
        if self._state is _State.CODE:
            self._state = _State.START
            yield Piece(Shape.CLOSE, "", self._part)

    def _clean(self, text: str, *, is_end: bool = False) -> str:
        """Without what nobody sees; a `\\r` waits for the `\\n` that may follow it."""
        text = ("\r" if self._has_return else "") + strip_unseen(_SURROGATE.sub("", text))
        self._has_return = text.endswith("\r") and not is_end
        text = text[:-1] if self._has_return else text
        return strip_invisible(text)

    def _drain(self, *, is_end: bool) -> Iterator[Piece]:
        while self._at < len(self._buffer):
            window = self._buffer[self._at : self._at + MAX_PIECE_CHARS]
            taken = self._take(
                window, is_end=is_end and self._at + len(window) == len(self._buffer)
            )
            if not taken:
                return
            self._at += taken
            self._scanned = 0
            yield from self._pieces
            self._pieces.clear()

    def _take(self, window: str, *, is_end: bool) -> int:
        """Decide on the start of `window`; how much of it is done with, 0 when more is needed."""
        match self._state:
            case _State.START:
                return self._take_start(window, is_end)
            case _State.BODY:
                return self._take_sentence(window, is_end)
            case _State.CODE:
                return self._take_code(window, is_end)
            case _State.SKIP:
                return self._take_rest(window, is_end)

    def _take_start(self, window: str, is_end: bool) -> int:
        found = _FIRST_WORD.match(window)
        assert found is not None
        first, end = found[1], found.end()
        if end == len(window) and not is_end and end < MAX_PIECE_CHARS:
            return 0
        if not first:
            return self._take_blank(window, end)
        if first[0] == ">":
            self._is_quoted = True
            return found.start(1) + 1 + (window[found.start(1) + 1 : found.start(1) + 2] == " ")
        if _RULE.fullmatch(first):
            self._open = None
            return end
        if _is_line(first):
            return self._take_line(window, found, is_end)
        if _ITEM.fullmatch(first) and window[end : end + 1] in (" ", "\t"):
            mark = "-" if len(first) == 1 else f"{first[:-1]}."
            self._opened(Shape.ITEM, mark, found.start(1))
            self._state = _State.BODY
            return end + 1
        self._continue()
        return found.start(1) or self._take_sentence(window, is_end)

    def _take_blank(self, window: str, end: int) -> int:
        if window[end : end + 1] == "\n":
            self._open, self._is_quoted = None, False
        return end + 1 if end < len(window) else end

    def _take_line(self, window: str, found: re.Match[str], is_end: bool) -> int:
        """A line that is one piece: a heading, a row, or what opens a block of code."""
        end = window.find("\n")
        if end < 0 and not is_end:
            return self._cut(window) if len(window) == MAX_PIECE_CHARS else 0
        line = window[found.start(1) : end if end >= 0 else len(window)]
        taken = end + 1 if end >= 0 else len(window)
        fence = _FENCE.fullmatch(line)
        if fence and not (fence[1][0] == "`" and "`" in fence[2]):
            self._enter_code(fence[1], fence[2], found.start(1))
        elif fence:
            self._continue()
            return found.start(1) or self._take_sentence(window, is_end)
        elif line[0] == "|":
            if self._open is None or self._open.shape is not Shape.ROW:
                self._opened(Shape.ROW)
            self._add(line)
        else:
            self._opened(Shape.HEADING, found[1])
            self._add(line[len(found[1]) :])
            self._open = None
        return taken

    def _enter_code(self, fence: str, info: str, indent: int) -> None:
        language = _LANGUAGE.match(info.strip().lstrip("{"))
        self._fence, self._fence_indent, self._state = fence, indent, _State.CODE
        self._opened(Shape.OPEN, fence)
        self._pieces.append(
            Piece(Shape.OPEN, language[0] if language else "", self._part, mark=fence)
        )
        self._open = None

    def _take_code(self, window: str, is_end: bool) -> int:
        end = window.find("\n")
        if end < 0 and not is_end:
            return self._cut(window) if len(window) == MAX_PIECE_CHARS else 0
        line = window if end < 0 else window[:end]
        taken = len(window) if end < 0 else end + 1
        if self._is_quoted and (marks := _QUOTE_MARKS.match(line)):
            line = line[marks.end() :]
        bare = line.strip()
        if len(bare) >= len(self._fence) and not bare.strip(self._fence[0]):
            self._state = _State.START
            self._pieces.append(Piece(Shape.CLOSE, "", self._part))
            return taken
        indent = min(self._fence_indent, len(line) - len(line.lstrip(" ")))
        self._pieces.append(Piece(Shape.LINE, line[indent:].rstrip(), self._part))
        return taken

    def _take_sentence(self, window: str, is_end: bool) -> int:
        self._state = _State.BODY
        for event in _EVENT.finditer(window, self._scanned):
            if event[0] == "\n":
                verdict = _ends_at_line(window, event.start(), is_end)
            else:
                verdict = _ends_at_stop(window, event, is_end)
            if verdict is None:
                self._scanned = event.start()
                break
            if verdict:
                return self._end_sentence(window, event)
        else:
            self._scanned = len(window.rstrip(_NEVER_LAST))
        if is_end:
            self._add(window)
            self._state = _State.START
            return len(window)
        return self._cut(window) if len(window) == MAX_PIECE_CHARS else 0

    def _end_sentence(self, window: str, event: re.Match[str]) -> int:
        self._add(window[: event.end()])
        if event[0] == "\n":
            self._state = _State.START
        return event.end()

    def _cut(self, window: str) -> int:
        if self._state is not _State.SKIP:
            self._after_skip = _State.CODE if self._state is _State.CODE else _State.START
        self._state = _State.SKIP
        self._pieces.append(Piece(Shape.CUT, "", self._part))
        return len(window)

    def _take_rest(self, window: str, is_end: bool) -> int:
        end = window.find("\n")
        if end >= 0 or is_end:
            self._state = self._after_skip
            return end + 1 if end >= 0 else len(window)
        return self._cut(window) if len(window) == MAX_PIECE_CHARS else 0

    def _opened(self, shape: Shape, mark: str = "", indent: int = 0) -> None:
        self._part += 1
        self._open = Piece(shape, "", self._part, mark, indent)

    def _continue(self) -> None:
        """Go on with the paragraph or item before, or open a paragraph."""
        if self._open is None or self._open.shape is Shape.ROW:
            self._opened(Shape.PARAGRAPH)

    def _add(self, text: str) -> None:
        opened = self._open
        assert opened is not None
        if words := " ".join(text.split()):
            self._pieces.append(Piece(opened.shape, words, opened.part, opened.mark, opened.indent))


def _is_line(first: str) -> bool:
    return bool(first[0] == "|" or _HEADING.fullmatch(first) or _FENCE.match(first))


def _opens_block(first: str) -> bool:
    return bool(
        not first
        or first[0] == ">"
        or _is_line(first)
        or _RULE.fullmatch(first)
        or _ITEM.fullmatch(first)
    )


def _ends_at_line(window: str, at: int, is_end: bool) -> bool | None:
    """Whether a sentence ends with the line that ends `at`; None when that is open."""
    line = window[:at]
    if line.endswith("  ") or _without_marks(line).endswith(_LINE_STOPS):
        return True
    following = _FIRST_WORD.match(window, at + 1)
    assert following is not None
    if following.end() == len(window) and not is_end:
        return None
    return _opens_block(following[1])


def _ends_at_stop(window: str, stop: re.Match[str], is_end: bool) -> bool | None:
    if stop.end() == len(window):
        return None if not is_end else False
    if window[stop.end()] == "[":
        if not is_end and _MAY_BE_MARKS.match(window, stop.end()):
            return None
        if _MARKS_END_LINE.match(window, stop.end()):
            return False
    if window[stop.end()] == "\n" or _NUMBER_ALONE.match(window[: stop.start()]):
        return False
    if "`" in window[: stop.start()] and "`" in _SPAN.sub("", window[: stop.start()]):
        return False
    return stop[0][-1] not in " \t" or cuts_sentence(window, 0, stop.start(), stop.end())


def _without_marks(line: str) -> str:
    end = line[-60:]
    marks = _MARKS_AT_END.search(end)
    return line[: len(line) - len(end) + marks.start()] if marks else line
