"""What intake says about pages: the messages of `headwater.pages.v1`."""

from datetime import datetime

import msgspec

from schemas.ids import PageId, Revision

MAX_PAGE_BYTES = 2 * 2**20
"""A page after its includes; larger ones are parked at intake."""


class PageChanged(
    msgspec.Struct, frozen=True, kw_only=True, tag_field="type", tag="page.changed.v1"
):
    """The whole page as of `revision`: in-repository includes are in `text` already.

    `format` is one of `schemas.formats.Format`, `dialect` one of `schemas.formats.Dialect`; `blob` the id of the page's
    own file; `moved_from` the page that this one takes the place of, tombstoned in the same transaction; `rewrite` asks
    for every row to be written anew, whatever the stored ones say of themselves.
    """

    page_id: PageId
    revision: Revision
    url: str
    format: str
    dialect: str = "auto"
    text: str
    blob: str
    commit: str
    committed_at: datetime
    moved_from: PageId | None = None
    detected_at: datetime | None = None
    rewrite: bool = False


class PageDeleted(
    msgspec.Struct, frozen=True, kw_only=True, tag_field="type", tag="page.deleted.v1"
):
    """The page is gone as of `revision`; `moved_to` names the page that took its place."""

    page_id: PageId
    revision: Revision
    commit: str
    committed_at: datetime
    moved_to: PageId | None = None
    detected_at: datetime | None = None


PageEvent = PageChanged | PageDeleted
