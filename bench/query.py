"""Query: `POST /search` against encoding one question and one HNSW query, in the same run."""

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

from bench.corpus import BUNDLE, DEV_QUESTIONS, require_data, source_toml, workspace
from bench.encode import embedder_of
from bench.record import machine, spread, write_result
from bench.server import serving
from eval.handlers import read_questions
from headwater.console import say
from headwater.settings import Settings, load_settings
from index.adapters.postgres.server import EmbeddedServer

NAME = "query"
_ROUNDS = 5
_NEAREST = "SELECT text_hash FROM vector_g1 ORDER BY embedding <=> %s LIMIT 100"


def run() -> None:
    """Ask every written question five times each way."""
    require_data()
    started = machine()
    questions = [question.question for question in read_questions(DEV_QUESTIONS)]
    with workspace() as folder:
        (folder / "headwater.toml").write_text(
            source_toml(name="ray", kind="git", location=BUNDLE, ref="eval"), "utf-8"
        )
        settings = load_settings(None, os.environ, folder=folder)
        with serving(folder) as server:
            for question in questions[:20]:
                server.search(question)
            searches = [
                _timed(partial(server.search, q)) for _ in range(_ROUNDS) for q in questions
            ]
        encodes, nearest = asyncio.run(_floor(settings, questions))
    floor_s = [a + b for a, b in zip(encodes, nearest, strict=True)]
    search_p95, floor_p95 = spread(searches)["p95"], spread(floor_s)["p95"]
    figures = {
        "search_s": spread(searches),
        "encode_one_question_s": spread(encodes),
        "hnsw_top_100_s": spread(nearest),
        "floor_s": spread(floor_s),
        "search_p95_over_floor_p95": round(search_p95 / floor_p95, 2),
        "bound": 3.0,
    }
    write_result(NAME, figures, started)


async def _floor(settings: Settings, questions: list[str]) -> tuple[list[float], list[float]]:
    embedder = await embedder_of(settings)
    server = EmbeddedServer.start(Path(settings.home), say)
    encodes, nearest = [], []
    try:
        with psycopg.connect(server.address.conninfo, autocommit=True) as connection:
            register_vector(connection)
            connection.execute("SET hnsw.ef_search = 100")
            for _ in range(_ROUNDS):
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
