"""Retries are counted by the name that alarms ask for."""

import re
from pathlib import Path

import pytest

from headwater.seeing.gauges import kind_of_failure
from schemas import errors
from schemas.errors import EmbedderUnavailable, StoreUnavailable, TransientError

ALERTS = Path(__file__).resolve().parents[3] / "deploy" / "monitoring" / "alerts.yml"


class CallFailed(EmbedderUnavailable):
    """As the adapters' own kinds are."""


class _TryAgain(TransientError):
    """As a handler's own kind is."""


@pytest.mark.parametrize(
    ("error", "name"),
    [
        (StoreUnavailable("away"), "StoreUnavailable"),
        (CallFailed("no answer within 30 s"), "EmbedderUnavailable"),
        (_TryAgain(), "TransientError"),
        (ValueError("no text of it becomes a label"), "other"),
    ],
)
def test_a_retry_is_counted_by_a_kind_of_failure_that_the_product_names(
    error: Exception, name: str
) -> None:
    assert kind_of_failure(error) == name


def test_an_alarm_asks_for_kinds_of_failure_that_are_tried_again() -> None:
    text = ALERTS.read_text("utf-8")
    asked = set(re.findall(r'headwater_retries_total\{reason="(\w+)"', text))

    assert asked
    assert all(issubclass(getattr(errors, name), TransientError) for name in asked)
