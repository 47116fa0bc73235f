"""What a page's file comes to: what it says of itself, and its text with includes. Pure, and as slow as the page is."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass

from ingest.core.facts import FileFacts, facts_of
from ingest.core.includes import Expanded, PageText, expand_known
from schemas.errors import TooLarge
from schemas.formats import Dialect, Format


@dataclass(frozen=True, slots=True)
class PageFile:
    """A page's own file: `path` is relative to the source's root, `file` and `root` to the repository.

    `dialect` is the source's.
    """

    text: str
    path: str
    file: str
    format: Format
    dialect: Dialect
    root: str


@dataclass(frozen=True, slots=True)
class Examined:
    """A page as far as the given files tell; one that is not listed makes no page and is not expanded.

    `refusal` says why it cannot be published; then `expanded` is empty, and the facts hold all the same: the page goes
    on asking for its address.
    """

    facts: FileFacts
    expanded: Expanded
    refusal: str = ""


Examine = Callable[[PageFile, Mapping[str, str | None]], Awaitable[Examined]]
"""`examine`, somewhere. Raises: UnreadablePage, ParseTimeout; ReaderUnavailable."""


def examine(page: PageFile, files: Mapping[str, str | None]) -> Examined:
    """Examine a page; None among `files`, which its includes may name, says that a file is absent."""
    nothing = Expanded("", frozenset(), frozenset())
    facts = facts_of(page.text, format=page.format, path=page.path, dialect=page.dialect)
    if not facts.is_listed:
        return Examined(facts, nothing)
    try:
        text = PageText(page.text, page.file, page.format, page.root)
        return Examined(facts, expand_known(text, files))
    except TooLarge as error:
        return Examined(facts, nothing, f"with its includes: {error}")
