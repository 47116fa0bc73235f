"""Streams: the gaps between the pieces of 40 answers at once, through Headwater and through a plain proxy.

The double says 20 tokens a second to each stream, all of them sentences of the sections that it was shown. Text leaves
Headwater sentence by sentence, so a piece is a sentence on both ways: its delta here, and the token that ends it there.
Once a sentence is one token, which is the most that there is to judge, and once it is five. Gaps count from when the
last of the streams has begun.
"""

import asyncio
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from itertools import pairwise
from pathlib import Path

import httpx

from bench.corpus import source_toml, workspace
from bench.cpu import alone_s
from bench.double import Double, a_double, llm_toml, port_of
from bench.record import machine, percentile, spread, write_result
from bench.server import serving
from bench.sizes import size

NAME = "streams"
_RATE, _K = 20.0, 20
_PAGES, _SENTENCES = 40, 9
_QUESTION = "Which default value does the setting of each topic have?"
_LIMITS = {"window_tokens": 100_000, "context_tokens": 50_000, "output_tokens": 5_000}
_ANSWER = """[answer]
cached = 0
refuse_below = 0.0
"""


def run() -> None:
    """Stream to all clients by one way, then by the other."""
    started = machine()
    with workspace() as folder:
        _write_docs(folder / "docs")
        found = {f"{tokens}_tokens_a_sentence": _measure(folder, tokens) for tokens in (1, 5)}
    write_result(NAME, {"rate": _RATE, **found, "bound": 2.0}, started)


def _measure(folder: Path, tokens: int) -> dict[str, object]:
    streams, sentences = size(40, 8), size(150, 30) // (1 if tokens == 1 else 3)
    with a_double(rate=_RATE, most=sentences, tokens=tokens) as double:
        source = source_toml(name="topics", kind="folder", location=folder / "docs")
        (folder / "headwater.toml").write_text(
            source + llm_toml(double, **_LIMITS) + _ANSWER, "utf-8"
        )
        asked = {"question": _QUESTION, "k": _K, "stream": True}
        with serving(folder) as server:
            asyncio.run(_stream(server.base, "/query", asked, 1, _is_delta))  # the first is slower
            before_s = alone_s(server.pid)
            ours = asyncio.run(_stream(server.base, "/query", asked, streams, _is_delta))
            taken_s = alone_s(server.pid) - before_s
            request = double.last()
        with _passing_through(double) as base:
            path = "/v1/chat/completions"
            plain = asyncio.run(_stream(base, path, request, streams, _ends_a_sentence))
    figures = {name: _figures(way) for name, way in (("headwater", ours), ("plain", plain))}
    ratio = figures["headwater"]["p99_gap_s"] / figures["plain"]["p99_gap_s"]
    pieces = sum(map(len, ours))
    if pieces < streams * sentences or sum(map(len, plain)) != streams * sentences:
        raise SystemExit(f"{pieces} pieces came of {streams} answers of {sentences} sentences each")
    return {
        "streams": streams,
        **figures,
        "p99_over_plain": round(ratio, 2),
        "cpu_ms_a_piece": round(taken_s / pieces * 1_000, 3),
    }


def _write_docs(folder: Path) -> None:
    folder.mkdir()
    for page in range(_PAGES):
        told = " ".join(
            f"The setting s{page}_{number} of topic {page} has the default value {page * 100 + number}."
            for number in range(_SENTENCES)
        )
        (folder / f"topic-{page}.md").write_text(f"# Topic {page}\n\n{told}\n", "utf-8")


@contextmanager
def _passing_through(double: Double) -> Iterator[str]:
    command = [sys.executable, "-m", "bench.pass_through", double.base_url.removesuffix("/v1")]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            yield f"http://127.0.0.1:{port_of(process)}"
        finally:
            process.terminate()


async def _stream(
    base: str, path: str, body: object, streams: int, is_piece: Callable[[str], bool]
) -> list[list[float]]:
    """The times of the pieces of each stream; all begin together."""
    limits = httpx.Limits(max_connections=None)
    async with httpx.AsyncClient(base_url=base, timeout=120, limits=limits) as client:

        async def one() -> list[float]:
            times = []
            async with client.stream("POST", path, json=body) as answer:
                answer.raise_for_status()
                async for line in answer.aiter_lines():
                    if is_piece(line):
                        times.append(time.perf_counter())
            return times

        return await asyncio.gather(*(one() for _ in range(streams)))


def _is_delta(line: str) -> bool:
    return line == "event: delta"


def _ends_a_sentence(line: str) -> bool:
    return '. "}' in line


def _figures(streams: Sequence[Sequence[float]]) -> dict[str, float]:
    begin_s = max(times[0] for times in streams)
    pairs = (pair for times in streams for pair in pairwise(times))
    gaps = [later - sooner for sooner, later in pairs if sooner >= begin_s]
    pieces = [float(len(times)) for times in streams]
    if not gaps:
        raise SystemExit("the streams did not overlap")
    return {
        "gaps": len(gaps),
        "pieces": spread(pieces)["p50"],
        "p50_gap_s": round(percentile(gaps, 0.5), 4),
        "p99_gap_s": round(percentile(gaps, 0.99), 4),
        "max_gap_s": round(max(gaps), 4),
    }
