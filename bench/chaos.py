"""Minutes of every fault at once, in an order drawn from a seed: which promises broke, and how long healing took.

`CHAOS_SEED` and `CHAOS_S` choose another run.
"""

import os
import random
from pathlib import Path

from bench.corpus import workspace
from bench.record import machine, write_result
from tests.support.chaos import Chaos, Outcome, a_place
from tests.support.warm import a_warm_start

NAME = "chaos"
_DURATION_S, _OUTAGE_S = 390.0, 60.0
_FAULTS_A_MINUTE, _VERSIONS_A_MINUTE = 8, 40


def run() -> None:
    """Break a deployment for minutes. Ends the program with status 1 when a promise was broken, or little happened."""
    started = machine()
    seed = int(os.environ.get("CHAOS_SEED") or random.randrange(1_000_000))
    duration_s = float(os.environ.get("CHAOS_S") or _DURATION_S)
    print(f"chaos: CHAOS_SEED={seed} CHAOS_S={duration_s:g}", flush=True)  # noqa: T201 - to run it again
    with workspace() as folder, a_warm_start() as warm, a_place(Path(folder), warm) as place:
        outcome = Chaos(place, seed).run(duration_s, outage_s=min(_OUTAGE_S, duration_s / 4))
    write_result(NAME, _figures(outcome, duration_s), started)
    if outcome.wrong or not _is_worth_something(outcome, duration_s):
        raise SystemExit(1)


def _is_worth_something(outcome: Outcome, duration_s: float) -> bool:
    minutes = duration_s / 60
    return (
        sum(outcome.faults.values()) >= _FAULTS_A_MINUTE * minutes
        and outcome.applied >= _VERSIONS_A_MINUTE * minutes
    )


def _figures(outcome: Outcome, duration_s: float) -> dict[str, object]:
    return {
        "seed": outcome.seed,
        "duration_s": duration_s,
        "database_away_s": min(_OUTAGE_S, duration_s / 4),
        "promises_broken": outcome.wrong,
        "bound_promises_broken": 0,
        "faults": dict(outcome.faults),
        "bound_faults": round(_FAULTS_A_MINUTE * duration_s / 60),
        "restarts": dict(outcome.restarts),
        "commits": outcome.deeds,
        "versions_published": outcome.accepted,
        "versions_applied": outcome.applied,
        "bound_versions_applied": round(_VERSIONS_A_MINUTE * duration_s / 60),
        "snapshots_looked_at": outcome.looks,
        "reads_answered": outcome.answers,
        "reads_refused": outcome.refusals,
        "healed_and_checked_after_s": outcome.healed_s,
    }
