"""How far a worker is, and when it is held to have stalled."""

from collections.abc import Iterable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stream.core.progress import UNSEEN_S, Sighting, Standing, Watch, lag_of

AFTER_S = 300.0
gaps = st.floats(0.1, UNSEEN_S - 1)


def standing(begin: int, end: int, committed: int | None) -> Standing:
    return Standing(begin, end, committed)


def is_ever_stalled(sightings: Iterable[Sighting]) -> bool:
    watch, stalled = Watch(), False
    for seen in sightings:
        watch = watch.after(seen)
        stalled = stalled or watch.is_stalled(seen, after_s=AFTER_S)
    return stalled


def at_times(lengths: list[float]) -> list[float]:
    return [sum(lengths[:number]) for number in range(len(lengths) + 1)]


@pytest.mark.parametrize(
    ("told", "done", "ends", "lag"),
    [
        ({0: standing(0, 10, 4)}, {}, {}, 6),
        ({0: standing(0, 10, None)}, {}, {}, 10),
        ({0: standing(7, 10, 4)}, {}, {}, 3),  # retention was faster
        ({0: standing(0, 10, 4)}, {0: 9}, {}, 1),  # acknowledged since
        ({0: standing(0, 10, 9)}, {0: 2}, {}, 1),  # another had it meanwhile
        ({0: standing(0, 10, 4)}, {0: 9}, {0: 15}, 6),
        ({0: standing(0, 3, 3)}, {0: 9}, {0: 9}, 0),  # the topic was made anew
        ({0: standing(0, 10, 4)}, {1: 9}, {1: 50}, 6),  # what is no longer assigned
        ({}, {0: 1}, {0: 9}, 0),
    ],
)
def test_lag_counts_from_whatever_is_known_last(
    told: dict[int, Standing], done: dict[int, int], ends: dict[int, int], lag: int
) -> None:
    assert lag_of(told, done, ends) == lag


@given(st.lists(gaps, min_size=1, max_size=60))
def test_who_stands_still_while_records_pile_up_is_stalled_once_the_time_is_over(
    lengths: list[float],
) -> None:
    times = at_times(lengths)

    stalled = is_ever_stalled(
        Sighting(at_s, 1 + number, {0: 5}, 0) for number, at_s in enumerate(times)
    )

    assert stalled is (times[-1] >= AFTER_S)


@given(
    st.lists(gaps, min_size=30, max_size=60),
    st.sampled_from(["acknowledges", "lives", "has nothing to do", "cannot ask", "has no more"]),
    st.integers(1, 9),
)
def test_who_moves_lives_or_cannot_be_seen_is_not_stalled(
    lengths: list[float], reason: str, every: int
) -> None:
    """Once in so many sightings, whose time together is below the limit."""

    def seen(number: int, at_s: float) -> Sighting:
        turn, is_due = number // every, number % every == 0
        lag: int | None = 1 + number
        if reason == "has no more":
            lag = 7
        if reason in ("has nothing to do", "cannot ask") and is_due:
            lag = 0 if reason == "has nothing to do" else None
        position = {0: turn if reason == "acknowledges" else 0}
        return Sighting(at_s, lag, position, signs=turn if reason == "lives" else 0)

    assert not is_ever_stalled(seen(n, at_s) for n, at_s in enumerate(at_times(lengths)))


@given(st.lists(gaps, min_size=30, max_size=60), st.integers(1, 9))
def test_who_works_on_while_no_acknowledgement_arrives_is_stalled(
    lengths: list[float], every: int
) -> None:
    times = at_times([*lengths, *[UNSEEN_S - 1] * (10 + every)])

    assert is_ever_stalled(
        Sighting(at_s, 1 + number, {0: 5}, signs=number, batches=1 + number // every)
        for number, at_s in enumerate(times)
    )


def test_time_in_which_nobody_looked_is_not_counted() -> None:
    before, after = Sighting(0, 1, {0: 5}, 0), Sighting(10_000, 9, {0: 5}, 0)

    assert not is_ever_stalled([before, after])
