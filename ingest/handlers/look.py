"""Reading page files from a source: decoded, with their includes, and with what they say of themselves."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from hashlib import sha256

from index.core.ledger import Claim
from ingest.core.facts import FileFacts, facts_of
from ingest.core.includes import PageText, expand_pages, texts_of
from ingest.core.layout import Layout
from ingest.core.look import Look
from ingest.core.tree import FileContent, SourceReader
from schemas.errors import TooLarge
from schemas.events import MAX_PAGE_BYTES
from schemas.formats import Dialect, Format, format_of

_FILES_AT_ONCE = 256
_MAX_URL_BYTES = 2_000
"""Beyond what browsers and indexes take; a page with a longer address is parked."""

_TOO_LONG = "too-long:"
"""Stands, with a digest, for an address that no index takes."""


@dataclass(frozen=True, slots=True)
class _Decoded:
    path: str
    blob: str
    text: str | None
    refusal: str


@dataclass(frozen=True, slots=True)
class _Filled:
    """A page with its includes; `text` is None when it has no room for them."""

    text: str | None
    refusal: str
    depends: frozenset[str] = frozenset()


async def look_at(
    paths: Sequence[str], *, layout: Layout, reader: SourceReader, commit: str, dialect: Dialect
) -> dict[str, Look | None]:
    """Read the pages at `paths` as of `commit`; None stands for a path that holds no page there.

    `dialect` is the source's at that commit.
    """
    looks: dict[str, Look | None] = {}
    for start in range(0, len(paths), _FILES_AT_ONCE):
        batch = paths[start : start + _FILES_AT_ONCE]
        looks |= await _look_at(batch, layout, reader, commit, dialect)
    return looks


async def _look_at(
    paths: Sequence[str], layout: Layout, reader: SourceReader, commit: str, dialect: Dialect
) -> dict[str, Look | None]:
    wanted = {layout.file_path(path): path for path in paths if layout.globs.matches(path)}
    files = await reader.read(commit, list(wanted))
    decoded = [_decode(wanted[file], content) for file, content in files.items()]
    facts = {
        page.path: facts_of(page.text, format=_format(page.path), path=page.path, dialect=dialect)
        for page in decoded
        if page.text is not None
    }
    listed = [page for page in decoded if page.path not in facts or facts[page.path].is_listed]
    filled = {page.path: _Filled(None, page.refusal) for page in listed}
    filled |= await _expand(
        [page for page in listed if page.text is not None], layout, reader, commit
    )
    looks: dict[str, Look | None] = dict.fromkeys(paths)
    looks |= {page.path: Look(page.path, page.blob, None, "", None) for page in decoded}
    looks |= {
        page.path: _look(page, filled[page.path], layout, facts.get(page.path)) for page in listed
    }
    return looks


async def _expand(
    pages: Sequence[_Decoded], layout: Layout, reader: SourceReader, commit: str
) -> dict[str, _Filled]:
    """Fill in includes. A page that grew too large depends on all that was read: any of it may let it fit again."""
    asked: set[str] = set()

    async def read(paths: Sequence[str]) -> Mapping[str, str]:
        asked.update(paths)
        return texts_of(await reader.read(commit, paths))

    texts = [
        PageText(page.text or "", layout.file_path(page.path), _format(page.path), layout.root)
        for page in pages
    ]
    return {
        page.path: _Filled(None, f"with its includes: {expanded}", frozenset(asked))
        if isinstance(expanded, TooLarge)
        else _Filled(expanded.text, "", expanded.depends)
        for page, expanded in zip(pages, await expand_pages(texts, read), strict=True)
    }


def _decode(path: str, content: FileContent) -> _Decoded:
    if content.data is None:
        too_large = TooLarge(size_bytes=content.size_bytes, cap_bytes=MAX_PAGE_BYTES)
        return _Decoded(path, content.blob, None, f"the file is too large: {too_large}")
    if b"\x00" in content.data:
        return _Decoded(path, content.blob, None, "the file is binary: it holds NUL bytes")
    try:
        return _Decoded(path, content.blob, content.data.decode("utf-8-sig"), "")
    except UnicodeDecodeError as error:
        return _Decoded(path, content.blob, None, f"the file is no UTF-8 at byte {error.start}")


def _look(page: _Decoded, filled: _Filled, layout: Layout, facts: FileFacts | None) -> Look:
    url = layout.url.url_of(page.path)
    slug = None if facts is None else facts.slug
    if slug is not None and slug.isprintable():
        url = layout.url.url_with_slug(page.path, slug)
    elif slug is not None:  # escapes in front matter spell what no address may hold
        slug, filled = None, replace(filled, text=None, refusal="its slug is no address")
    if len(url.encode()) > _MAX_URL_BYTES:
        filled = replace(
            filled, text=None, refusal=f"its address is longer than {_MAX_URL_BYTES} bytes"
        )
        url = f"{_TOO_LONG}{sha256(url.encode()).hexdigest()}"
    claim = Claim(page.path, page.blob, url, slug is not None, filled.depends)
    return Look(page.path, page.blob, filled.text, filled.refusal, claim)


def _format(path: str) -> Format:
    found = format_of(path)
    if found is None:
        raise ValueError(f"{path} is no page")
    return found
