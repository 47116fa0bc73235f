"""Reading page files from a source: decoded, with their includes, and with what they say of themselves."""

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field
from hashlib import sha256

import structlog

from index.core.ledger import Claim
from ingest.core.includes import texts_of
from ingest.core.layout import Layout, is_stand_in
from ingest.core.look import Look
from ingest.core.page_file import Examine, Examined, FileFacts, PageFile
from ingest.core.tree import MAX_PATH_BYTES, FileContent, SourceReader
from schemas.errors import PermanentError, TooLarge, TransientError
from schemas.events import MAX_PAGE_BYTES
from schemas.formats import Dialect, Format, format_of

_log = structlog.get_logger()

_FILES_AT_ONCE = 64
_MAX_URL_BYTES = 2_000
"""Beyond what browsers and indexes take; a page with a longer address is parked."""

_NO_ADDRESS = "no-address:"
"""Stands, with a digest, for an address that no index takes."""

_MAX_REASON_CHARS = 500
_LISTED = FileFacts(slug=None, is_listed=True)


@dataclass(frozen=True, slots=True)
class _Seen:
    """A page's file, decoded and examined; `text` is None when it cannot be published, for the `refusal`."""

    path: str
    blob: str
    text: str | None
    refusal: str = ""
    facts: FileFacts = _LISTED
    depends: frozenset[str] = frozenset()


async def look_at(
    paths: Sequence[str],
    *,
    layout: Layout,
    reader: SourceReader,
    commit: str,
    dialect: Dialect,
    examine: Examine,
) -> AsyncIterator[tuple[str, Look | None]]:
    """Read the pages at `paths` as of `commit`, some at a time; None stands for a path that holds no page there.

    `dialect` is the source's at that commit.

    A page that cannot be read is refused with the reason, whatever that is, and the others are read. Their texts are
    not kept here: a source may have more of it than fits in memory.
    """
    odd = [path for path in paths if is_stand_in(path)]
    too_long = await _too_long(odd, layout, reader, commit) if odd else {}
    for start in range(0, len(paths), _FILES_AT_ONCE):
        batch = paths[start : start + _FILES_AT_ONCE]
        wanted = {layout.file_path(path): path for path in batch if layout.globs.matches(path)}
        files = await reader.read(commit, list(wanted))
        decoded = [_decode(wanted[file], content) for file, content in files.items()]
        looks = {path: too_long.get(path) for path in batch}
        for seen in await _Examining(layout, reader, commit, dialect, examine).all_of(decoded):
            looks[seen.path] = _addressed(seen, layout)
        for found in looks.items():
            yield found


async def _too_long(
    paths: Sequence[str], layout: Layout, reader: SourceReader, commit: str
) -> dict[str, Look]:
    """Refuse what `paths` stand for, where it is there."""
    tree = await reader.tree(commit, under=layout.root)
    files = {layout.page_path(file): entry.blob for file, entry in tree.items()}
    refusal = f"its path is longer than {MAX_PATH_BYTES} bytes"
    return {
        path: Look(path, blob, None, refusal, Claim(path, blob, _no_address(path), False))
        for path in paths
        if (blob := files.get(path)) is not None
    }


@dataclass(slots=True)
class _Examining:
    """Some pages of one commit on their way: what they include is read once, level by level of depth."""

    layout: Layout
    reader: SourceReader
    commit: str
    dialect: Dialect
    examine: Examine
    files: dict[str, str | None] = field(default_factory=dict)

    async def all_of(self, pages: Sequence[_Seen]) -> list[_Seen]:
        """Each page examined. One that was refused depends on all it asked for: any of it may let it pass again."""
        done = [page for page in pages if page.text is None]
        waiting = [(page, frozenset[str]()) for page in pages if page.text is not None]
        while waiting:
            still: list[tuple[_Seen, frozenset[str]]] = []
            for page, known in waiting:
                found = await self._examined(page, known)
                if isinstance(found, Examined) and found.expanded.wanted:
                    still.append((page, known | found.expanded.wanted))
                else:
                    done.append(_seen(page, found, known))
            await self._read({path for _, wanted in still for path in wanted} - self.files.keys())
            waiting = still
        return done

    async def _examined(self, page: _Seen, known: frozenset[str]) -> Examined | str:
        """What the page comes to with the files that it is known to want, or why it is refused."""
        try:
            file = PageFile(
                page.text or "",
                page.path,
                self.layout.file_path(page.path),
                _format(page.path),
                self.dialect,
                self.layout.root,
            )
            return await self.examine(file, {path: self.files[path] for path in known})
        except TransientError:
            raise
        except PermanentError as error:
            return str(error)
        except Exception as error:  # a bug that one page meets must not hold back the others
            return _bug(page.path, error)

    async def _read(self, paths: set[str]) -> None:
        if paths:
            found = texts_of(await self.reader.read(self.commit, sorted(paths)))
            self.files |= {path: found.get(path) for path in paths}


def _decode(path: str, content: FileContent) -> _Seen:
    if content.data is None:
        too_large = TooLarge(size_bytes=content.size_bytes, cap_bytes=MAX_PAGE_BYTES)
        return _Seen(path, content.blob, None, f"the file is too large: {too_large}")
    if b"\x00" in content.data:
        return _Seen(path, content.blob, None, "the file is binary: it holds NUL bytes")
    try:
        return _Seen(path, content.blob, content.data.decode("utf-8-sig"))
    except UnicodeDecodeError as error:
        return _Seen(path, content.blob, None, f"the file is no UTF-8 at byte {error.start}")


def _seen(page: _Seen, found: Examined | str, known: frozenset[str]) -> _Seen:
    if isinstance(found, str):
        return _Seen(page.path, page.blob, None, found, depends=known)
    if found.refusal:
        return _Seen(page.path, page.blob, None, found.refusal, found.facts, known)
    expanded = found.expanded
    return _Seen(page.path, page.blob, expanded.text, "", found.facts, expanded.depends)


def _addressed(seen: _Seen, layout: Layout) -> Look:
    try:
        return _look(seen, layout)
    except Exception as error:  # as above
        claim = Claim(seen.path, seen.blob, _no_address(seen.path), False, seen.depends)
        return Look(seen.path, seen.blob, None, _bug(seen.path, error), claim)


def _look(seen: _Seen, layout: Layout) -> Look:
    if not seen.facts.is_listed:
        return Look(seen.path, seen.blob, None, "", None)
    text, refusal, slug = seen.text, seen.refusal, seen.facts.slug
    url = layout.url.url_of(seen.path)
    if slug is not None and slug.isprintable():
        url = layout.url.url_with_slug(seen.path, slug)
    elif slug is not None:  # escapes in front matter spell what no address may hold
        slug, text, refusal = None, None, "its slug is no address"
    if len(url.encode()) > _MAX_URL_BYTES:
        text, refusal = None, f"its address is longer than {_MAX_URL_BYTES} bytes"
        url = _no_address(url)
    claim = Claim(seen.path, seen.blob, url, slug is not None, seen.depends)
    return Look.of(seen.path, seen.blob, text, refusal, claim)


def _no_address(name: str) -> str:
    return f"{_NO_ADDRESS}{sha256(name.encode()).hexdigest()}"


def _bug(path: str, error: Exception) -> str:
    """Why a page is refused that nobody foresaw, as a table of text takes it."""
    _log.error("page.not_examined", path=path, exc_info=error)
    reason = f"{type(error).__name__}: {error}"[:_MAX_REASON_CHARS]
    return "".join(char if char.isprintable() else " " for char in reason)


def _format(path: str) -> Format:
    found = format_of(path)
    if found is None:
        raise ValueError(f"{path} is no page")
    return found
