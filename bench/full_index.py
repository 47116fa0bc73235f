"""Full index of the documentation at `eval`: wall time and memory against encoding the same texts alone."""

import asyncio
import json
import os
import subprocess
import sys
import threading
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


def _index(home: Path) -> tuple[dict[str, object], float, dict[str, float]]:
    start_s = time.perf_counter()
    command = [sys.executable, "-m", "headwater.main", "index", "--json"]
    process = subprocess.Popen(command, cwd=home, stdout=subprocess.PIPE, text=True)
    peaks: dict[str, float] = {}
    watcher = threading.Thread(target=_watch_memory, args=(process, peaks))
    watcher.start()
    output, _ = process.communicate()
    watcher.join()
    if process.returncode:
        raise SystemExit(f"indexing failed with status {process.returncode}")
    return json.loads(output), time.perf_counter() - start_s, peaks


def _watch_memory(process: subprocess.Popen[str], peaks: dict[str, float]) -> None:
    """Note the largest resident memory of the main process, of its children, and of Postgres."""
    while process.poll() is None:
        seen = {"main": _resident_gb(process.pid), "reading_child": 0.0, "postgres": 0.0}
        for pid in _pids():
            command = _command(pid)
            if "index.adapters.reading_child" in command and _parent(pid) == process.pid:
                seen["reading_child"] += _resident_gb(pid)
            elif command.startswith(("postgres:", "postgres ")) or "/bin/postgres" in command:
                seen["postgres"] += _private_gb(pid)
        for name, value in seen.items():
            peaks[name] = round(max(peaks.get(name, 0.0), value), 3)
        time.sleep(0.5)


def _pids() -> list[int]:
    return [int(entry.name) for entry in Path("/proc").iterdir() if entry.name.isdigit()]


def _command(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/cmdline").read_text("utf-8", "replace").replace("\0", " ")
    except OSError:
        return ""


def _parent(pid: int) -> int:
    return int(_status(pid, "PPid") or 0)


def _resident_gb(pid: int) -> float:
    return int(_status(pid, "VmRSS") or 0) / 2**20


def _private_gb(pid: int) -> float:
    """Resident memory without shared buffers, which every server process would count again."""
    return int(_status(pid, "RssAnon") or 0) / 2**20


def _status(pid: int, field: str) -> str:
    try:
        lines = Path(f"/proc/{pid}/status").read_text("utf-8").splitlines()
    except OSError:
        return ""
    return next((line.split()[1] for line in lines if line.startswith(f"{field}:")), "")


async def _floors(home: Path, report: dict[str, object], wall_s: float) -> dict[str, object]:
    settings = load_settings(None, os.environ, folder=home)
    embedder = await embedder_of(settings)
    pages = await pages_of(settings, reader_of(settings, embedder))
    texts = list(distinct_texts(list(pages.values())).values())
    alone_s = await encode_s(embedder, texts)
    rate, batch = torch_rate(embedder, texts)
    embedder.close()
    seconds = report["seconds"]
    total_s = float(seconds["total"]) if isinstance(seconds, dict) else 0.0
    return {
        "runtime": embedder.runtime,
        "pages": len(pages),
        "texts": len(texts),
        "mean_chars": round(sum(map(len, texts)) / len(texts)),
        "report": report,
        "process_s": round(wall_s, 2),
        "encode_alone_s": round(alone_s, 2),
        "index_over_encode": round(total_s / alone_s, 3),
        "bound_index_over_encode": 1.15,
        "texts_per_s": round(len(texts) / total_s, 1),
        "encode_texts_per_s": round(len(texts) / alone_s, 1),
        "torch_fp32_texts_per_s": round(rate, 1),
        "torch_fp32_batch": batch,
        "over_torch_fp32": round(len(texts) / total_s / rate, 2),
        "memory_bound_gb": 0.8,
    }
