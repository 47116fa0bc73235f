"""Full index of the documentation at `eval`: wall time and memory against encoding the same texts alone."""

import asyncio
import json
import os
import subprocess
import sys
import time
from pathlib import Path

from bench.corpus import BUNDLE, require_data, source_toml, workspace
from bench.encode import (
    distinct_texts,
    embedder_of,
    encode_s,
    pages_of,
    reader_of,
    torch_rate,
)
from bench.memory import MemoryWatch
from bench.record import machine, write_result
from headwater.settings import load_settings

NAME = "full_index"


def run() -> None:
    """Index in a process of its own, then measure both floors in this one."""
    require_data()
    started = machine()
    with workspace() as home:
        (home / "headwater.toml").write_text(
            source_toml(name="ray", kind="git", location=BUNDLE, ref="eval"), "utf-8"
        )
        asyncio.run(_prepare(home))
        report, wall_s, peaks = _index(home)
        figures = asyncio.run(_floors(home, report, wall_s))
    write_result(NAME, {**figures, "memory_gb": peaks}, started)


async def _prepare(home: Path) -> None:
    """Convert the model before anything is timed."""
    settings = load_settings(None, os.environ, folder=home)
    (await embedder_of(settings)).close()


def _index(home: Path) -> tuple[dict[str, object], float, dict[str, float | str]]:
    """Run the command from its start to its end: the program's own report leaves out start and tidying."""
    start_s = time.perf_counter()
    command = [sys.executable, "-m", "headwater.main", "index", "--json"]
    process = subprocess.Popen(command, cwd=home, stdout=subprocess.PIPE, text=True)
    memory = MemoryWatch(process)
    output, _ = process.communicate()
    wall_s = time.perf_counter() - start_s
    if process.returncode:
        raise SystemExit(f"indexing failed with status {process.returncode}")
    return json.loads(output), wall_s, memory.peaks()


async def _floors(home: Path, report: dict[str, object], wall_s: float) -> dict[str, object]:
    settings = load_settings(None, os.environ, folder=home)
    embedder = await embedder_of(settings)
    pages = await pages_of(settings, reader_of(settings, embedder))
    texts = list(distinct_texts(list(pages.values())).values())
    alone_s = await encode_s(embedder, texts)
    rate, batch = torch_rate(embedder, texts)
    embedder.close()
    return {
        "runtime": embedder.runtime,
        "pages": len(pages),
        "texts": len(texts),
        "mean_chars": round(sum(map(len, texts)) / len(texts)),
        "report": report,
        "command_s": round(wall_s, 2),
        "encode_alone_s": round(alone_s, 2),
        "index_over_encode": round(wall_s / alone_s, 3),
        "bound_index_over_encode": 1.15,
        "texts_per_s": round(len(texts) / wall_s, 1),
        "encode_texts_per_s": round(len(texts) / alone_s, 1),
        "torch_fp32_texts_per_s": round(rate, 1),
        "torch_fp32_batch": batch,
        "over_torch_fp32": round(len(texts) / wall_s / rate, 2),
        "memory_bound_gb": 0.8,
    }
