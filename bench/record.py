"""What a benchmark leaves: one JSON file with its figures, the bounds it is held to, and the machine."""

import json
import os
import platform
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path

from bench.sizes import is_small

RESULTS = Path(__file__).resolve().parent / "results"


def machine() -> dict[str, object]:
    """The processor's features that matter, its cores, and the load of others when the run began."""
    flags = Path("/proc/cpuinfo").read_text("utf-8") if Path("/proc/cpuinfo").exists() else ""
    features = [
        name for name in ("avx2", "avx512f", "avx512_bf16", "amx_bf16") if f" {name} " in flags
    ]
    return {
        "cpus": os.cpu_count(),
        "features": features,
        "python": platform.python_version(),
        "load_1min": round(os.getloadavg()[0], 2),
    }


def percentile(values: list[float], share: float) -> float:
    """The smallest value that at least `share` of all values do not exceed."""
    ordered = sorted(values)
    return ordered[max(0, min(len(ordered) - 1, round(share * len(ordered) + 0.5) - 1))]


def spread(values: list[float]) -> dict[str, float]:
    """Median, 95th percentile, maximum and count."""
    return {
        "n": len(values),
        "p50": round(percentile(values, 0.5), 4),
        "p95": round(percentile(values, 0.95), 4),
        "max": round(max(values), 4),
    }


def write_result(name: str, figures: Mapping[str, object], started: Mapping[str, object]) -> None:
    """Write `bench/results/<name>.json` and show it; a small run leaves that of a full one alone."""
    RESULTS.mkdir(exist_ok=True)
    name = f"{name}.small" if is_small() else name
    document = {
        "benchmark": name,
        "at": datetime.now(UTC).isoformat(),
        "machine": started,
        **figures,
    }
    text = json.dumps(document, indent=2)
    (RESULTS / f"{name}.json").write_text(text + "\n", "utf-8")
    print(text, flush=True)  # noqa: T201 - a benchmark's output
