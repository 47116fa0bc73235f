"""Growth: what an event costs with 10,000 and with 200,000 one-chunk pages in the store.

The pages are written straight into the tables of the generation, with their vectors indexed and the rows of the ledger
to match. Then one worker, with an embedder of 50 ms a call, applies events that change pages all over the store. The
clock begins when it has applied the first of them. With `--small`, 1,000 and 4,000 pages.
"""

import random
import time
from functools import partial

from bench.backlogs import Change, lag, load, make_generation, path_at, publish, until_behind
from bench.chain import Chain, Process, a_chain, spent
from bench.corpus import workspace
from bench.record import machine, write_result
from bench.server import wait_until
from bench.sizes import size
from headwater.console import say

NAME = "growth_cluster"
_SEED = 20261125
_KEYS = ("wall_s_per_event", "cpu_s_per_event")


def run() -> None:
    """Measure at the first size, load the rest, measure again."""
    started = machine()
    sizes = (size(10_000, 1_000), size(200_000, 4_000))
    events, warm = size(3_000, 400), size(500, 100)
    found: list[dict[str, object]] = []
    with workspace() as folder, a_chain(folder, "", ray=False) as chain:
        make_generation(chain)
        held = 0
        for pages in sizes:
            load_s = load(chain, held, pages - held)
            held = pages
            figures = _change(chain, pages, events, warm)
            found.append({"pages": pages, "load_s": round(load_s, 1), **figures})
            say(str(found[-1]))
    ratios = {
        f"{key}_large_over_small": round(float(str(found[1][key])) / float(str(found[0][key])), 3)
        for key in _KEYS
    }
    write_result(NAME, {"sizes": found, **ratios, "bound": 1.3}, started)


def _change(chain: Chain, pages: int, events: int, warm: int) -> dict[str, object]:
    """Change `warm` and then `events` pages drawn from all."""
    stored = chain.count("SELECT count(*) FROM chunk_g1")
    indexed = chain.count("SELECT count(*) FROM pg_class WHERE relname = 'vector_g1_hnsw'")
    if stored < pages or not indexed:
        raise SystemExit(f"{stored} chunks of {pages} are in the store, {indexed} vector indexes")
    revision = 1 + chain.count("SELECT max(revision) FROM source")
    drawn = random.Random(_SEED).sample(range(pages), events + warm)
    publish(chain, [Change(path_at(number), revision) for number in drawn])
    worker = chain.start("worker", main="bench.slow_main")
    try:
        wait_until(partial(_has_applied, worker, warm), what="the first pages", within_s=120)
        begun = worker.metric("headwater_processing_seconds_count")
        before, since_s = chain.cpu(), time.perf_counter()
        until_s = until_behind(chain, 0, since=revision)
        cpu, done = spent(before, chain.cpu()), worker.metric("headwater_processing_seconds_count")
        wait_until(lambda: lag(chain) == 0, what="everything acknowledged")
    finally:
        worker.end()
    if done != events + warm:
        raise SystemExit(f"{done} of {events + warm} events were applied")
    counted = done - begun
    return {
        "events": int(counted),
        "wall_s_per_event": round((until_s - since_s) / counted, 5),
        "cpu_s_per_event": round(sum(cpu.values()) / counted, 5),
        "cpu_s": {name: seconds for name, seconds in cpu.items() if seconds},
    }


def _has_applied(worker: Process, pages: int) -> bool:
    time.sleep(0.05)
    return worker.metric("headwater_processing_seconds_count") >= pages
