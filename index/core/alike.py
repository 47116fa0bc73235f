"""Which texts say the same: a page copied into several places or versions, a docstring that many classes inherit."""

import re

_WORD = re.compile(r"\w+")
_TELLING = re.compile(
    r"[\w.\-]*\d[\w.\-]*"
    r"|(?<![\w\-])--?[A-Za-z][\w\-]*"
    r"|\w+_\w*|\w*[a-z][A-Z]\w*"
    r"|\b(?i:not|no|never|none|nor|without|cannot|except|unless|\w+n['’]t)\b"
)
_RUN = 4
"""Words in a row that are compared: fewer would find the words of one subject alike, not its texts."""


def shingles_of(text: str) -> frozenset[str]:
    """The runs of `_RUN` words of a text in lower case; a shorter text is one run, one without words none."""
    words = _WORD.findall(text.lower())
    runs = range(max(1, len(words) - _RUN + 1)) if words else range(0)
    return frozenset(" ".join(words[at : at + _RUN]) for at in runs)


def likeness(left: frozenset[str], right: frozenset[str]) -> float:
    """The share of their runs that two texts have in common (Jaccard), 0 to 1; texts without words are not alike."""
    either = len(left | right)
    return len(left & right) / either if either else 0.0


def telling_words(text: str) -> tuple[str, ...]:
    """The numbers, flags, names of code and negations of a text, in order: where they differ, so does the answer."""
    return tuple(_TELLING.findall(text))
