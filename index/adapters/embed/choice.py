"""The cached outcome of a conversion: the fastest runtime here, and the proof that it is right."""

import hashlib
import importlib.metadata
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import msgspec
import numpy as np
from numpy.typing import NDArray

from index.adapters.embed.cpu import Cpu
from index.adapters.embed.models import ModelInfo
from index.core.embedding import cosines
from schemas.errors import EmbedderUnavailable

CONVERTER_VERSION = 1
"""Raised with each change of what a conversion writes or measures."""
MIN_COSINE = 0.999
_TIE = 0.05
GRAPH, TOKENIZER, SELF_TEST, CHOICE = "model.xml", "tokenizer.json", "selftest.npz", "runtime.json"


@dataclass(frozen=True, slots=True)
class Plan:
    """One way to embed: `lanes` calls of `batch` texts at a time, over `threads` threads in all."""

    runtime: str
    precision: str
    batch: int
    lanes: int
    threads: int

    def __str__(self) -> str:
        lanes = f", {self.lanes} lanes" if self.lanes > 1 else ""
        return f"{self.runtime} {self.precision}, batch {self.batch}{lanes}, {self.threads} threads"


@dataclass(frozen=True, slots=True)
class Measured:
    """What a plan reached in the self-test; `cosine` is the lowest against torch in fp32."""

    plan: Plan
    texts_per_s: float
    cosine: float


@dataclass(frozen=True, slots=True)
class Choice:
    """The plan to use, why, and all it was chosen from. `files` are sizes: damage shows in them."""

    model: str
    model_hash: str
    plan: Plan
    why: str
    measured: tuple[Measured, ...]
    cpu: Cpu
    versions: Mapping[str, str]
    files: Mapping[str, int]


class CacheDamaged(Exception):
    """A cached conversion that cannot be used: make it again."""


def cache_folder(cache_dir: Path, model: ModelInfo, cpu: Cpu) -> Path:
    """Where the conversion of this model for this processor and these versions is kept."""
    parts = (
        model.model_hash,
        cpu.name,
        *cpu.features,
        str(cpu.threads),
        *map("=".join, versions().items()),
    )
    return cache_dir / "runtimes" / hashlib.sha256("\n".join(parts).encode()).hexdigest()[:24]


def versions() -> dict[str, str]:
    """Everything whose change may change a vector or a measurement."""
    packages = ("openvino", "torch", "sentence-transformers", "transformers", "tokenizers")
    return {"converter": str(CONVERTER_VERSION)} | {name: _version(name) for name in packages}


def write_choice(folder: Path, choice: Choice) -> None:
    """Put `runtime.json` beside the files it speaks of."""
    (folder / CHOICE).write_bytes(msgspec.json.format(msgspec.json.encode(choice), indent=1))


def read_choice(folder: Path) -> Choice:
    """What was chosen. Raises: CacheDamaged, also when a file beside it has changed its size."""
    try:
        choice = msgspec.json.decode((folder / CHOICE).read_bytes(), type=Choice)
    except (OSError, msgspec.DecodeError) as error:
        raise CacheDamaged(f"{CHOICE}: {error}") from error
    for name, size_bytes in choice.files.items():
        if not (folder / name).is_file() or (folder / name).stat().st_size != size_bytes:
            raise CacheDamaged(f"{name} is missing or cut short")
    return choice


def read_plan(folder: Path) -> Plan | None:
    """What was chosen, whatever has become of the files; None when that cannot be told."""
    try:
        return msgspec.json.decode((folder / CHOICE).read_bytes(), type=Choice).plan
    except (OSError, msgspec.DecodeError):
        return None


def write_self_test(folder: Path, texts: tuple[str, ...], vectors: NDArray[np.float32]) -> None:
    """Keep the reference: texts and their vectors by torch in fp32."""
    np.savez_compressed(folder / SELF_TEST, texts=np.array(texts), vectors=vectors)


def read_self_test(folder: Path) -> tuple[list[str], NDArray[np.float32]]:
    """The reference. Raises: CacheDamaged."""
    try:
        with np.load(folder / SELF_TEST, allow_pickle=False) as kept:
            return [str(text) for text in kept["texts"]], kept["vectors"].astype(np.float32)
    except (OSError, KeyError, ValueError) as error:
        raise CacheDamaged(f"{SELF_TEST}: {error}") from error


def lowest_cosine(vectors: NDArray[np.float32], reference: NDArray[np.float32]) -> float:
    """How far the worst vector is from its reference; 0.0 when anything about them is wrong."""
    if vectors.shape != reference.shape or not np.isfinite(vectors).all():
        return 0.0
    return float(cosines(vectors, reference).min(initial=1.0))


def best_of(measured: tuple[Measured, ...]) -> Measured:
    """The fastest that embeds rightly; among about equals the smallest batch, as questions wait less.

    Torch must be faster by a third, for it takes three times the memory and ten times as long to load.

    Raises: EmbedderUnavailable, when none embeds rightly.
    """
    right = [entry for entry in measured if entry.cosine >= MIN_COSINE]
    if not right:
        raise EmbedderUnavailable("no runtime passes its self-test")
    enough = (1 - _TIE) * max(_worth(entry) for entry in right)
    return min(
        (entry for entry in right if _worth(entry) >= enough),
        key=lambda entry: (entry.plan.batch, -_worth(entry)),
    )


def _worth(entry: Measured) -> float:
    return entry.texts_per_s * (0.75 if entry.plan.runtime == "torch" else 1.0)


def _version(package: str) -> str:
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return "none"
