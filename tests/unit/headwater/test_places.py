"""A group that has lost its place in the topic is noticed, once for each time."""

import pytest
from prometheus_client import CollectorRegistry

from headwater.metrics import Metrics, make_metrics
from headwater.seeing.places import PlaceWatch, Reset, resets_between
from schemas.errors import BrokerUnavailable
from stream.core.progress import Standing


def place(committed: int | None, begin: int = 0, end: int = 100) -> dict[int, Standing]:
    return {0: Standing(begin, end, committed)}


@pytest.mark.parametrize(
    ("before", "now", "reset"),
    [
        ({}, place(None), None),
        ({}, place(7), None),
        (place(7), place(9), None),
        (place(7), place(7, begin=7), None),
        (place(100), place(100), None),
        ({}, place(7, begin=8), Reset.UNREAD_GONE),
        (place(7), place(7, begin=8), Reset.UNREAD_GONE),
        ({}, place(101), Reset.BEYOND_END),
        (place(9), place(7), Reset.REWOUND),
        (place(9), place(None), Reset.FORGOTTEN),
    ],
)
def test_r19_each_way_to_lose_a_place_has_its_name(
    before: dict[int, Standing], now: dict[int, Standing], reset: Reset | None
) -> None:
    assert [found for _, found in resets_between(before, now)] == [reset] * (reset is not None)


class Script:
    """Tells one place after another; None stands for a broker that is away."""

    def __init__(self, *places: dict[int, Standing] | None) -> None:
        self.left = list(places)

    def places(self) -> dict[int, Standing]:
        told = self.left.pop(0)
        if told is None:
            raise BrokerUnavailable("away")
        return told

    def close(self) -> None: ...


def counted(metrics: Metrics, reset: Reset) -> float | None:
    registry: CollectorRegistry = metrics.registry
    return registry.get_sample_value("headwater_reset_detected_total", {"reason": reset.value})


def test_r19_a_loss_counts_once_however_often_it_is_seen() -> None:
    metrics = make_metrics()
    gone = place(7, begin=50)
    watch = PlaceWatch(Script(place(7), gone, None, gone, gone, place(50, begin=50)), metrics)

    for _ in range(6):
        watch.look()

    assert counted(metrics, Reset.UNREAD_GONE) == 1
    assert counted(metrics, Reset.REWOUND) == 0
