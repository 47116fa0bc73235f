"""Which way of embedding is fastest on this processor, by trying them."""

import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from index.adapters.embed.choice import Measured, Plan, lowest_cosine
from index.adapters.embed.cpu import Cpu
from index.adapters.embed.lanes import Lanes, Turn
from index.core.embedding import batches_by_length

_ROUNDS = 2


class Runtime(Protocol):
    """A loaded model; `plan.lanes` threads at once call `encode` for up to `plan.batch` texts."""

    @property
    def plan(self) -> Plan:
        """How it is to be called."""
        ...

    def encode(self, texts: Sequence[str], *, is_query: bool) -> NDArray[np.float32]:
        """Unit vectors of at least one text, float32, shape (n, dim), in order."""
        ...


def first_plans(cpu: Cpu, *, with_openvino: bool) -> list[Plan]:
    """One or two ways for each runtime and precision.

    None above 16: a question waits for the batch before it, and larger ones gain nothing.
    """
    plans = [Plan("torch", "f32", batch, 1, cpu.threads) for batch in (8, 16)]
    if cpu.has_bf16:
        plans.append(Plan("torch", "bf16", 8, 1, cpu.threads))
    for precision in ("f32", "bf16") if cpu.has_bf16 else ("f32",):
        if with_openvino:
            plans.append(Plan("openvino", precision, 8, _lanes(cpu), cpu.threads))
    return plans


def variants(plan: Plan, cpu: Cpu) -> list[Plan]:
    """All ways to run the runtime and precision of `plan`, itself included.

    One request may have all threads, or each thread a lane: those need not wait for one another.
    """
    if plan.runtime == "torch":
        return [plan]
    shapes = [(8, 1), (16, 1), *((batch, _lanes(cpu)) for batch in (4, 8, 16))]
    return [replace(plan, batch=batch, lanes=lanes) for batch, lanes in dict.fromkeys(shapes)]


def measure(
    runtimes: Sequence[Runtime], texts: Sequence[str], reference: NDArray[np.float32]
) -> list[Measured]:
    """Let the runtimes embed all texts in turn, several times; each one's best time counts.

    In turn, so that what else the machine is doing at one time or another harms all alike. The
    first round also warms up.
    """
    rounds = [[_time(runtime, texts, reference) for runtime in runtimes] for _ in range(_ROUNDS)]
    return [
        Measured(
            plan=runtime.plan,
            texts_per_s=round(len(texts) / min(seconds for seconds, _ in passes), 2),
            cosine=round(min(cosine for _, cosine in passes), 7),
        )
        for runtime, passes in zip(runtimes, zip(*rounds, strict=True), strict=True)
    ]


def _time(
    runtime: Runtime, texts: Sequence[str], reference: NDArray[np.float32]
) -> tuple[float, float]:
    started = time.perf_counter()
    vectors = encode_all(runtime, texts)
    return time.perf_counter() - started, lowest_cosine(vectors, reference)


def _lanes(cpu: Cpu) -> int:
    return min(cpu.threads, 4)


def encode_all(runtime: Runtime, texts: Sequence[str]) -> NDArray[np.float32]:
    """Embed as an index does: batches of like length, on all lanes. In the order of texts."""
    batches = batches_by_length([len(text) for text in texts], runtime.plan.batch)
    lanes = Lanes(runtime.plan.lanes, name="measure")
    try:
        pending = [
            lanes.submit(_work(runtime, [texts[at] for at in batch]), turn=Turn.INDEXING)
            for batch in batches
        ]
        done = np.concatenate([future.result() for future in pending])
    finally:
        lanes.close()
    return done[np.argsort([at for batch in batches for at in batch])]


def _work(runtime: Runtime, texts: Sequence[str]) -> Callable[[], NDArray[np.float32]]:
    return lambda: runtime.encode(texts, is_query=False)
