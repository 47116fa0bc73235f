"""A small world of documentation files: what they look like, and what a reader should find of them."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from enum import StrEnum

from index.core.globs import Globs
from ingest.core.urls import UrlPattern
from ingest.settings import SourceSettings
from schemas.events import MAX_PAGE_BYTES

PAGES = ("a.md", "b.md", "d.md", "d/index.md", "d/e.md", "f.rst", "inc/part.rst", "n.ipynb")
INCLUDES = ("inc/one.txt", "inc/part.rst")
PATTERNS = ("", "https://docs.example/{stem}/", "https://docs.example/{pretty}")
_HUGE = b"# Huge\n\n" + b"x" * MAX_PAGE_BYTES


class Poison(StrEnum):
    """Why a file cannot be published."""

    NUL = "nul"
    NO_UTF8 = "no utf8"
    HUGE = "huge"
    UNPARSEABLE = "unparseable"


@dataclass(frozen=True, slots=True)
class Doc:
    """A page's source; each number stands for a text of its own."""

    title: int
    sections: tuple[int, ...]
    include: str = ""
    slug: str = ""
    is_draft: bool = False
    poison: Poison | None = None


@dataclass(frozen=True, slots=True)
class Piece:
    """A file that is included, and no page: with `is_huge` no page has room for it."""

    number: int
    is_huge: bool = False


File = Doc | Piece
Tree = Mapping[str, File]


def bytes_of(tree: Tree) -> dict[str, bytes]:
    """The tree as files."""
    return {path: _bytes(path, file) for path, file in tree.items()}


@dataclass(frozen=True, slots=True)
class Expected:
    """What the index of a tree should hold: of each live page its URL and marks in reading order."""

    live: Mapping[str, tuple[str, tuple[str, ...]]]
    parked: frozenset[str]


def expected_of(tree: Tree, settings: SourceSettings) -> Expected:
    """Work out by hand what should be published."""
    globs, pattern = Globs(settings.include, settings.exclude), UrlPattern(settings.url)
    docs = {
        path: file
        for path, file in tree.items()
        if isinstance(file, Doc) and globs.matches(path) and not _is_kept_out(path, file)
    }
    urls = {path: _url(path, doc, pattern) for path, doc in docs.items()}
    owners: dict[str, str] = {}
    for path in sorted(docs, key=lambda path: (not _has_slug(path, docs[path]), path)):
        owners.setdefault(urls[path], path)
    fit = {path for path in docs if owners[urls[path]] == path and not _is_refused(path, tree)}
    return Expected(
        {path: (urls[path], marks_of(path, tree)) for path in fit}, frozenset(docs.keys() - fit)
    )


def marks_of(path: str, tree: Tree) -> tuple[str, ...]:
    """The words by which a page's content is known, in reading order."""
    doc = tree[path]
    if isinstance(doc, Piece):
        return (f"piece{doc.number}",)
    included = tree.get(doc.include) if _may_include(path) else None
    is_text = isinstance(included, Piece) or (
        included is not None and included.poison not in (Poison.HUGE, Poison.NO_UTF8)
    )
    inner = marks_of(doc.include, tree) if is_text else ()
    return (*inner, *(f"mark{number}" for number in doc.sections if _has_text(number)))


def healed(doc: Doc) -> Doc:
    """The page without what is wrong with it."""
    return replace(doc, poison=None)


def _is_kept_out(path: str, doc: Doc) -> bool:
    return doc.is_draft and doc.poison in (None, Poison.UNPARSEABLE) and path.endswith(".md")


def _has_slug(path: str, doc: Doc) -> bool:
    return bool(doc.slug) and path.endswith(".md") and doc.poison in (None, Poison.UNPARSEABLE)


def _url(path: str, doc: Doc, pattern: UrlPattern) -> str:
    return pattern.url_with_slug(path, doc.slug) if _has_slug(path, doc) else pattern.url_of(path)


def _is_refused(path: str, tree: Tree) -> bool:
    doc = tree[path]
    if not isinstance(doc, Doc):
        return False
    included = tree.get(doc.include) if _may_include(path) else None
    if isinstance(included, Piece) and included.is_huge:
        return True
    return path.endswith(".ipynb") if doc.poison is Poison.UNPARSEABLE else doc.poison is not None


def _may_include(path: str) -> bool:
    return not path.endswith(".ipynb") and path != "inc/part.rst"


def _bytes(path: str, file: File) -> bytes:
    if isinstance(file, Piece):
        text = f"Shared piece{file.number} for all.\n"
        return (text + "x" * (MAX_PAGE_BYTES - len(text) if file.is_huge else 0)).encode()
    match file.poison:
        case Poison.NUL:
            return _text(path, file).encode() + b"\x00"
        case Poison.NO_UTF8:
            return _text(path, file).encode() + b"\xff\xfe"
        case Poison.HUGE:
            return _HUGE
        case Poison.UNPARSEABLE if path.endswith(".ipynb"):
            return b"{" + _text(path, file).encode()
        case _:
            return _text(path, file).encode()


def _text(path: str, doc: Doc) -> str:
    if path.endswith(".rst"):
        return _rst(path, doc)
    if path.endswith(".ipynb"):
        cells = [{"cell_type": "markdown", "metadata": {}, "source": _markdown(path, doc)}]
        return json.dumps({"cells": cells, "metadata": {}, "nbformat": 4, "nbformat_minor": 5})
    return _front(doc) + _markdown(path, doc)


def _front(doc: Doc) -> str:
    fields = ([f"slug: {doc.slug}"] if doc.slug else []) + ["draft: true"] * doc.is_draft
    return "\n".join(["---", *fields, "---", ""]) if fields else ""


def _markdown(path: str, doc: Doc) -> str:
    included = f'--8<-- "{doc.include}"\n\n' if doc.include and _may_include(path) else ""
    parts = "".join(f"## {_heading(number)}\n\n{_body(number)}\n" for number in doc.sections)
    return f"# Title {doc.title}\n\n{included}{parts}"


def _rst(path: str, doc: Doc) -> str:
    included = f".. include:: /{doc.include}\n\n" if doc.include and _may_include(path) else ""
    parts = "".join(
        f"{_heading(number)}\n------\n\n{_body(number, code='::')}\n" for number in doc.sections
    )
    return f"Title {doc.title}\n=========\n\n{included}{parts}"


def _has_text(number: int) -> bool:
    """Whether a section has more than a heading: without text it makes no chunk."""
    return number % 5 != 4


def _heading(number: int) -> str:
    return f"Part {number % 3}"


def _body(number: int, code: str = "") -> str:
    """One paragraph; some are long enough for several chunks, some have code behind them, and some are not there."""
    if not _has_text(number):
        return ""
    long = " ".join(f"Sentence {word} tells more of it." for word in range(number % 4 * 3))
    listing = f"{code}\n\n    run --mark {number}\n" if number % 5 == 0 else ""
    return f"Here stands mark{number} alone. {long}\n{listing}"
