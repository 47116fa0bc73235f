"""Ids and the scalar words every package shares."""

from typing import NewType

SourceName = NewType("SourceName", str)
PageId = NewType("PageId", str)
"""`<source>/<path>`: the partition key of everything said about a page."""
Revision = NewType("Revision", int)
"""Grows per source, one for each sync that publishes; the only thing compared to decide newer."""
Generation = NewType("Generation", int)
"""One whole index, built with one parser, chunker and model. 0 stands for intake."""
TextHash = NewType("TextHash", bytes)
"""SHA-256 of a text as embedded: 32 bytes."""

INTAKE = Generation(0)


def page_id(source: SourceName, path: str) -> PageId:
    """Name the page at `path` of `source`. Source names hold no slash, so the id splits one way only."""
    return PageId(f"{source}/{path}")


def source_of(page: PageId) -> SourceName:
    """Tell which source a page belongs to."""
    return SourceName(page.split("/", 1)[0])


def path_of(page: PageId) -> str:
    """Tell where in its source a page stands."""
    return page.split("/", 1)[1]
