"""How notices leave: what was written by any version is read for ever."""

from datetime import UTC, datetime
from pathlib import Path

import msgspec
import pytest

from schemas.errors import UndecodableRecord
from schemas.ids import Generation, PageId, Revision
from schemas.notices import (
    MAX_KEPT_BYTES,
    Notice,
    PageIndexed,
    PageParked,
    RecordParked,
    decode_notice,
    encode_notice,
    notice_key,
)
from schemas.topics import MAX_RECORD_BYTES

GOLDEN = Path(__file__).parent / "golden"
WHEN = datetime(2026, 11, 25, 12, 0, tzinfo=UTC)
NOTICES: dict[str, Notice] = {
    "page.indexed.v1": PageIndexed(
        page_id=PageId("docs/guide/a b.md"),
        source="docs",
        revision=Revision(7),
        kind="changed",
        generation=Generation(3),
        commit="f2d5875",
        committed_at=WHEN,
        detected_at=WHEN,
        indexed_at=WHEN,
        texts_embedded=12,
    ),
    "page.parked.v1": PageParked(
        page_id=PageId("docs/guide/a b.md"),
        source="docs",
        revision=Revision(7),
        generation=Generation(3),
        reason="cannot be read: Título",
        parked_at=WHEN,
        partition=5,
        offset=1234567890123,
    ),
    "record.parked.v1": RecordParked(
        topic="headwater.pages.v1",
        partition=5,
        offset=42,
        key=b"docs/a.md",
        value=b"\xff\xfe\x00",
        size_bytes=3,
        reason="no event",
        parked_at=WHEN,
    ),
}


@pytest.mark.parametrize("version", NOTICES)
def test_what_a_version_wrote_is_read_for_ever(version: str) -> None:
    written = (GOLDEN / f"{version}.msgpack").read_bytes()

    assert decode_notice(written) == NOTICES[version]


@pytest.mark.parametrize("version", NOTICES)
def test_a_field_of_a_newer_version_is_passed_over(version: str) -> None:
    fields = msgspec.msgpack.decode(encode_notice(NOTICES[version]))
    newer = msgspec.msgpack.encode(fields | {"a_field_to_come": [1, {"deep": None}]})

    assert decode_notice(newer) == NOTICES[version]


def test_notices_of_a_page_share_its_key() -> None:
    assert [notice_key(notice) for notice in NOTICES.values()] == [
        b"docs/guide/a b.md",
        b"docs/guide/a b.md",
        b"docs/a.md",
    ]


@pytest.mark.parametrize("value", [b"", b"{}", msgspec.msgpack.encode({"type": "page.indexed.v9"})])
def test_what_is_no_notice_is_refused(value: bytes) -> None:
    with pytest.raises(UndecodableRecord):
        decode_notice(value)


def test_what_is_kept_of_a_record_fits_into_one() -> None:
    record = NOTICES["record.parked.v1"]
    assert isinstance(record, RecordParked)
    largest = msgspec.structs.replace(
        record, value=b"x" * MAX_KEPT_BYTES, key=b"k" * 2**16, reason="r" * 4_000
    )

    assert len(encode_notice(largest)) + len(notice_key(largest) or b"") < MAX_RECORD_BYTES
