"""The id a heading has on its published page, by the rules of the generator that publishes it."""

import re
import unicodedata
from collections.abc import Iterable, Sequence
from typing import Protocol

from index.core.formats.invisible import strip_invisible
from schemas.formats import Dialect


class Anchors(Protocol):
    """Hands out the ids of one page; called once per heading, in reading order."""

    def reserve(self, ids: Iterable[str]) -> None:
        """Take note, before the first heading, of the ids that the page sets by hand."""
        ...

    def add_label(self, label: str) -> None:
        """Take note of a target that stands before what follows."""
        ...

    def of_heading(self, text: str, *, explicit: str = "", labels: Sequence[str] = ()) -> str: ...


def anchors_of(dialect: Dialect) -> Anchors:
    """Start a page of `dialect`."""
    if dialect is Dialect.MYST:
        return DocutilsAnchors()
    return TocAnchors() if dialect is Dialect.MKDOCS else SluggerAnchors()


class DocutilsAnchors:
    """Sphinx: a repeated or empty slug becomes `id1`, `id2`, ... in one count per page.

    A section has its slug and its labels as ids. The element itself bears the first of them: the
    slug, but the nearest label where the slug begins with `id`, as the numbered ones do.
    Source: Sphinx, transforms, SortIds.
    """

    def __init__(self) -> None:
        self._used: set[str] = set()
        self._count = 0

    def reserve(self, ids: Iterable[str]) -> None:
        """Docutils meets hand-set ids in reading order, as labels."""

    def add_label(self, label: str) -> None:
        self._take(docutils_id(label))

    def of_heading(self, text: str, *, explicit: str = "", labels: Sequence[str] = ()) -> str:
        slug = docutils_id(text)
        taken = self._take(slug)
        names = [docutils_id(label) for label in (explicit, *reversed(labels))]
        return next(filter(None, names), taken) if taken.startswith("id") else taken

    def _take(self, wanted: str) -> str:
        taken = wanted
        while not taken or taken in self._used:
            self._count += 1
            taken = f"id{self._count}"
        self._used.add(taken)
        return taken


class TocAnchors:
    """MkDocs: Python-Markdown's toc extension counts `_1`, `_2`, ... behind a repeated slug."""

    def __init__(self) -> None:
        self._used: set[str] = set()
        self._counts: dict[str, int] = {}

    def reserve(self, ids: Iterable[str]) -> None:
        self._used.update(ids)

    def add_label(self, label: str) -> None:
        """Python-Markdown has no labels."""

    def of_heading(self, text: str, *, explicit: str = "", labels: Sequence[str] = ()) -> str:
        anchor = explicit or self._unused(toc_slug(text))
        self._used.add(anchor)
        return anchor

    def _unused(self, slug: str) -> str:
        if slug and slug not in self._used:
            return slug
        counted = re.fullmatch(r"(.*)_([0-9]{1,9})", slug)
        stem, first = (counted[1], int(counted[2])) if counted else (slug, 0)
        count = self._counts.get(slug, first)
        anchor = slug
        while not anchor or anchor in self._used:
            count += 1
            anchor = f"{stem}_{count}"
        self._counts[slug] = count
        return anchor


class SluggerAnchors:
    """GitHub and Docusaurus: `-1`, `-2`, ... behind a repeated slug; hand-set ids don't count."""

    def __init__(self) -> None:
        self._seen: dict[str, int] = {}

    def reserve(self, ids: Iterable[str]) -> None:
        """The slugger only knows the slugs it made itself."""

    def add_label(self, label: str) -> None:
        """GitHub and Docusaurus have no labels."""

    def of_heading(self, text: str, *, explicit: str = "", labels: Sequence[str] = ()) -> str:
        return explicit or self._unused(github_slug(text))

    def _unused(self, slug: str) -> str:
        anchor = slug
        while anchor in self._seen:
            self._seen[slug] += 1
            anchor = f"{slug}-{self._seen[slug]}"
        self._seen[anchor] = 0
        return anchor


_WITHOUT_DECOMPOSITION = str.maketrans(
    dict(
        zip(
            "øđħıłŧƀƃƈƌƒƙƚƞƥƫƭƴƶǥȥȴȵȶȷȼȿɀɇɉɋɍɏ",
            "odhiltbbcdfklnpttyzgzlntjcszejqry",
            strict=True,
        )
    )
    | {"ß": "sz", "æ": "ae", "œ": "oe", "ȸ": "db", "ȹ": "qp"}
)


def docutils_id(text: str) -> str:
    """The id docutils makes of a name: ASCII letters and digits with single hyphens, or "".

    Source: "Identifier keys" in the docutils reference; letters without an ASCII base are left out.
    """
    lowered = " ".join(text.lower().split()).translate(_WITHOUT_DECOMPOSITION)
    ascii_only = unicodedata.normalize("NFKD", lowered).encode("ascii", "ignore").decode()
    return re.sub(r"[^a-z0-9]+", "-", ascii_only).lstrip("-0123456789").rstrip("-")


def toc_slug(text: str) -> str:
    """The slug of Python-Markdown's toc extension: ASCII, underscores kept."""
    ascii_only = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode()
    return re.sub(r"[-\s]+", "-", re.sub(r"[^\w\s-]", "", ascii_only).strip().lower())


def github_slug(text: str) -> str:
    """The slug of GitHub: letters, marks, digits, `_` and `-` of any script; a space is a hyphen.

    Of the characters nobody sees only U+FE0F stays: it follows many an emoji, and GitHub keeps it.
    """
    kept = "".join(char for char in text.lower() if char in "- \ufe0f" or _is_word(char))
    return "\ufe0f".join(map(strip_invisible, kept.split("\ufe0f"))).replace(" ", "-")


def _is_word(char: str) -> bool:
    category = unicodedata.category(char)
    return category[0] in "LM" or category in ("Nd", "Nl", "Pc") or char in _CIRCLED_LETTERS


_CIRCLED_LETTERS = frozenset(
    chr(code)
    for start, stop in (
        (0x24B6, 0x24EA),
        (0x1F130, 0x1F14A),
        (0x1F150, 0x1F16A),
        (0x1F170, 0x1F18A),
    )
    for code in range(start, stop)
)
