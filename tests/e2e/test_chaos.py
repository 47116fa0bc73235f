"""A minute in which everything fails that may, in an order drawn from a seed: no promise is broken.

`CHAOS_SEED` and `CHAOS_S` choose another run; `python -m bench chaos` is a longer one.
"""

import os
from pathlib import Path

import pytest

from tests.support.chaos import Chaos, Fault, a_place, schedule_of
from tests.support.warm import Warm

SEED = int(os.environ.get("CHAOS_SEED", "4"))
DURATION_S = float(os.environ.get("CHAOS_S", "60"))


@pytest.mark.timeout(600)
def test_no_promise_is_broken_by_a_minute_of_every_fault(
    tmp_path: Path, warm: Warm, capsys: pytest.CaptureFixture[str]
) -> None:
    with capsys.disabled():
        print(f" seed {SEED} ", end="", flush=True)  # noqa: T201 - what to run it again with

    with a_place(tmp_path, warm) as place:
        outcome = Chaos(place, SEED).run(DURATION_S)

    assert outcome.wrong == [], outcome
    assert sum(outcome.faults.values()) >= DURATION_S / 6, outcome
    assert len(outcome.faults) >= min(10, DURATION_S / 6), outcome
    assert outcome.applied >= DURATION_S * 2 / 3, outcome
    assert min(outcome.looks, outcome.answers, outcome.asked * 4) >= DURATION_S / 2, outcome


def test_a_seed_gives_one_schedule_in_which_every_fault_comes() -> None:
    schedule = schedule_of(SEED, 60.0)

    assert schedule == schedule_of(SEED, 60.0)
    assert schedule != schedule_of(SEED + 1, 60.0)
    assert {happening.fault for happening in schedule} == set(Fault)
