"""Which part of a text the page shows as code within a line, told beside the text and not in it.

A parser sets signs around that part while it puts a text together; what is compared, counted and embedded is the text
without them. The index keeps a text with its signs: Unicode's noncharacters, which no page has a use for.
"""

import re
from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Sequence
from operator import itemgetter

from schemas.answers import Spans

_OPEN, _ON, _CLOSE = "\ufdd0", "\ufdd1", "\ufdd2"
_SIGN = re.compile(f"([{_OPEN}{_ON}{_CLOSE}])")


def as_code(text: str, *, goes_on: bool = False) -> str:
    """`text` signed as code, but for the white space around it; `goes_on` with the code that was signed before it."""
    core = text.strip()
    if not core:
        return text
    at = text.index(core)
    sign = _ON if goes_on else _OPEN
    return f"{text[:at]}{sign}{core}{_CLOSE}{text[at + len(core) :]}"


def without_signs(text: str) -> str:
    """`text` without signs."""
    return read_signs(text)[0] if _SIGN.search(text) else text


def read_signs(signed: str) -> tuple[str, Spans]:
    """The text without signs, and from where to where in it there is code, in order, none touching another."""
    spans: list[tuple[int, int]] = []
    pieces: list[str] = []
    at, start = 0, None
    for piece in _SIGN.split(signed):
        if piece == _CLOSE:
            if start is not None and at > start:
                spans.append((start, at))
            start = None
        elif piece in (_OPEN, _ON):
            goes_on = bool(spans) and (piece == _ON or spans[-1][1] == at)
            start = spans.pop()[0] if goes_on else at
        elif piece:
            pieces.append(piece)
            at += len(piece)
    return "".join(pieces), tuple(spans)


def with_signs(text: str, spans: Spans) -> str:
    """The text with signs, from which `read_signs` reads both again."""
    pieces, place = [], 0
    for start, end in spans:
        pieces += [text[place:start], _OPEN, text[start:end], _CLOSE]
        place = end
    return "".join([*pieces, text[place:]])


def spans_in(pieces: Sequence[str], texts: Iterable[tuple[str, Spans]]) -> list[Spans]:
    """The code of each of `pieces`, which hold `texts` in order, all but some white space; what is cut is in both."""
    ranges: list[tuple[int, int]] = []
    before = 0
    for text, spans in texts:
        place = 0
        for start, end in spans:
            first = before + _filled(text[place:start])
            before = first + _filled(text[start:end])
            ranges.append((first, before))
            place = end
        before += _filled(text[place:])
    if not ranges:
        return [()] * len(pieces)
    found: list[Spans] = []
    before = 0
    for piece in pieces:
        places = [at for at, character in enumerate(piece) if not character.isspace()]
        after = before + len(places)
        # They are in order and apart: those of one piece stand side by side.
        first = bisect_right(ranges, before, key=itemgetter(1))
        stop = bisect_left(ranges, after, key=itemgetter(0))
        inside = ((max(a, before) - before, min(b, after) - before) for a, b in ranges[first:stop])
        found.append(tuple((places[a], places[b - 1] + 1) for a, b in inside if a < b))
        before = after
    return found


def _filled(text: str) -> int:
    """Characters that are no white space."""
    return sum(map(len, text.split()))
