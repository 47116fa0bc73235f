"""What a push webhook says, once its signature holds: a hint that a source has moved."""

import hmac
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from urllib.parse import parse_qs

from schemas.errors import BadSignature
from schemas.ids import SourceName

_SCHEME = "sha256="
_DELIVERY_ID = re.compile(r"[A-Za-z0-9._:-]{1,100}")
_EVENT = re.compile(r"[a-z_]{1,64}")
_COMMIT = re.compile(r"[0-9a-f]{40}|[0-9a-f]{64}")
_MAX_REF_CHARS = 255
_HEAD_BYTES = 64 * 1024
_FIELD = re.compile(rb'"(ref|after)"\s*:\s*"((?:[^"\\\x00-\x1f]|\\.){0,1000})"')


@dataclass(frozen=True, slots=True)
class Delivery:
    """One webhook call. Repeats have one `delivery_id`; `ref` and `after` are None where untold."""

    source: SourceName
    delivery_id: str
    event: str
    ref: str | None
    after: str | None


def verify_signature(body: bytes, header: str | None, secrets: Sequence[bytes]) -> None:
    """Return when `header` (`X-Hub-Signature-256`) signs `body` to the byte with one of `secrets`.

    Every secret is tried in constant time, so that a new one may be valid beside the old.

    Raises: BadSignature, also when there is no secret or an empty one.
    """
    given = (header or "").encode("latin-1", "replace")
    matches = [hmac.compare_digest(_sign(body, secret), given) for secret in secrets if secret]
    if not any(matches):
        raise BadSignature


def read_delivery(source: SourceName, headers: Mapping[str, str], body: bytes) -> Delivery:
    """Read what GitHub sends, as JSON or as a form, whole or cut off: whatever is missing is None.

    Args:
        headers: By lower-case name.
    """
    given_id = headers.get("x-github-delivery", "")
    event = headers.get("x-github-event", "")
    fields = _fields(_payload(headers, body))
    return Delivery(
        source=source,
        delivery_id=given_id
        if _DELIVERY_ID.fullmatch(given_id)
        else f"body-{sha256(body).hexdigest()}",
        event=event if _EVENT.fullmatch(event) else "unknown",
        ref=_ref(fields.get("ref")),
        after=_commit(fields.get("after")),
    )


def _sign(body: bytes, secret: bytes) -> bytes:
    return (_SCHEME + hmac.new(secret, body, sha256).hexdigest()).encode()


def _payload(headers: Mapping[str, str], body: bytes) -> bytes:
    if not headers.get("content-type", "").startswith("application/x-www-form-urlencoded"):
        return body
    try:
        return (
            parse_qs(body.decode("ascii", "replace"), max_num_fields=10)
            .get("payload", [""])[0]
            .encode()
        )
    except ValueError:
        return b""


def _fields(payload: bytes) -> dict[str, object]:
    """The two fields, read from the head of the payload where that is cut off."""
    try:
        decoded = json.loads(payload)
    except (ValueError, RecursionError):
        return {
            name.decode(): _unquoted(value)
            for name, value in reversed(_FIELD.findall(payload[:_HEAD_BYTES]))
        }
    return decoded if isinstance(decoded, dict) else {}


def _unquoted(value: bytes) -> str | None:
    try:
        return str(json.loads(b'"' + value + b'"'))
    except ValueError:
        return None


def _ref(value: object) -> str | None:
    is_ref = isinstance(value, str) and 0 < len(value) <= _MAX_REF_CHARS and value.isprintable()
    return value if is_ref and isinstance(value, str) else None


def _commit(value: object) -> str | None:
    return value if isinstance(value, str) and _COMMIT.fullmatch(value) else None
