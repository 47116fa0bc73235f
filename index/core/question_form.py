"""What two questions are compared by to tell whether they ask the very same."""

import re
import unicodedata

from index.core.formats.invisible import strip_invisible
from index.core.terms import terms_of

_QUOTES = str.maketrans("’‘“”«»–—", '\'\'""""--')
_CONTRACTED = tuple(
    (re.compile(pattern, re.IGNORECASE), written)
    for pattern, written in (
        (r"\bcan(?:no|')t\b", "can not"),
        (r"\bwon't\b", "will not"),
        (r"n't\b", " not"),
        (r"\b(what|who|how|where|when|why|it|that|there)'s\b", r"\1 is"),
        (r"'s\b", ""),
        (r"'m\b", " am"),
        (r"'re\b", " are"),
        (r"'ve\b", " have"),
        (r"'ll\b", " will"),
        (r"'d\b", " would"),
    )
)
_WORD = r"[\w\x80-\U0010ffff]+"
_PIECE = re.compile(rf"-{{0,2}}{_WORD}(?:[.\-]{_WORD})*|[+#@$%^&=<>~|\\/]")
"""A word, name, version or flag as a whole, or a sign that tells C++ from C."""

_POLITE = "please|pls|plz|kindly|hi|hello|hey"
_OPENING = re.compile(
    rf"(?:(?:{_POLITE}) )*"
    rf"(?:(?:(?:can|could|would|will) (?:you|anyone|someone) )?(?:(?:{_POLITE}) )*"
    r"(?:(?:tell|show) (?:me|us)|explain(?: to (?:me|us))?|(?:do you|does anyone) know"
    r"|i (?:want|need|would like) to know) (?=(?:how|what|why|who|when|where|which) ))?"
    r"(?:how (?:do|can|could|would|should) (?:i|we|one) |how does one |how to "
    r"|what (?:is|are) (?:the |a )?(?:best )?ways? (?:to|of) )?"
)
"""Politeness, and the ways to ask how something is done: these are one, and the same as the words alone."""
_CLOSING = re.compile(
    r"(?:^| )(?:(?:many )?(?:thanks|thank you|thx)(?: in advance| a lot| (?:so|very) much)?|please| )*$"
)
_SAYS_NOTHING = frozenset({"a", "an", "the", "my", "our", *_POLITE.split("|")[:4]})
_INFLECTED = {"does": "do", "are": "is", "has": "have", "we": "i"}


def form_of(question: str) -> tuple[str, ...]:
    """All words of a question in their order, but for those that change nothing of what it asks.

    Words are stemmed, names taken as a whole. Articles, politeness and "how do I" are left out; any other word counts,
    "why", "who", "not", "from" and "to" as much as a noun.
    """
    text = unicodedata.normalize("NFKC", strip_invisible(question)).translate(_QUOTES)
    for pattern, written in _CONTRACTED:
        text = pattern.sub(written, text)
    pieces = _PIECE.findall(text)
    lowered = " ".join(pieces).lower() + " "
    start = lowered[: _match_end(lowered)].count(" ")
    stop = len(pieces) - _closing_words(lowered)
    is_shouted = text.isupper()
    return tuple(
        term
        for piece in pieces[start:stop]
        if piece.lower() not in _SAYS_NOTHING or (piece == "A" and not is_shouted)
        for term in _terms_of_piece(piece)
    )


def _match_end(lowered: str) -> int:
    opening = _OPENING.match(lowered)
    return opening.end() if opening else 0


def _closing_words(lowered: str) -> int:
    closing = _CLOSING.search(lowered)
    return len(closing[0].split()) if closing else 0


def _terms_of_piece(piece: str) -> list[str]:
    lowered = piece.lower()
    if piece.startswith("-"):
        return [lowered]
    terms = terms_of(piece) or [_INFLECTED.get(lowered, lowered)]
    return (
        terms[:1] if piece.isascii() else terms
    )  # a script without spaces has several words in one
