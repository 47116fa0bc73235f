"""What leaves the index as notices: hints that something happened, while the tables stay the truth."""

from datetime import datetime

import msgspec

from schemas.errors import UndecodableRecord
from schemas.ids import Generation, PageId, Revision

MAX_KEPT_BYTES = 4 * 2**20
"""So much of a record that is no event goes along with its notice, which has to fit into a record itself."""


class PageIndexed(
    msgspec.Struct, frozen=True, kw_only=True, tag_field="type", tag="page.indexed.v1"
):
    """A page is searchable as of `revision` in a generation, or is gone from it when `kind` is "deleted".

    `texts_embedded` counts the texts of its chunks that were embedded for it; the others had their vector already.
    """

    page_id: PageId
    source: str
    revision: Revision
    kind: str
    generation: Generation
    commit: str
    committed_at: datetime
    detected_at: datetime | None
    indexed_at: datetime
    texts_embedded: int


class PageParked(msgspec.Struct, frozen=True, kw_only=True, tag_field="type", tag="page.parked.v1"):
    """A page could not be applied at `revision`, for `reason`; generation 0 stands for intake.

    `partition` and `offset` tell where its event came from, where a broker carried it.
    """

    page_id: PageId
    source: str
    revision: Revision
    generation: Generation
    reason: str
    parked_at: datetime
    partition: int | None = None
    offset: int | None = None


class RecordParked(
    msgspec.Struct, frozen=True, kw_only=True, tag_field="type", tag="record.parked.v1"
):
    """A record was no event, for `reason`. `value` is what it held, up to `MAX_KEPT_BYTES` of `size_bytes`."""

    topic: str
    partition: int
    offset: int
    key: bytes | None
    value: bytes | None
    size_bytes: int
    reason: str
    parked_at: datetime


ParkedNotice = PageParked | RecordParked
Notice = PageIndexed | PageParked | RecordParked

_ENCODE = msgspec.msgpack.Encoder()
_DECODE: msgspec.msgpack.Decoder[Notice] = msgspec.msgpack.Decoder(Notice)


def encode_notice(notice: Notice) -> bytes:
    """MessagePack, as events are."""
    return _ENCODE.encode(notice)


def decode_notice(value: bytes) -> Notice:
    """The notice in a record's value; fields that are not known are passed over. Raises: UndecodableRecord."""
    try:
        return _DECODE.decode(value)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise UndecodableRecord(str(error)) from error


def notice_key(notice: Notice) -> bytes | None:
    """The partition key: that of the page, or that of the record which was no event."""
    return notice.key if isinstance(notice, RecordParked) else notice.page_id.encode()
