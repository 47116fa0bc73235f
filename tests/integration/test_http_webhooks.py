"""Webhooks as GitHub and an attacker meet them."""

import asyncio
import hashlib
import hmac
import json

import httpx
import pytest
from litestar import Litestar
from litestar.testing import AsyncTestClient

from headwater.http import make_app
from headwater.metrics import make_metrics
from ingest.adapters.webhook_http import webhook_routes
from ingest.core.webhook import Delivery
from schemas.errors import BadConfiguration, StoreUnavailable

SECRET = b"a secret"


class Deliveries:
    """Keeps deliveries by id; fails while `is_down`."""

    def __init__(self) -> None:
        self.stored: dict[str, Delivery] = {}
        self.is_down = False

    async def store(self, delivery: Delivery) -> bool:
        if self.is_down:
            raise StoreUnavailable("gone")
        is_new = delivery.delivery_id not in self.stored
        self.stored[delivery.delivery_id] = delivery
        return is_new


def make(deliveries: Deliveries) -> Litestar:
    return make_app(
        routes=webhook_routes({"docs": [SECRET], "open": []}, deliveries.store),
        checks={},
        hosts=[],
        metrics_registry=make_metrics().registry,
    )


PUSH = json.dumps({"ref": "refs/heads/main", "after": "a" * 40}).encode()


def signed(body: bytes, secret: bytes = SECRET) -> dict[str, str]:
    digest = hmac.new(secret, body, hashlib.sha256).hexdigest()
    return {
        "X-Hub-Signature-256": f"sha256={digest}",
        "X-GitHub-Delivery": "d-1",
        "X-GitHub-Event": "push",
    }


def deliver(
    body: bytes,
    headers: dict[str, str],
    deliveries: Deliveries | None = None,
    *,
    source: str = "docs",
) -> httpx.Response:
    async def run() -> httpx.Response:
        app = make(deliveries or Deliveries())
        async with AsyncTestClient(app, base_url="http://127.0.0.1:8000") as client:
            return await client.post(f"/webhooks/{source}", content=body, headers=headers)

    return asyncio.run(run())


def assert_problem(response: httpx.Response, status: int) -> None:
    assert response.status_code == status
    assert response.headers["content-type"].startswith("application/problem+json")
    assert response.json()["status"] == status
    assert response.json()["request_id"] == response.headers["x-request-id"]


def test_a_push_is_accepted_once_it_is_stored() -> None:
    deliveries = Deliveries()

    response = deliver(PUSH, signed(PUSH), deliveries)

    assert (response.status_code, response.json()) == (202, {"accepted": True, "delivery": "d-1"})
    assert deliveries.stored["d-1"].ref == "refs/heads/main"


def test_s6_a_repeated_delivery_is_accepted_and_stored_once() -> None:
    deliveries = Deliveries()

    statuses = [deliver(PUSH, signed(PUSH), deliveries).status_code for _ in "ab"]

    assert statuses == [202, 202]
    assert len(deliveries.stored) == 1


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"X-Hub-Signature": "sha1=" + hmac.new(SECRET, PUSH, hashlib.sha1).hexdigest()},
        {"X-Hub-Signature-256": "sha1=" + hmac.new(SECRET, PUSH, hashlib.sha1).hexdigest()},
        {"X-Hub-Signature-256": "md5=" + hmac.new(SECRET, PUSH, hashlib.md5).hexdigest()},
        {"X-Hub-Signature-256": signed(PUSH)["X-Hub-Signature-256"][:-1]},
        signed(PUSH, b"another secret"),
        signed(PUSH + b" "),
    ],
)
def test_s1_a_bad_signature_is_a_401_and_nothing_is_stored(headers: dict[str, str]) -> None:
    deliveries = Deliveries()

    response = deliver(PUSH, headers, deliveries)

    assert_problem(response, 401)
    assert deliveries.stored == {}
    assert "refs/heads" not in response.text


def test_a_source_that_takes_no_webhook_looks_like_one_that_is_not_there() -> None:
    answers = [deliver(PUSH, signed(PUSH), source=name) for name in ("open", "nowhere")]

    for answer in answers:
        assert_problem(answer, 404)
    assert answers[0].json()["detail"] == answers[1].json()["detail"]


def test_a_delivery_that_cannot_be_stored_is_not_accepted() -> None:
    deliveries = Deliveries()
    deliveries.is_down = True

    assert_problem(deliver(PUSH, signed(PUSH), deliveries), 503)


def test_s8_an_empty_secret_refuses_to_start() -> None:
    with pytest.raises(BadConfiguration, match="docs"):
        webhook_routes({"docs": [SECRET, b""]}, Deliveries().store)
