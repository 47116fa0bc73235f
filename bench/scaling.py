"""Scaling: events a second of one worker against two on 8 partitions, with an embedder of 50 ms a call.

The store holds 10,000 pages. Events of new one-chunk pages are on the topic before a worker starts. The clock begins
once every member of the group has partitions and has applied its first pages; it ends when all pages are applied.
Processor time is that of every process: on two processors the workers share them with the database and the broker.
With `--small`, less of each.
"""

import time
from functools import partial

from bench.backlogs import Change, behind, lag, load, make_generation, publish, until_behind
from bench.chain import Chain, Process, a_chain, spent
from bench.corpus import workspace
from bench.record import machine, write_result
from bench.server import wait_until
from bench.sizes import size
from headwater.cluster.topology import PARTITIONS
from headwater.console import say

NAME = "scaling"
_RUNS = 2
_WARM_EVENTS = 64
_TIMEOUT_S = 600.0


def run() -> None:
    """One worker and two by turns, each with a backlog of its own."""
    started = machine()
    events = size(4_500, 2_000)
    rounds: dict[int, list[dict[str, object]]] = {1: [], 2: []}
    with workspace() as folder, a_chain(folder, "", ray=False) as chain:
        make_generation(chain)
        load(chain, 0, size(10_000, 1_000))
        for turn in range(_RUNS):
            for workers in (1, 2):
                figures = _drain(chain, workers, events, f"{turn}-{workers}")
                say(f"{workers}: {figures}")
                rounds[workers].append(figures)
    one, two = ({key: _mean(rounds[n], key) for key in _KEYS} for n in (1, 2))
    write_result(
        NAME,
        {
            "events": events,
            "partitions": PARTITIONS,
            "one_worker": rounds[1],
            "two_workers": rounds[2],
            "two_over_one_events_per_s": round(two["events_per_s"] / one["events_per_s"], 3),
            "bound_two_over_one": 1.7,
            "cpu_s_per_event_two_over_one": round(
                two["worker_cpu_s_per_event"] / one["worker_cpu_s_per_event"], 3
            ),
            "bound_cpu": 1.15,
            "all_cpu_s_per_event_two_over_one": round(
                two["all_cpu_s_per_event"] / one["all_cpu_s_per_event"], 3
            ),
        },
        started,
    )


_KEYS = ("events_per_s", "worker_cpu_s_per_event", "all_cpu_s_per_event")


def _mean(rounds: list[dict[str, object]], key: str) -> float:
    return sum(float(str(figures[key])) for figures in rounds) / len(rounds)


def _drain(chain: Chain, workers: int, events: int, label: str) -> dict[str, object]:
    """Apply a backlog of new pages with so many workers."""
    revision = 1 + chain.count("SELECT max(revision) FROM source")
    publish(chain, [Change(f"{label}/page-{n}.md", revision) for n in range(events)])
    running = chain.start_all("worker", workers, main="bench.slow_main")
    try:
        chain.until_shared(workers)
        for worker in running:
            wait_until(partial(_is_warm, worker), what=f"{worker.name} at work", within_s=120)
        before, left, since_s = chain.cpu(), behind(chain, revision), time.perf_counter()
        until_s = until_behind(chain, 0, since=revision, within_s=_TIMEOUT_S)
        cpu = spent(before, chain.cpu())
        wait_until(lambda: lag(chain) == 0, what="everything acknowledged")
    finally:
        for worker in running:
            worker.end()
    if left < events / 2:
        raise SystemExit(f"{events - left} of {events} events were applied before the clock began")
    of_workers = sum(cpu[worker.name] + cpu[f"{worker.name} children"] for worker in running)
    return {
        "events": left,
        "seconds": round(until_s - since_s, 2),
        "events_per_s": round(left / (until_s - since_s), 1),
        "worker_cpu_s_per_event": round(of_workers / left, 5),
        "all_cpu_s_per_event": round(sum(cpu.values()) / left, 5),
        "cpu_s": {name: seconds for name, seconds in cpu.items() if seconds},
    }


def _is_warm(worker: Process) -> bool:
    """Its reading children and connections are there: it has applied some pages."""
    time.sleep(0.05)
    return worker.metric("headwater_processing_seconds_count") >= _WARM_EVENTS
