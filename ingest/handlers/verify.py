"""Verifying an index: every page is read again from its source and compared with what is stored."""

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

from index.core.ledger import Claim
from index.core.pages import ReadPage
from index.core.plan import texts_of
from index.core.stored import DumpedPage
from ingest.core.audit import Audit, compare, dump_of
from ingest.core.look import Look, desired_of
from ingest.core.ports import Ledger
from ingest.core.sync import Desired, Live
from ingest.handlers.sync import Source, find_dialect
from schemas.errors import PermanentError
from schemas.events import PageChanged
from schemas.formats import Dialect, format_of
from schemas.ids import Revision, TextHash, page_id, path_of


@dataclass(frozen=True, slots=True)
class Verifier:
    """What verifying works with: `dump` reads the live generation from one snapshot.

    `behind` are its pages that are behind, each with whether it is said to be searchable all the same; `dropped` are
    pages whose parking a person has dropped.
    """

    ledger: Ledger
    dump: Callable[[], Awaitable[Mapping[str, DumpedPage]]]
    parked: Callable[[], Awaitable[Mapping[str, str]]]
    read: Callable[[PageChanged], Awaitable[ReadPage]]
    behind: Callable[[], Awaitable[Mapping[str, bool]]]
    dropped: Callable[[], Awaitable[Mapping[str, str]]]
    sample: int = 0


@dataclass(frozen=True, slots=True)
class Verified:
    """What was compared. `behind`, `parked` and `dropped` are page paths; none of them fails a verification.

    `texts` is a sample of the rebuilt texts as they are embedded.
    """

    audit: Audit
    pages: int
    chunks: int
    behind: tuple[str, ...]
    parked: Mapping[str, str]
    dropped: Mapping[str, str]
    texts: Mapping[TextHash, str]


async def verify_source(source: Source, verifier: Verifier) -> Verified:
    """Compare the live index with a rebuild of the source at the commit it reflects.

    A followed folder has only its present files: pages that have changed since count as behind. When a sync
    finishes meanwhile the comparison is made again.
    """
    while True:
        state = await verifier.ledger.source(source.name)
        verified = await _verify(source, verifier, state.published_commit)
        after = await verifier.ledger.source(source.name)
        if after.published_revision == state.published_revision:
            return verified


async def _verify(source: Source, verifier: Verifier, published: str | None) -> Verified:
    head = await source.reader.head()
    is_moving = published != head.commit and not _has_history(source)
    commit = head.commit if is_moving or published is None else published
    texts: dict[TextHash, str] = {}
    rebuilt, refused = await _rebuild(source, commit, verifier, texts)
    stored = await verifier.dump()
    behind = await verifier.behind()
    # What is said to be searchable and is not is no page on its way: nothing excuses it.
    in_flight = {path for path, is_overdue in behind.items() if not is_overdue}
    in_flight |= await verifier.ledger.unfinished(source.name)
    if is_moving:
        in_flight |= await _moved_on(source, rebuilt, verifier.ledger)
    dropped = await verifier.dropped()
    parked = dict(await verifier.parked()) | {
        path: reason for path, reason in refused.items() if path not in dropped
    }
    audit = compare(stored, rebuilt, excused=[*in_flight, *parked, *dropped])
    chunks = sum(len(page.chunks) for page in stored.values())
    listed = tuple(sorted({*behind, *in_flight}))
    return Verified(audit, len(stored), chunks, listed, parked, dropped, texts)


def _has_history(source: Source) -> bool:
    return source.layout.settings.kind == "git"


async def pages_at(source: Source, commit: str) -> AsyncIterator[PageChanged]:
    """Every page that a sync of `commit` would publish, in path order, at revision 0."""
    dialect = await find_dialect(source, commit)
    tree = await source.reader.tree(commit, under=source.layout.root)
    paths = sorted(page for path in tree if (page := source.layout.page_path(path)) is not None)
    urls = await _urls(source, commit, paths, dialect)
    live = [path for path in paths if path in urls]
    async for path, look in source.look_at(live, commit=commit, dialect=dialect):
        if look is not None and look.text is not None:
            yield _event(source, path, urls[path], look, dialect)


async def _rebuild(
    source: Source, commit: str, verifier: Verifier, texts: dict[TextHash, str]
) -> tuple[dict[str, DumpedPage], dict[str, str]]:
    """Read every page again; `texts` collects the sample, those of the smallest hashes, as good as random."""
    rebuilt: dict[str, DumpedPage] = {}
    refused: dict[str, str] = {}
    async for event in pages_at(source, commit):
        path = path_of(event.page_id)
        try:
            read = await verifier.read(event)
        except PermanentError as error:
            refused[path] = str(error)
            continue
        rebuilt[path] = dump_of(path, event.url, read)
        texts |= dict(texts_of(read))
        for text_hash in sorted(texts)[verifier.sample :]:
            del texts[text_hash]
    return rebuilt, refused


async def _urls(source: Source, commit: str, paths: list[str], dialect: Dialect) -> dict[str, str]:
    """The URL of every page that is to be published."""
    desired = await _desired(source, commit, paths, dialect)
    return {path: want.url for path, want in desired.items() if isinstance(want, Live)}


async def _desired(
    source: Source, commit: str, paths: list[str], dialect: Dialect
) -> dict[str, Desired]:
    looks: dict[str, Look | None] = {}
    async for path, look in source.look_at(paths, commit=commit, dialect=dialect):
        looks[path] = look.without_text() if look else None
    claims: dict[str, Claim] = {
        path: look.claim
        for path, look in looks.items()
        if look is not None and look.claim is not None
    }
    return desired_of(looks, claims, dialect=dialect)


async def _moved_on(source: Source, rebuilt: Mapping[str, DumpedPage], ledger: Ledger) -> set[str]:
    """Pages of a folder that are not as they were published."""
    newest = await ledger.newest(source.name, None)
    head = await source.reader.head()
    dialect = await find_dialect(source, head.commit)
    desired = await _desired(source, head.commit, sorted({*rebuilt, *newest}), dialect)
    return {
        path
        for path, want in desired.items()
        if (newest[path].fingerprint if path in newest else "")
        != (want.fingerprint if isinstance(want, Live) else "")
    }


def _event(source: Source, path: str, url: str, look: Look, dialect: Dialect) -> PageChanged:
    return PageChanged(
        page_id=page_id(source.name, path),
        revision=Revision(0),
        url=url,
        format=str(format_of(path)),
        dialect=str(dialect),
        text=look.text or "",
        blob=look.blob,
        commit="",
        committed_at=datetime.fromtimestamp(0, UTC),
    )
