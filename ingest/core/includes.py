"""The text of a page with its includes filled in, and which files it is made of."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from ingest.core.includes_convert import rst_of_markdown
from ingest.core.includes_markdown import MarkdownSplitter
from ingest.core.includes_paths import candidates
from ingest.core.includes_pieces import Include, Kind, Pieces, Rule
from ingest.core.includes_render import (
    body_of,
    placeholder,
    render_code,
    render_placed,
    render_rst_in_markdown,
    render_text,
)
from ingest.core.includes_rst import split_rst
from ingest.core.includes_select import select_code, select_snippet, select_text
from ingest.core.tree import FileContent
from schemas.errors import TooLarge
from schemas.events import MAX_PAGE_BYTES
from schemas.formats import Format

MAX_DEPTH = 5
"""An include within an include, so deep; further ones stay out."""
_MAX_LOOKED_AT = 32 * MAX_PAGE_BYTES
"""All included files of a page together, counted each time they are named."""
_NAMED = 16 * 2**10
"""What naming a file counts at least, so that includes of includes cannot multiply without end."""


@dataclass(frozen=True, slots=True)
class PageText:
    """A page before its includes are filled in; `root` is the folder that `/x` in an include starts at."""

    text: str
    path: str
    format: Format
    root: str = ""


@dataclass(frozen=True, slots=True)
class Expanded:
    """A page with its includes.

    `depends` holds every path whose content or appearance would change the text; `missing` those that an
    include names and that are not there; `wanted` those that were not known yet: the text is final only when
    it is empty.
    """

    text: str
    depends: frozenset[str]
    missing: frozenset[str]
    wanted: frozenset[str] = frozenset()


def expand_known(page: PageText, files: Mapping[str, str | None]) -> Expanded:
    """Fill in the includes of a page as far as `files` are known; None there says that a file is absent.

    Raises: TooLarge as soon as the page is over its cap.
    """
    if page.format not in (Format.MARKDOWN, Format.RST) or not has_includes(page.text, page.format):
        return Expanded(page.text, frozenset(), frozenset())
    filling = _Filling(page, files)
    text = filling.text_of(page.text.replace("\r\n", "\n"), page.path)
    _check_size(len(text.encode()))
    return Expanded(
        text=text,
        depends=frozenset(filling.depends),
        missing=frozenset(filling.missing - filling.wanted),
        wanted=frozenset(filling.wanted),
    )


def has_includes(text: str, format: Format) -> bool:
    """Tell at a glance whether a text may hold an include."""
    if format is Format.RST:
        return "include::" in text
    return any(sign in text for sign in ("include}", "8<-", "{eval-rst}", "import "))


def texts_of(files: Mapping[str, FileContent]) -> dict[str, str]:
    """The files that may be included: within the cap and UTF-8; a byte order mark is dropped."""
    texts = {}
    for path, content in files.items():
        try:
            if content.data is not None:
                texts[path] = content.data.decode("utf-8-sig").replace("\r\n", "\n")
        except UnicodeDecodeError:
            continue
    return texts


@dataclass(slots=True)
class _Filling:
    """One pass over one page; gathers what it depends on."""

    page: PageText
    files: Mapping[str, str | None]
    depends: set[str] = field(default_factory=set)
    missing: set[str] = field(default_factory=set)
    wanted: set[str] = field(default_factory=set)
    added_bytes: int = 0
    looked_at_bytes: int = 0

    def text_of(self, text: str, file: str) -> str:
        """Expand the page's own text."""
        return self._filled(_split(text, self.page.format, in_code=False), (file,))

    def _filled(self, pieces: Pieces, chain: tuple[str, ...]) -> str:
        return "".join(
            piece if isinstance(piece, str) else self._fill(piece, chain) for piece in pieces
        )

    def _fill(self, include: Include, chain: tuple[str, ...]) -> str:
        self.looked_at_bytes += _NAMED
        _check_size(self.looked_at_bytes, _MAX_LOOKED_AT)
        if len(chain) > MAX_DEPTH:
            return placeholder(include, "nested too deep")
        paths = candidates(include, page=self.page.path, file=chain[-1], root=self.page.root)
        if not paths:
            return placeholder(include, "outside of this repository")
        path = self._first_there(paths)
        if path is None:
            return placeholder(include, "not in this repository")
        if path in chain:
            return placeholder(include, "includes itself")
        return self._written(include, self.files[path] or "", (*chain, path))

    def _first_there(self, paths: Sequence[str]) -> str | None:
        """The first path that is there; whatever stands before it would take its place by appearing."""
        self.wanted.update(path for path in paths if path not in self.files)
        for path in paths:
            self.depends.add(path)
            if self.files.get(path) is not None:
                return path
        self.missing.update(paths)
        return None

    def _written(self, include: Include, text: str, chain: tuple[str, ...]) -> str:
        self.looked_at_bytes += len(text)
        chosen = _selected(include, text)
        if chosen is None:
            return placeholder(include, "nothing chosen of")
        self.added_bytes += len(chosen.encode()) + len(include.lead) * chosen.count("\n")
        _check_size(self.added_bytes)
        return self._rendered(include, chosen, chain)

    def _rendered(self, include: Include, chosen: str, chain: tuple[str, ...]) -> str:
        if include.kind is Kind.CODE:
            return render_code(include, chosen)
        if include.rule is Rule.MDX:
            chosen = body_of(chosen, include)
        if include.kind is Kind.PLACED:
            inner = self._filled(_split(chosen, include.syntax, in_code=include.in_code), chain)
            return render_placed(include, inner.strip("\n") if include.rule is Rule.MDX else inner)
        theirs = _syntax_of(include, chain[-1])
        if theirs is Format.MARKDOWN:
            chosen = body_of(chosen, include)
        inner = self._filled(_split(chosen, theirs, in_code=False), chain)
        if theirs is include.syntax:
            return render_text(include, inner)
        if theirs is Format.RST:
            return render_rst_in_markdown(include, inner)
        return render_text(include, rst_of_markdown(inner))


def _split(text: str, syntax: Format, *, in_code: bool) -> Pieces:
    if syntax is Format.RST:
        return split_rst(text)
    return MarkdownSplitter(text, in_code=in_code).split()


def _selected(include: Include, text: str) -> str | None:
    if include.rule is Rule.SNIPPET:
        return select_snippet(text, include.argument)
    if include.kind is Kind.CODE and include.options.keys().isdisjoint({"literal", "code"}):
        return select_code(text, include.options)
    return select_text(text, include.options)


def _syntax_of(include: Include, path: str) -> Format:
    """How an included text is written: as its `:parser:` says, or like the page; MyST knows rst by its suffix."""
    parser = include.options.get("parser", "").lower()
    if re.search(r"myst|markdown|m2r|commonmark", parser):
        return Format.MARKDOWN
    if re.search(r"rst|restructured", parser) or path.endswith(".rst"):
        return Format.RST
    return include.syntax


def _check_size(size_bytes: int, cap_bytes: int = MAX_PAGE_BYTES) -> None:
    if size_bytes > cap_bytes:
        raise TooLarge(size_bytes=size_bytes, cap_bytes=cap_bytes)
