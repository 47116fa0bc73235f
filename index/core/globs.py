"""Patterns of paths: which a source takes in, which count more or less, compiled once."""

import re
from collections.abc import Iterator, Sequence

from schemas.errors import BadConfiguration

_MAX_CHARS = 500
_MAX_ALTERNATIVES = 100


class Globs:
    """Paths that match one of `include` and none of `exclude`.

    `*` and `?` stay within a name; `**` as a whole part stands for any number of folders, also none; `[a-z]`
    and `[!a]` are classes, `{a,b}` alternatives; a pattern that ends in `/` takes all below it. Case counts.

    Raises: BadConfiguration for a pattern that is empty, unbalanced or absurdly large.
    """

    __slots__ = ("_exclude", "_include")

    def __init__(self, include: Sequence[str], exclude: Sequence[str] = ()) -> None:
        self._include = _compile(include)
        self._exclude = _compile(exclude)

    def matches(self, path: str) -> bool:
        """Tell whether the posix path, relative to the source's root, is taken in."""
        return bool(self._include.fullmatch(path)) and not self._exclude.fullmatch(path)


def _compile(globs: Sequence[str]) -> re.Pattern[str]:
    branches = [_branch(plain) for glob in globs for plain in _without_braces(glob)]
    return re.compile("|".join(branches) or r"(?!)", re.DOTALL)


def _without_braces(glob: str) -> list[str]:
    """Write out the alternatives of `{a,b}`, nested ones too."""
    if not glob.strip() or len(glob) > _MAX_CHARS:
        raise BadConfiguration(f"the pattern {glob[:80]!r} is empty or too long")
    pending, plain = [glob], []
    while pending:
        text = pending.pop()
        inner = re.search(r"\{([^{}]*)\}", text)
        if inner is None:
            plain.append(text)
        else:
            before, after = text[: inner.start()], text[inner.end() :]
            pending += [before + choice + after for choice in inner[1].split(",")]
        if len(pending) + len(plain) > _MAX_ALTERNATIVES:
            raise BadConfiguration(f"the pattern {glob[:80]!r} has too many alternatives")
    if any("{" in text or "}" in text for text in plain):
        raise BadConfiguration(f"the pattern {glob!r} has a brace without its partner")
    return plain


def _branch(glob: str) -> str:
    """One alternative as a regex without ambiguity: what is found first is never tried again.

    Between two `**` only the first place where the names fit matters, so those runs are atomic groups and the
    time stays linear in the path; only the names after the last `**` are tried at each folder.
    """
    text = glob.removeprefix("./").lstrip("/")
    parts = (text + "**" if text.endswith("/") else text).split("/")
    runs: list[list[str]] = [[]]
    for part in parts:
        if part == "**":
            runs.append([])
        else:
            runs[-1].append(_name(part, glob))
    first, *later = runs
    if not later:
        return "/".join(first)
    head = "".join(name + "/" for name in first)
    middle = "".join(
        "(?>(?:[^/]+/)*?" + "".join(name + "/" for name in run) + ")" for run in later[:-1] if run
    )
    tail = "(?:[^/]+/)*" + "/".join(later[-1]) if later[-1] else ".+"
    return head + middle + tail


def _name(part: str, glob: str) -> str:
    """One part of a path; every `*` but the last takes the first place that fits (atomic)."""
    pieces = ["".join(_symbols(piece, glob)) for piece in _star_pieces(part)]
    if len(pieces) == 1:
        return pieces[0]
    first, *middle, last = pieces
    return first + "".join(f"(?>[^/]*?{piece})" for piece in middle if piece) + f"[^/]*{last}"


def _star_pieces(part: str) -> list[str]:
    """Split at runs of `*` outside classes."""
    return re.split(r"\*+(?![^\[\]]*\])", part)


def _symbols(piece: str, glob: str) -> Iterator[str]:
    at = 0
    while at < len(piece):
        char = piece[at]
        if char == "[":
            end = piece.find("]", at + 2)
            if end < 0:
                raise BadConfiguration(f"the pattern {glob!r} has a bracket without its partner")
            yield _class(piece[at + 1 : end], glob)
            at = end
        else:
            yield "[^/]" if char == "?" else re.escape(char)
        at += 1


def _class(inner: str, glob: str) -> str:
    negated = inner[0] in "!^"
    members = re.sub(r"([\\\[\]&~|^])", r"\\\1", inner[1:] if negated else inner)
    symbol = f"[{'^/' if negated else ''}{members}]"
    try:
        re.compile(symbol)
    except re.error as exc:
        raise BadConfiguration(f"the pattern {glob!r} has a class that makes no sense") from exc
    return symbol
