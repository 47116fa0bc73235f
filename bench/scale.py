"""Scale: questions against 16,000 and against 200,000 chunks, and what the vector index finds of the exact nearest.

The documentation with its API pages is indexed; copies of its pages with moved vectors make up the numbers. Then every
question is asked of the vector leg alone, a statement of the same shape as in a search, and searched for as a whole.
"""

import asyncio
import os
import time
from collections.abc import Sequence
from pathlib import Path

from pgvector import Vector

from bench.corpus import (
    BUNDLE,
    DEV_QUESTIONS,
    SMALL_ROOT,
    SYNTHETIC_QUESTIONS,
    require_data,
    source_toml,
    unpack_api_pages,
    workspace,
)
from bench.neighbours import grow
from bench.record import machine, spread, write_result
from bench.sizes import is_small, size
from eval.handlers import read_questions
from headwater.commands.index import index_all
from headwater.console import SyncProgress, say
from headwater.runtime import Runtime, open_runtime
from headwater.settings import load_settings
from index.adapters.postgres.statements import statement_for
from schemas.ids import Generation

NAME = "scale"
_QUESTIONS = 300
_NEAREST = (10, 100)
_SAME = 1e-5
_DENSE = """
SELECT c.source_id, c.path, c.ordinal FROM vector_g1 v JOIN chunk_g1 c USING (text_hash)
 ORDER BY v.embedding <=> %(vector)s::vector LIMIT 100
"""


def run() -> None:
    """Index, then measure at both sizes."""
    require_data()
    started = machine()
    with workspace() as folder:
        source = source_toml(name="ray", kind="git", location=BUNDLE, ref="eval")
        if is_small():
            source = source.replace('"doc/source"', f'"{SMALL_ROOT}"')
        else:
            source += source_toml(
                name="api",
                kind="folder",
                location=unpack_api_pages(folder),
                url="https://docs.ray.io/en/master/{path}",
            )
        (folder / "headwater.toml").write_text(source, "utf-8")
        figures = asyncio.run(measure(folder, (size(16_000, 1_500), size(200_000, 6_000))))
    write_result(NAME, figures, started)


async def measure(folder: Path, sizes: tuple[int, int]) -> dict[str, object]:
    """All figures, of the index in `folder`, which is made and grown to both sizes."""
    questions = [
        question.question
        for file in (DEV_QUESTIONS, SYNTHETIC_QUESTIONS)
        for question in read_questions(file)
    ][: size(_QUESTIONS, 60)]
    settings = load_settings(None, os.environ, folder=folder)
    async with open_runtime(settings, say) as runtime:
        _, troubles = await index_all(runtime, SyncProgress(None))
        if troubles:
            raise troubles[0]
        vectors = [
            Vector((await runtime.searcher.embed_query(question)).values) for question in questions
        ]
        recall = {f"recall_at_{k}": await _recall(runtime, vectors, k) for k in _NEAREST}
        found = [await _at(runtime, chunks, questions, vectors) for chunks in sizes]
    over = {
        f"vector_leg_{key}_large_over_small": round(
            found[1]["vector_leg_s"][key] / found[0]["vector_leg_s"][key], 2
        )
        for key in ("p50", "p95")
    }
    bounds = {"recall": 0.98, "vector_leg_large_over_small": 2.0, "search_p95_s": 0.15}
    return {**recall, "sizes": found, **over, "bounds": bounds}


async def _at(
    runtime: Runtime, chunks: int, questions: Sequence[str], vectors: Sequence[Vector]
) -> dict[str, dict[str, float]]:
    start_s = time.perf_counter()
    count = await grow(runtime.store.database, chunks)
    say(f"{count} chunks after {time.perf_counter() - start_s:.0f} s")
    for question in questions[:20]:
        await runtime.search(question, k=7, sources=None)
    legs, searches = [], []
    for question, vector in zip(questions, vectors, strict=True):
        legs.append(await _leg_s(runtime, vector))
        start_s = time.perf_counter()
        await runtime.search(question, k=7, sources=None)
        searches.append(time.perf_counter() - start_s)
    return {
        "chunks": {"n": count},
        "vector_leg_s": spread(legs),
        "search_s": spread(searches),
    }


async def _leg_s(runtime: Runtime, vector: Vector) -> float:
    start_s = time.perf_counter()
    async with runtime.store.database.transaction(snapshot=True) as cursor:
        await cursor.execute(_DENSE, {"vector": vector})
        rows = await cursor.fetchall()
    if len(rows) != 100:
        raise SystemExit(f"{len(rows)} chunks of 100 were found")
    return time.perf_counter() - start_s


async def _recall(runtime: Runtime, vectors: Sequence[Vector], k: int) -> float:
    """The share of the exact `k` nearest that the index finds; equally near ones count as found."""
    statement = statement_for("read_nearest_distances", Generation(1))
    hits = 0
    for vector in vectors:
        values = {"vector": vector, "limit": k}
        async with runtime.store.database.transaction(snapshot=True) as cursor:
            await cursor.execute(statement, values)
            found = [row[0] for row in await cursor.fetchall()]
            await cursor.execute("SET LOCAL enable_indexscan = off")
            await cursor.execute(statement, values)
            exact = [row[0] for row in await cursor.fetchall()]
        hits += min(len(exact), sum(distance <= exact[-1] + _SAME for distance in found))
    return round(hits / (k * len(vectors)), 4)
