"""Serving memory: what `headwater serve` holds after 1,000 and after 10,000 questions, all of them different.

Each is composed through the double of a model, the cache of composed answers is on and full from the thousandth on, and
every tenth begins or goes on with a conversation. Figures are medians of the resident memory over the last hundred
questions.
"""

import os
import re
import statistics
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx

from bench.corpus import (
    BUNDLE,
    SMALL_ROOT,
    SYNTHETIC_QUESTIONS,
    require_data,
    source_toml,
    workspace,
)
from bench.double import a_double, llm_toml
from bench.record import machine, write_result
from bench.server import Server, serving
from bench.sizes import is_small, size
from eval.handlers import read_questions

NAME = "serving_memory"
_BOUND = 1.05
_AT_ONCE = 4
_LAST = 100
_SENTENCES = 8


def run() -> None:
    """Index, then serve alone, and ask."""
    require_data()
    started = machine()
    first, last = size(1_000, 200), size(10_000, 400)
    known = [question.question for question in read_questions(SYNTHETIC_QUESTIONS)]
    questions = [f"{known[n % len(known)]} (case {n})" for n in range(last)]
    with workspace() as folder, a_double(most=_SENTENCES) as double:
        source = source_toml(name="ray", kind="git", location=BUNDLE, ref="eval")
        if is_small():
            source = source.replace('"doc/source"', f'"{SMALL_ROOT}"')
        (folder / "headwater.toml").write_text(
            source + llm_toml(double) + f"[answer]\ncached = {first}\nrefuse_below = 0.0\n", "utf-8"
        )
        with serving(folder):
            pass  # the index is made
        with serving(folder, command="serve") as server, ThreadPoolExecutor(_AT_ONCE) as pool:
            at_first = _ask(server, pool, questions[:first])
            at_last = _ask(server, pool, questions[first:])
        composed = len(double.calls())
    if composed < 0.9 * last:
        raise SystemExit(f"{composed} of {last} answers were composed")
    figures = {
        "questions": last,
        "composed": composed,
        f"mb_at_{first}": round(at_first, 1),
        f"mb_at_{last}": round(at_last, 1),
        "last_over_first": round(at_last / at_first, 4),
        "bound": _BOUND,
    }
    write_result(NAME, figures, started)


def _ask(server: Server, pool: ThreadPoolExecutor, questions: list[str]) -> float:
    """Ask them all, some at once. Returns: MB that are resident over the last of them."""
    begin = len(questions) - _LAST
    held: list[float] = []

    def ask(numbered: tuple[int, str]) -> None:
        number, question = numbered
        body = {"question": question, "stream": number % 2 == 0}
        if number % 10 == 0:
            body["conversation_id"] = f"conversation {number % 50}"
        _post(server.client, body)
        if number >= begin:
            held.append(_resident_mb(server.pid))

    for _ in pool.map(ask, enumerate(questions)):
        pass
    return statistics.median(held)


def _post(client: httpx.Client, body: dict[str, object]) -> None:
    response = client.post("/query", json=body)
    response.raise_for_status()
    if "model_unavailable" in response.text:
        raise SystemExit("the double of the model does not answer")


def _resident_mb(pid: int) -> float:
    status = Path(f"/proc/{pid}/status").read_text("utf-8")
    found = re.search(r"VmRSS:\s+(\d+) kB", status)
    if found is None:
        raise SystemExit(f"the memory of process {pid} cannot be read on {os.uname().sysname}")
    return int(found[1]) / 1_024
