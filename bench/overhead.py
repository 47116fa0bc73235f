"""Overhead: `POST /search` against encoding one question and one HNSW query, and `POST /query` until a model is asked.

Searches come one after the other with nothing between them, as the encoding and the HNSW queries do. Then each
question is searched for and asked. The clock of one that is composed begins when it is sent and ends when the double of
the model has the whole request: the search of the same question stands beside it. Nothing composed is kept, so that
each question is asked.
"""

import asyncio
import os
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np
import psycopg
from numpy.typing import NDArray
from pgvector import Vector
from pgvector.psycopg import register_vector

from bench.corpus import (
    BUNDLE,
    DEV_QUESTIONS,
    SMALL_ROOT,
    require_data,
    source_toml,
    workspace,
)
from bench.double import Double, a_double, llm_toml
from bench.encode import embedder_of
from bench.record import machine, spread, write_result
from bench.server import Server, serving
from bench.sizes import is_small, size
from eval.handlers import read_questions
from headwater.console import say
from headwater.settings import Settings, load_settings
from index.adapters.postgres.server import EmbeddedServer

NAME = "overhead"
_ROUNDS = 5
_MOST_MS = 15.0
_NEAREST = "SELECT text_hash FROM vector_g1 ORDER BY embedding <=> %s LIMIT 100"


def run() -> None:
    """Ask every written question five times each way."""
    require_data()
    started = machine()
    rounds = size(_ROUNDS, 1)
    questions = [question.question for question in read_questions(DEV_QUESTIONS)]
    with workspace() as folder, a_double() as double:
        root = SMALL_ROOT if is_small() else "doc/source"
        source = source_toml(name="ray", kind="git", location=BUNDLE, ref="eval")
        (folder / "headwater.toml").write_text(
            source.replace('"doc/source"', f'"{root}"')
            + llm_toml(double)
            + "[answer]\ncached = 0\nrefuse_below = 0.0\n",
            "utf-8",
        )
        settings = load_settings(None, os.environ, folder=folder)
        with serving(folder) as server:
            for question in questions[:20]:
                server.search(question)
                _asked_after_s(server, double, question)
            searches = [_timed(partial(server.search, question)) for question in questions * rounds]
            pairs = [
                (
                    _timed(partial(server.search, question)),
                    _asked_after_s(server, double, question),
                )
                for question in questions * rounds
            ]
        encodes, nearest = asyncio.run(_floor(settings, questions, rounds))
    write_result(NAME, _figures(searches, pairs, encodes, nearest), started)


def _figures(
    searches: list[float],
    asked: list[tuple[float, float | None]],
    encodes: list[float],
    nearest: list[float],
) -> dict[str, object]:
    floor = spread([a + b for a, b in zip(encodes, nearest, strict=True)])
    pairs = [(s, a) for s, a in asked if a is not None]
    search, until = spread([s for s, _ in pairs]), spread([a for _, a in pairs])
    more_ms = {key: round((until[key] - search[key]) * 1_000, 1) for key in ("p50", "p95")}
    return {
        "search_s": spread(searches),
        "encode_one_question_s": spread(encodes),
        "hnsw_top_100_s": spread(nearest),
        "floor_s": floor,
        "search_p95_over_floor_p95": round(spread(searches)["p95"] / floor["p95"], 2),
        "bound": 3.0,
        "never_asked": len(asked) - len(pairs),
        "search_of_those_asked_s": search,
        "until_the_model_is_asked_s": until,
        "more_than_search_ms": more_ms,
        "more_than_search_paired_ms": spread([(a - s) * 1_000 for s, a in pairs]),
        "bound_ms": _MOST_MS,
    }


def _asked_after_s(server: Server, double: Double, question: str) -> float | None:
    """Seconds from sending a question until a model has been asked; None where the docs hold nothing of it."""
    before, start_s = len(double.calls()), time.monotonic()
    server.client.post("/query", json={"question": question}).raise_for_status()
    calls = double.calls()[before:]
    return calls[0] - start_s if calls else None


async def _floor(
    settings: Settings, questions: list[str], rounds: int
) -> tuple[list[float], list[float]]:
    embedder = await embedder_of(settings)
    server = EmbeddedServer.start(Path(settings.home), say)
    encodes, nearest = [], []
    try:
        with psycopg.connect(server.address.conninfo, autocommit=True) as connection:
            register_vector(connection)
            connection.execute("SET hnsw.ef_search = 100")
            for _ in range(rounds):
                for question in questions:
                    start_s = time.perf_counter()
                    vector = await embedder.embed_query(question)
                    encodes.append(time.perf_counter() - start_s)
                    nearest.append(_timed(partial(_nearest, connection, vector)))
    finally:
        server.close()
        embedder.close()
    return encodes, nearest


def _nearest(
    connection: psycopg.Connection[tuple[object, ...]], vector: NDArray[np.float32]
) -> None:
    connection.execute(_NEAREST, (Vector(vector),)).fetchall()


def _timed(call: Callable[[], object]) -> float:
    start_s = time.perf_counter()
    call()
    return time.perf_counter() - start_s
