"""What a page's file comes to: what it says of itself, and its text with includes. Pure, and as slow as the page is."""

from collections.abc import Mapping

from ingest.core.facts import facts_of
from ingest.core.includes import Expanded, PageText, expand_known
from ingest.core.page_file import Examined, PageFile
from schemas.errors import TooLarge


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
