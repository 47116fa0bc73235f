"""Backlog: 100,000 events that came while no worker ran, 90 % of them superseded by newer ones of their page.

The events are of 10,000 pages in a random order, half of the repeats of 100 hot pages, with the rows of the ledger to
match. One worker, with an embedder of 50 ms a call, takes them up. Meanwhile cold pages change, one a second: they
wait their turn behind the backlog. Measured until nothing is behind and everything is acknowledged. With `--small`,
10,000 events of 1,000 pages.
"""

import random
import threading
import time
from dataclasses import dataclass, field

from bench.backlogs import Change, lag, make_generation, publish, until_behind
from bench.chain import Chain, a_chain, spent
from bench.corpus import workspace
from bench.record import machine, spread, write_result
from bench.server import wait_until
from bench.sizes import size

NAME = "backlog"
_SEED = 20261125
_REPEATS, _HOT, _COLD_EVERY_S = 10, 100, 1.0


def run() -> None:
    """Fill the topic, then let one worker at it."""
    started = machine()
    pages = size(10_000, 1_000)
    changes = _changes(pages)
    with workspace() as folder, a_chain(folder, "", ray=False) as chain:
        make_generation(chain)
        publish(chain, changes)
        waiting = lag(chain)
        if waiting != len(changes):
            raise SystemExit(f"{waiting} of {len(changes)} events wait on the topic")
        figures = _drain(chain, changes)
    write_result(NAME, {"pages": pages, **figures}, started)


def _changes(pages: int) -> list[Change]:
    """Each page once and nine times as many repeats, each event at a revision of its own, in a random order."""
    draw = random.Random(_SEED)
    repeats = (_REPEATS - 1) * pages
    numbers = list(range(pages))
    numbers += [draw.randrange(_HOT) for _ in range(repeats // 2)]
    numbers += [draw.randrange(pages) for _ in range(repeats - repeats // 2)]
    draw.shuffle(numbers)
    return [Change(f"page-{number}.md", place + 1) for place, number in enumerate(numbers)]


def _drain(chain: Chain, changes: list[Change]) -> dict[str, object]:
    events, cold = len(changes), _Cold(chain, len(changes))
    worker = chain.start("worker", main="bench.slow_main")
    chain.until_shared(1)
    before, since_s = chain.cpu(), time.perf_counter()
    cold.start()
    try:
        wait_until(lambda: _is_drained(chain), what="the end of the backlog", within_s=1200)
    finally:
        cold.stop()
    until_s = until_behind(chain, 0)
    wait_until(lambda: lag(chain) == 0, what="everything acknowledged", within_s=60)
    cpu = spent(before, chain.cpu())
    applied = int(worker.metric("headwater_processing_seconds_count")) - len(cold.sent)
    wrong = chain.count(
        "SELECT count(*) FROM (SELECT path, max(revision) AS revision FROM publication GROUP BY path) AS newest"
        " JOIN page_state USING (path) WHERE page_state.revision <> newest.revision"
    )
    waited = cold.waited()
    if wrong or applied < len({change.path for change in changes}):
        raise SystemExit(f"{wrong} pages at a wrong revision, {applied} events applied")
    return {
        "events": events,
        "superseded_share": round(1 - len({change.path for change in changes}) / events, 3),
        "applied": applied,
        "applied_share": round(applied / events, 4),
        "bound_applied_share": 0.15,
        "seconds": round(until_s - since_s, 2),
        "events_per_s": round(events / (until_s - since_s)),
        "cold_pages_s": {
            **spread(waited),
            "p99": round(sorted(waited)[-1 - len(waited) // 100], 3),
        },
        "lag_at_end": 0,
        "cpu_s": {name: seconds for name, seconds in cpu.items() if seconds},
    }


def _is_drained(chain: Chain) -> bool:
    time.sleep(1.0)
    chain.check_alive()
    return lag(chain) < _LAST_EVENTS


_LAST_EVENTS = 64


@dataclass
class _Cold:
    """Changes one cold page a second until told to stop."""

    chain: Chain
    revision: int
    sent: dict[str, float] = field(default_factory=dict)
    _stop: threading.Event = field(default_factory=threading.Event)
    _thread: threading.Thread | None = None

    def start(self) -> None:
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def stop(self) -> None:
        self._stop.set()
        if self._thread is not None:
            self._thread.join(30)

    def waited(self) -> list[float]:
        """Seconds from the send of each cold page until the database had it."""
        rows = self.chain.rows(
            "SELECT path, extract(epoch FROM indexed_at) FROM page_state WHERE path LIKE 'cold-%%'"
        )
        return [float(at) - self.sent[path] for path, at in rows]

    def _run(self) -> None:
        while not self._stop.wait(_COLD_EVERY_S):
            self.revision += 1
            path = f"cold-{self.revision}.md"
            self.sent[path] = time.time()
            publish(self.chain, [Change(path, self.revision)])
