"""What this machine's processor can do, as far as embedding cares."""

import os
import platform
from dataclasses import dataclass
from pathlib import Path

_TELLING = (
    "avx2",
    "avx512f",
    "avx512_bf16",
    "avx512_vnni",
    "amx_bf16",
    "amx_tile",
    "avx_vnni",
    "asimd",
    "bf16",
    "sve",
)


@dataclass(frozen=True, slots=True)
class Cpu:
    """`threads` is how many this process may use; more than are free only slows embedding down."""

    name: str
    features: tuple[str, ...]
    threads: int

    @property
    def has_bf16(self) -> bool:
        """Whether bf16 is computed in hardware; torch is many times slower in bf16 without."""
        return not {"avx512_bf16", "amx_bf16", "bf16"}.isdisjoint(self.features)


def this_cpu() -> Cpu:
    """Describe the processor this process runs on."""
    text = _read(Path("/proc/cpuinfo"))
    return Cpu(
        name=_field(text, "model name") or platform.machine(),
        features=features_in(text),
        threads=_usable_threads(),
    )


def features_in(cpuinfo: str) -> tuple[str, ...]:
    """The features that decide how fast a precision is, in a fixed order."""
    flags = set((_field(cpuinfo, "flags") or _field(cpuinfo, "Features")).split())
    return tuple(feature for feature in _TELLING if feature in flags)


def _field(cpuinfo: str, key: str) -> str:
    for line in cpuinfo.splitlines():
        name, _, value = line.partition(":")
        if name.strip() == key:
            return value.strip()
    return ""


def _usable_threads() -> int:
    granted = (
        len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    )
    quota, _, period = _read(Path("/sys/fs/cgroup/cpu.max")).partition(" ")
    if quota.isdigit() and period.strip().isdigit():
        granted = min(granted, -(-int(quota) // int(period)))
    return max(1, granted)


def _read(file: Path) -> str:
    try:
        return file.read_text()
    except OSError:
        return ""
