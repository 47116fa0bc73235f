"""What `bench.traced_main` noted: how much of a span of time went where."""

import json
from collections.abc import Iterable, Sequence
from pathlib import Path

from bench.record import percentile

_Interval = tuple[float, float]
_Span = tuple[str, float, float, int]


def shares(file: Path, *, since_s: float, until_s: float) -> dict[str, object]:
    """Where the time from `since_s` to `until_s` went, each second once: embedding before all, then reading, writing.

    `waiting_s` is what is left: nothing was read, embedded or written. `before_first_call_s` and `after_last_call_s`
    are parts of all of these, and left out where the worker made no call, since its vectors were there before.
    Raises: SystemExit when the worker did nothing at all.
    """
    spans: list[_Span] = [json.loads(line) for line in file.read_text("utf-8").splitlines()]
    within = [span for span in spans if since_s <= span[1] and span[2] <= until_s]
    calls = [span for span in within if span[0] == "embed"]
    if not within:
        raise SystemExit("the worker neither read nor embedded nor wrote")
    covered: list[_Interval] = []
    figures: dict[str, object] = {}
    for what in ("embed", "read", "write"):
        before = _length(covered)
        covered = _union([*covered, *((span[1], span[2]) for span in within if span[0] == what)])
        figures[f"{what}_s"] = round(_length(covered) - before, 2)
    figures["waiting_s"] = round(until_s - since_s - _length(covered), 2)
    return figures | (_calls(calls, since_s, until_s) if calls else {"calls": 0})


def _calls(calls: Sequence[_Span], since_s: float, until_s: float) -> dict[str, object]:
    texts = [float(span[3]) for span in calls]
    return {
        "before_first_call_s": round(min(span[1] for span in calls) - since_s, 2),
        "after_last_call_s": round(until_s - max(span[2] for span in calls), 2),
        "calls": len(calls),
        "texts_a_call_p50": percentile(texts, 0.5),
        "texts_a_call_mean": round(sum(texts) / len(texts), 1),
    }


def _union(intervals: Iterable[_Interval]) -> list[_Interval]:
    merged: list[_Interval] = []
    for begin, end in sorted(intervals):
        if merged and begin <= merged[-1][1]:
            merged[-1] = (merged[-1][0], max(end, merged[-1][1]))
        else:
            merged.append((begin, end))
    return merged


def _length(intervals: Sequence[_Interval]) -> float:
    return sum(end - begin for begin, end in intervals)
