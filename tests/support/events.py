"""Pages and plans made up on the spot, for tests of stores."""

from collections.abc import Sequence
from datetime import UTC, datetime
from hashlib import sha256

import numpy as np
from numpy.typing import NDArray

from index.adapters.embed.hashed import HashedEmbedder
from index.core.ledger import Claim, Publication, PublicationKind
from index.core.plan import Outcome, PagePlan, plan_deletion, plan_page
from index.core.ports import PageStore
from index.handlers import Receiver, apply_page
from schemas.events import PageChanged, PageDeleted, PageEvent
from schemas.ids import Generation, PageId, Revision, SourceName, TextHash, page_id
from tests.support.reading import ReadHere

SOURCE = SourceName("docs")
DIM = 8
WHEN = datetime(2026, 1, 1, tzinfo=UTC)


def changed(
    path: str,
    revision: int,
    text: str = "# Title\n\nSome text.\n",
    *,
    moved_from: str | None = None,
) -> PageChanged:
    """A Markdown page as of `revision`."""
    return PageChanged(
        page_id=page_id(SOURCE, path),
        revision=Revision(revision),
        url=f"https://docs.example/{path}",
        format="markdown",
        text=text,
        blob=sha256(text.encode()).hexdigest()[:8],
        commit=f"c{revision}",
        committed_at=WHEN,
        moved_from=page_id(SOURCE, moved_from) if moved_from else None,
    )


def deleted(path: str, revision: int, *, moved_to: str | None = None) -> PageDeleted:
    """A page's deletion as of `revision`."""
    return PageDeleted(
        page_id=page_id(SOURCE, path),
        revision=Revision(revision),
        commit=f"c{revision}",
        committed_at=WHEN,
        moved_to=page_id(SOURCE, moved_to) if moved_to else None,
    )


def page(path: str) -> PageId:
    return page_id(SOURCE, path)


async def planned(event: PageEvent, generation: Generation, store: PageStore) -> PagePlan:
    """The plan for `event` against what is stored now, its vectors committed."""
    stored = await store.page(generation, event.page_id)
    if isinstance(event, PageDeleted):
        plan = plan_deletion(event, stored)
    else:
        plan = plan_page(event, ReadHere().read(event), stored)
    assert plan is not None
    hashes = [text_hash for text_hash, _ in plan.texts]
    await store.add_vectors(generation, hashes, await vectors_of([text for _, text in plan.texts]))
    return plan


async def put(event: PageEvent, generation: Generation, store: PageStore) -> Outcome:
    """Apply `event` as the pipeline does."""
    return await apply_page(
        event, Receiver(generation, ReadHere(), HashedEmbedder(DIM)), store=store
    )


async def vectors_of(texts: Sequence[str]) -> NDArray[np.float32]:
    return await HashedEmbedder(DIM)(texts)


def hash_of(text: str) -> TextHash:
    return TextHash(sha256(text.encode()).digest())


def published(
    path: str,
    revision: int,
    kind: PublicationKind = PublicationKind.CHANGED,
    *,
    moved_from: str | None = None,
) -> Publication:
    """A row of the ledger."""
    return Publication(
        path,
        Revision(revision),
        kind,
        fingerprint=f"f{revision}",
        blob=f"b{revision}",
        url=f"https://docs.example/{path}",
        commit=f"c{revision}",
        committed_at=WHEN,
        detected_at=WHEN,
        moved_from=moved_from,
    )


def claimed(path: str, url: str, *depends: str, is_slug: bool = False) -> Claim:
    """What a file says of itself."""
    return Claim(path, f"blob of {path}", url, is_slug, frozenset(depends))
