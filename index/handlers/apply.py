"""Bringing pages into generations: read, embed what is new, write in one transaction."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from index.core.embedding import Embed
from index.core.pages import ReadPage
from index.core.plan import Outcome, StoredPage, plan_deletion, plan_page, texts_of
from index.core.ports import PageStore, ReadEvent
from index.handlers.together import run_together
from schemas.errors import BadVectors, PermanentError, StoreUnavailable
from schemas.events import PageChanged, PageDeleted, PageEvent
from schemas.ids import Generation, PageId, Revision, TextHash


@dataclass(frozen=True, slots=True)
class ReadAhead:
    """What became of reading an event, and the page as it was stored then.

    `is_embedded` says that all of its texts had a vector a moment ago.
    """

    page: ReadPage | PermanentError
    stored: StoredPage | None
    is_embedded: bool = False


ReadPages = Mapping[tuple[PageId, Revision], ReadAhead]
"""A batch may hold several revisions of one page."""

VECTOR_BATCH = 64
"""Texts whose vectors are committed together: what a crash costs at most is one such batch."""
_READ_AT_ONCE = 4
_RACES_BEFORE_WAITING = 10


@dataclass(frozen=True, slots=True)
class Receiver:
    """A generation that receives changes, with the reader and the model it was built with."""

    generation: Generation
    read: ReadEvent
    embed: Embed


async def read_ahead(events: Sequence[PageEvent], to: Receiver, *, store: PageStore) -> ReadPages:
    """Read the pages that the store does not have yet. A page that cannot be read stands for its error."""
    pages: dict[tuple[PageId, Revision], ReadAhead] = {}
    changed = [event for event in events if isinstance(event, PageChanged)]
    known = await store.pages(to.generation, {event.page_id for event in changed})

    async def read(event: PageChanged) -> None:
        stored = known.get(event.page_id)
        if stored is not None and stored.revision >= event.revision:
            return
        page: ReadPage | PermanentError
        try:
            page = await to.read(event)
        except PermanentError as error:
            page = error
        pages[event.page_id, event.revision] = ReadAhead(page, stored)

    await run_together((read(event) for event in changed), at_once=_READ_AT_ONCE)
    return pages


async def embed_ahead(pages: ReadPages, to: Receiver, *, store: PageStore) -> ReadPages:
    """Embed all new texts of some pages together, which is faster than page by page.

    Bad vectors are left to `apply_page` to find, page by page. Returns: the pages, as they are embedded now.
    """
    readable = [ahead.page for ahead in pages.values() if isinstance(ahead.page, ReadPage)]
    texts = {key: text for page in readable for key, text in texts_of(page)}
    try:
        await _embed_missing(texts, to, store)
    except BadVectors:
        return pages
    return {key: replace(ahead, is_embedded=True) for key, ahead in pages.items()}


async def apply_page(
    event: PageEvent,
    to: Receiver,
    *,
    store: PageStore,
    ahead: ReadAhead | None = None,
) -> Outcome:
    """Bring the page to `event.revision` in one generation: APPLIED, or STALE when it is there already.

    `ahead` is what `read_ahead` made of this event, if it was read. Raises: PermanentError when it cannot be applied.
    """
    page = ahead.page if ahead else None
    for race in range(_RACES_BEFORE_WAITING):
        # What was stored and embedded ahead serves if it still is: the store says AGAIN when it is not.
        stored = (
            ahead.stored if ahead and not race else await store.page(to.generation, event.page_id)
        )
        if isinstance(event, PageDeleted):
            plan = plan_deletion(event, stored)
        elif stored is not None and stored.revision >= event.revision:
            return Outcome.STALE
        else:
            if isinstance(page, PermanentError):
                raise page
            page = page or await to.read(event)
            plan = plan_page(event, page, stored)
        if plan is None:
            return Outcome.STALE
        if race or ahead is None or not ahead.is_embedded:
            await _embed_missing(dict(plan.texts), to, store)
        outcome = await store.apply(to.generation, plan)
        if outcome is not Outcome.AGAIN:
            return outcome
    raise StoreUnavailable(f"{event.page_id} keeps changing under our hands")


async def _embed_missing(texts: Mapping[TextHash, str], to: Receiver, store: PageStore) -> None:
    """Embed and commit the texts that have no vector, longest first so that a batch holds like lengths."""
    missing = await store.without_vector(to.generation, list(texts))
    order = sorted(missing, key=lambda key: (-len(texts[key]), key))
    batches = [order[start : start + VECTOR_BATCH] for start in range(0, len(order), VECTOR_BATCH)]

    async def embed(batch: Sequence[TextHash]) -> None:
        vectors = await to.embed([texts[key] for key in batch])
        await store.add_vectors(to.generation, batch, vectors)

    # Two at once: the embedder goes on with the second while the first is written.
    await run_together((embed(batch) for batch in batches), at_once=2)
