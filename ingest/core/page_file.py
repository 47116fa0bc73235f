"""A page's own file and what it comes to: what `ingest.core.examine`, with its parsers, is asked and answers."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass

from ingest.core.includes import Expanded
from schemas.formats import Dialect, Format


@dataclass(frozen=True, slots=True)
class FileFacts:
    """`slug` is the address that the file's front matter asks for; one that is not listed makes no page."""

    slug: str | None
    is_listed: bool


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
"""`ingest.core.examine.examine`, somewhere. Raises: UnreadablePage, ParseTimeout; ReaderUnavailable."""
