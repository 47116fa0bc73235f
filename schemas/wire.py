"""How events cross a broker: a key that keeps a page's events in order, and bytes that say their version."""

from dataclasses import dataclass

import msgspec

from schemas.errors import UndecodableRecord
from schemas.events import PageChanged, PageDeleted, PageEvent
from schemas.ids import PageId, source_of

_ENCODE = msgspec.msgpack.Encoder()
_DECODE: msgspec.msgpack.Decoder[PageEvent] = msgspec.msgpack.Decoder(PageChanged | PageDeleted)

_MAX_REVISION = 2**63  # a bigint
_MAX_ID_CHARS = 2_000  # above what intake lets pass, below what an index row takes


@dataclass(frozen=True, slots=True)
class Record:
    """A record as the broker keeps it; `headers` carry what belongs to no event, such as a trace."""

    topic: str
    partition: int
    offset: int
    key: bytes | None
    value: bytes | None
    headers: tuple[tuple[str, bytes], ...] = ()


def key_of(page: PageId) -> bytes:
    """The partition key: all events of a page share a partition, and so an order."""
    return page.encode()


def encode_event(event: PageEvent) -> bytes:
    """MessagePack: no text grows by being escaped, so a page under the cap fits into a record."""
    return _ENCODE.encode(event)


def decode_event(record: Record) -> PageEvent:
    """The event of a record. Fields that are not known are passed over, so that a newer producer may add some.

    Raises: UndecodableRecord for anything else that is no event of a version known here.
    """
    if record.value is None:
        raise UndecodableRecord("the record has no value")
    try:
        event = _DECODE.decode(record.value)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise UndecodableRecord(str(error)) from error
    if record.key != key_of(event.page_id):
        raise UndecodableRecord(f"the key is not that of {event.page_id[:200]!r}")
    _refuse_what_no_store_takes(event)
    return event


def _refuse_what_no_store_takes(event: PageEvent) -> None:
    """Raises: UndecodableRecord for ids and revisions that could be neither applied nor parked."""
    other = event.moved_from if isinstance(event, PageChanged) else event.moved_to
    for page in (event.page_id, other):
        if page is not None and not _is_page_id(page):
            raise UndecodableRecord(f"{page[:200]!r} is no page")
    if other is not None and source_of(other) != source_of(event.page_id):
        raise UndecodableRecord(f"{event.page_id[:200]!r} cannot move from or to another source")
    if not 0 < event.revision < _MAX_REVISION:
        raise UndecodableRecord(f"{event.revision} is no revision")


def _is_page_id(page: PageId) -> bool:
    source, slash, path = page.partition("/")
    return bool(source and slash and path) and "\0" not in page and len(page) <= _MAX_ID_CHARS
