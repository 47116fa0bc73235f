"""How events cross a broker: what was written by any version is read for ever, and nothing else is taken for one."""

import contextlib
from datetime import UTC, datetime
from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.errors import UndecodableRecord
from schemas.events import PageChanged, PageDeleted, PageEvent
from schemas.ids import PageId, Revision
from schemas.wire import Record, decode_event, encode_event, key_of

GOLDEN = Path(__file__).parent / "golden"
WHEN = datetime(2026, 11, 25, 12, 0, tzinfo=UTC)
PAGE = PageId("docs/guide/a b.md")
EVENTS: dict[str, PageEvent] = {
    "page.changed.v1": PageChanged(
        page_id=PAGE,
        revision=Revision(7),
        url="https://docs.example/guide/a%20b",
        format="markdown",
        text="# Título\n\nText.\n",
        blob="8c7e5a667f1b771847fe88c01c3de34413a1b220",
        commit="f2d5875",
        committed_at=WHEN,
        moved_from=PageId("docs/old.md"),
        detected_at=WHEN,
    ),
    "page.deleted.v1": PageDeleted(
        page_id=PAGE,
        revision=Revision(8),
        commit="f2d5875",
        committed_at=WHEN,
        moved_to=PageId("docs/new.md"),
    ),
}


def record(value: bytes | None, *, key: bytes | None = key_of(PAGE)) -> Record:
    return Record("pages", 0, 0, key, value)


@pytest.mark.parametrize("version", EVENTS)
def test_what_a_version_wrote_is_read_for_ever(version: str) -> None:
    written = (GOLDEN / f"{version}.msgpack").read_bytes()

    assert decode_event(record(written)) == EVENTS[version]


@pytest.mark.parametrize("version", EVENTS)
def test_an_event_survives_its_journey(version: str) -> None:
    assert decode_event(record(encode_event(EVENTS[version]))) == EVENTS[version]


@pytest.mark.parametrize("version", EVENTS)
def test_a_field_of_a_newer_version_is_passed_over(version: str) -> None:
    fields = msgspec.msgpack.decode(encode_event(EVENTS[version]))
    newer = msgspec.msgpack.encode(fields | {"a_field_to_come": [1, {"deep": None}]})

    assert decode_event(record(newer)) == EVENTS[version]


@pytest.mark.parametrize(
    ("value", "key"),
    [
        (None, key_of(PAGE)),
        (b"", key_of(PAGE)),
        (b"{}", key_of(PAGE)),
        (msgspec.msgpack.encode({"type": "page.changed.v99"}), key_of(PAGE)),
        (msgspec.msgpack.encode({"type": "page.deleted.v1", "page_id": PAGE}), key_of(PAGE)),
        (encode_event(EVENTS["page.changed.v1"]), b"docs/another.md"),
        (encode_event(EVENTS["page.changed.v1"]), None),
    ],
    ids=["null", "empty", "json", "unknown", "incomplete", "another key", "no key"],
)
def test_what_is_no_event_is_refused(value: bytes | None, key: bytes | None) -> None:
    with pytest.raises(UndecodableRecord):
        decode_event(record(value, key=key))


@pytest.mark.parametrize(
    "wrong",
    [
        {"page_id": "docs/a\0b.md"},
        {"page_id": "no-slash"},
        {"page_id": "docs/"},
        {"page_id": "docs/" + "x" * 3_000},
        {"revision": 0},
        {"revision": -1},
        {"revision": 2**63},
        {"moved_from": "docs/a\0b.md"},
        {"moved_from": "another-source/a.md"},
    ],
)
def test_what_could_be_neither_applied_nor_parked_is_refused(wrong: dict[str, object]) -> None:
    fields = msgspec.msgpack.decode(encode_event(EVENTS["page.changed.v1"])) | wrong
    key = str(fields["page_id"]).encode()

    with pytest.raises(UndecodableRecord):
        decode_event(record(msgspec.msgpack.encode(fields), key=key))


@given(st.binary(max_size=200), st.none() | st.binary(max_size=20))
def test_no_bytes_do_anything_worse_than_being_refused(value: bytes, key: bytes | None) -> None:
    with contextlib.suppress(UndecodableRecord):
        decode_event(record(value, key=key))


def test_all_events_of_a_page_share_a_key_and_so_an_order() -> None:
    assert len({key_of(event.page_id) for event in EVENTS.values()}) == 1
