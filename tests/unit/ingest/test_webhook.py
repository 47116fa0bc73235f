"""Signatures hold to the byte, and what a delivery says is read as far as it can be."""

import hashlib
import hmac
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingest.core.webhook import Delivery, read_delivery, verify_signature
from schemas.errors import BadSignature
from schemas.ids import SourceName

DOCS = SourceName("docs")
COMMIT = "0123456789abcdef0123456789abcdef01234567"
BODY = json.dumps({"ref": "refs/heads/main", "before": "0" * 40, "after": COMMIT}).encode()
HEADERS = {
    "x-github-delivery": "72d3162e-cc78-11e3-81ab-4c9367dc0958",
    "x-github-event": "push",
    "content-type": "application/json",
}
secrets = st.binary(min_size=1, max_size=64)


def signature(body: bytes, secret: bytes) -> str:
    return "sha256=" + hmac.new(secret, body, hashlib.sha256).hexdigest()


@given(st.binary(), secrets)
def test_what_the_secret_signed_is_let_through(body: bytes, secret: bytes) -> None:
    verify_signature(body, signature(body, secret), [secret])


def test_the_example_of_githubs_documentation_holds() -> None:
    header = "sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17"

    verify_signature(b"Hello, World!", header, [b"It's a Secret to Everybody"])


@given(st.binary(min_size=1), secrets, st.data())
def test_s2_one_changed_bit_breaks_a_signature(
    body: bytes, secret: bytes, data: st.DataObject
) -> None:
    place = data.draw(st.integers(0, len(body) - 1))
    changed = bytearray(body)
    changed[place] ^= 1 << data.draw(st.integers(0, 7))

    with pytest.raises(BadSignature):
        verify_signature(bytes(changed), signature(body, secret), [secret])


@pytest.mark.parametrize(
    "header",
    [
        None,
        "",
        "sha256=",
        signature(BODY, b"key")[:-1],
        signature(BODY, b"key") + "0",
        signature(BODY, b"key").upper(),
        signature(BODY, b"key").removeprefix("sha256="),
        "sha1=" + hmac.new(b"key", BODY, hashlib.sha1).hexdigest(),
        "md5=" + hmac.new(b"key", BODY, hashlib.md5).hexdigest(),
        "sha256=" + hmac.new(b"key", BODY, hashlib.sha1).hexdigest(),
        "sha256=\u20ac",
    ],
)
def test_s3_nothing_else_is_a_signature(header: str | None) -> None:
    with pytest.raises(BadSignature):
        verify_signature(BODY, header, [b"key"])


def test_s7_the_old_secret_holds_beside_the_new_one_until_it_is_removed() -> None:
    old, new = signature(BODY, b"old"), signature(BODY, b"new")

    for header in (old, new):
        verify_signature(BODY, header, [b"new", b"old"])

    with pytest.raises(BadSignature):
        verify_signature(BODY, old, [b"new"])


@pytest.mark.parametrize("held", [[], [b""], [b"", b""]])
def test_s8_no_secret_lets_nobody_in(held: list[bytes]) -> None:
    with pytest.raises(BadSignature):
        verify_signature(BODY, signature(BODY, b""), held)


def test_a_push_names_its_branch_and_commit() -> None:
    delivery = read_delivery(DOCS, HEADERS, BODY)

    assert delivery == Delivery(
        source=DOCS,
        delivery_id="72d3162e-cc78-11e3-81ab-4c9367dc0958",
        event="push",
        ref="refs/heads/main",
        after=COMMIT,
    )


def test_a_push_sent_as_a_form_says_the_same() -> None:
    form = b"payload=%7B%22ref%22%3A%22refs%2Fheads%2Fmain%22%7D"

    delivery = read_delivery(DOCS, {"content-type": "application/x-www-form-urlencoded"}, form)

    assert delivery.ref == "refs/heads/main"


def test_a_ping_is_a_delivery_without_a_branch() -> None:
    body = json.dumps({"zen": "Keep it simple.", "hook_id": 1}).encode()

    delivery = read_delivery(DOCS, HEADERS | {"x-github-event": "ping"}, body)

    assert (delivery.event, delivery.ref, delivery.after) == ("ping", None, None)


def test_r14_a_truncated_push_says_what_was_left_of_it() -> None:
    body = b'{"ref": "refs/heads/main", "before": "x", "after": "' + COMMIT.encode() + b'", "comm'

    delivery = read_delivery(DOCS, HEADERS, body)

    assert (delivery.ref, delivery.after) == ("refs/heads/main", COMMIT)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("ref", "refs/heads/\0"),
        ("ref", "refs/heads/a\nb"),
        ("ref", "r" * 256),
        ("ref", 7),
        ("ref", ""),
        ("after", "HEAD"),
        ("after", "--upload-pack=x"),
        ("after", COMMIT[:-1]),
        ("after", ["a"]),
    ],
)
def test_a_branch_or_commit_that_is_none_is_left_out(field: str, value: object) -> None:
    delivery = read_delivery(DOCS, HEADERS, json.dumps({field: value}).encode())

    assert getattr(delivery, field) is None


@pytest.mark.parametrize("given_id", ["", "a b", "x" * 101, "a\0", "\u20ac"])
def test_s6_repeats_without_a_usable_id_are_known_by_their_body(given_id: str) -> None:
    first, again, other = (
        read_delivery(DOCS, {"x-github-delivery": given_id}, body) for body in (b"{}", b"{}", b"[]")
    )

    assert first.delivery_id == again.delivery_id != other.delivery_id


@given(st.binary(max_size=300), st.dictionaries(st.sampled_from(sorted(HEADERS)), st.text()))
def test_any_body_and_headers_make_a_delivery_that_a_database_can_hold(
    body: bytes, headers: dict[str, str]
) -> None:
    delivery = read_delivery(DOCS, headers, body)

    texts = [delivery.delivery_id, delivery.event, delivery.ref or "", delivery.after or ""]
    assert all("\0" not in text and text.encode() is not None for text in texts)
    assert max(map(len, texts)) <= 255


@pytest.mark.parametrize("body", [b"[" * 100_000, b'"' * 100_000, b'{"ref":' * 50_000])
def test_a_hostile_body_is_read_in_no_time(body: bytes) -> None:
    delivery = read_delivery(DOCS, HEADERS, body)

    assert delivery.ref is None
