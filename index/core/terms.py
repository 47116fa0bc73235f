"""The words that lexical search counts, the same for documents and questions."""

import re
import unicodedata
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from functools import lru_cache

from snowballstemmer.english_stemmer import EnglishStemmer

from index.core.formats.invisible import strip_invisible
from index.core.pages import ChunkTerms, TermCount
from schemas.formats import format_of

MAX_TERM = 64  # characters
MAX_COUNT = 32767  # a smallint column

_STOP_WORDS = frozenset(
    """
    a about all also am an and any are aren as at be been being but by can could couldn d did
    didn do does doesn doing don else for from had has hasn have haven having he her here him
    his how i if in into is isn it its just ll m may me might must my of on or our re s shall
    she should shouldn so some such t than that the their them then there these they this those
    to too us ve very was wasn we were weren what when where which while who whom whose why will
    with won would wouldn you your
    """.split()  # noqa: SIM905 - a table of words reads better as text
)
# Combining marks of scripts whose vowels are marks, which \w leaves out.
_MARKS = "\u0300-\u036f\u0591-\u05c7\u064b-\u065f\u0900-\u0dff\u0e31-\u0e3a\u0e47-\u0e4e"
_WORD = rf"\w[\w{_MARKS}]*"
_TOKEN = re.compile(rf"(?:(?<![\w\-])--(?=[A-Za-z]))?{_WORD}(?:[.\-]{_WORD})*")
_CJK = re.compile("[\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uac00-\ud7af\U00020000-\U0003134f]+")
_VERSION = re.compile(r"v?(\d+(?:\.\w+)+(?:-\w+)*)", re.IGNORECASE)
# Where a camel-case name falls apart: HTTPServer, mapBatches; the plural of an acronym stays one.
_HUMPS = re.compile(
    r"[A-Z]{2,}s(?![a-z])|[A-Z]+(?=[A-Z][a-z])|[A-Z]?[^\W\dA-Z_]+\d*|[A-Z]+\d*|\d+|\w+"
)
_ACRONYMS = re.compile(r"[A-Z]{2,}s")
# Plurals that the stemmer leaves alone for want of a vowel.
_PLURALS = {f"{word}s": word for word in ("cpu", "db", "gpu", "npu", "pg", "tpu", "vm")}
_MAX_CACHED = 256  # characters; a longer token is hardly seen twice


def terms_of(text: str) -> list[str]:
    """Give the terms of `text` in reading order, each as often as it stands there.

    Plain words are lower-cased and stemmed, stop words dropped. An identifier, a flag and a
    compound yield themselves whole and then their parts: `map_batches` gives map_batches, map,
    batch, and `--head` gives --head, head. A version is one term. Runs of Chinese, Japanese or Korean come as pairs of
    characters.
    """
    text = strip_invisible(text)
    if not text.isascii():
        text = unicodedata.normalize("NFKC", text)
        text = _CJK.sub(lambda run: f" {run[0]} ", text)
    terms: list[str] = []
    for token in _TOKEN.findall(text):
        is_short = len(token) <= _MAX_CACHED
        terms += _terms_of_token(token) if is_short else _terms_of_token.__wrapped__(token)
    return terms


def count_terms(
    title: str, path: str, texts: Iterable[tuple[Sequence[str], str]]
) -> tuple[ChunkTerms, ...]:
    """Count the terms of each chunk by field.

    Args:
        title: The page's; its terms count for every chunk.
        path: The page's path in its source, whose words count for every chunk too.
        texts: The heading path and the body of each chunk.

    Returns:
        The counts of each chunk in the order of `texts`, by term, each at most `MAX_COUNT`.
    """
    in_title, in_path = _count(terms_of(title)), _count(terms_of(_without_suffix(path)))
    headings: dict[tuple[str, ...], _Counts] = {}
    chunks: list[ChunkTerms] = []
    for heading_path, text in texts:
        key = tuple(heading_path)
        if key not in headings:
            headings[key] = _count([term for heading in key for term in terms_of(heading)])
        terms = terms_of(text)
        rows = _rows(in_title, headings[key], in_path, _count(terms))
        chunks.append(ChunkTerms(len(terms), tuple(rows)))
    return tuple(chunks)


_Counts = dict[str, int]


def _count(terms: Sequence[str]) -> _Counts:
    return {term: min(count, MAX_COUNT) for term, count in Counter(terms).items()}


def _rows(title: _Counts, heading: _Counts, path: _Counts, body: _Counts) -> Iterator[TermCount]:
    for term in sorted({*title, *heading, *path, *body}):
        yield TermCount(
            term, title.get(term, 0), heading.get(term, 0), path.get(term, 0), body.get(term, 0)
        )


def _without_suffix(path: str) -> str:
    return path[: path.rfind(".")] if format_of(path) else path


@lru_cache(maxsize=1 << 16)
def _terms_of_token(token: str) -> tuple[str, ...]:
    version = _VERSION.fullmatch(token)
    if version:
        return (version[1].lower()[:MAX_TERM],)
    if _CJK.fullmatch(token):
        return tuple(token[i : i + 2] for i in range(max(1, len(token) - 1)))
    flag, token = token, token.removeprefix("--")
    terms = [flag.lower()[:MAX_TERM]] if flag != token else []
    names = re.split(r"[.\-]", token)
    terms += [_whole(token)] if len(names) > 1 else []
    for name in names:
        terms += _terms_of_name(name)
    return tuple(dict.fromkeys(term for term in terms if term))


def _terms_of_name(name: str) -> list[str]:
    """A name without dots: snake case, camel case or a plain word."""
    words = [word for word in name.split("_") if word]
    terms = [_whole(name)] if len(words) > 1 else []
    for word in words:
        terms += _terms_of_word(word)
    return terms


def _terms_of_word(word: str) -> tuple[str, ...]:
    if len(word) > MAX_TERM or word.islower() or word.isupper() or word[1:].islower():
        return _stemmed(word[: MAX_TERM + 1])  # a cache must not hold on to a whole file
    humps = _HUMPS.findall(word)
    if len(humps) == 1:
        return _stemmed(word)
    parts = (term for hump in humps if len(hump) > 1 for term in _stemmed(hump))
    return (*_stemmed(word), *parts)


def _whole(name: str) -> str:
    return name.strip("_.-").lower()[:MAX_TERM]


@lru_cache(maxsize=1 << 15)
def _stemmed(word: str) -> tuple[str, ...]:
    """The word's stem, or nothing for a stop word."""
    lowered = word.lower()
    if _ACRONYMS.fullmatch(word):
        stem = lowered[:-1]
    elif len(word) > MAX_TERM or not word.isalpha():
        stem = lowered[:MAX_TERM]
    else:
        # A stemmer holds the word it works on, so threads must not share one.
        stem = _PLURALS.get(lowered) or str(EnglishStemmer().stemWord(lowered))
    return () if lowered in _STOP_WORDS or stem in _STOP_WORDS else (stem,)
