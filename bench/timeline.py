"""What `bench.traced_main` noted: how much of a span of time went where."""

import json
from collections.abc import Iterable, Sequence
from pathlib import Path

from bench.record import percentile

_Interval = tuple[float, float]


def shares(file: Path, *, since_s: float, until_s: float) -> dict[str, object]:
    """Where the time from `since_s` to `until_s` went, each second once: embedding before all, then reading, writing.

    `waiting_s` is what is left: nothing was read, embedded or written. `before_first_call_s` and `after_last_call_s`
    are parts of all of these. Raises: SystemExit when nothing was embedded.
    """
    spans = [json.loads(line) for line in file.read_text("utf-8").splitlines()]
    within = [span for span in spans if since_s <= span[1] and span[2] <= until_s]
    calls = [span for span in within if span[0] == "embed"]
    if not calls:
        raise SystemExit("nothing was embedded")
    covered: list[_Interval] = []
    figures: dict[str, object] = {}
    for what in ("embed", "read", "write"):
        before = _length(covered)
        covered = _union([*covered, *((span[1], span[2]) for span in within if span[0] == what)])
        figures[f"{what}_s"] = round(_length(covered) - before, 2)
    figures["waiting_s"] = round(until_s - since_s - _length(covered), 2)
    figures["before_first_call_s"] = round(min(span[1] for span in calls) - since_s, 2)
    figures["after_last_call_s"] = round(until_s - max(span[2] for span in calls), 2)
    texts = [float(span[3]) for span in calls]
    figures["calls"] = len(calls)
    figures["texts_a_call_p50"] = percentile(texts, 0.5)
    figures["texts_a_call_mean"] = round(sum(texts) / len(texts), 1)
    return figures


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
