"""From a model's name to an embedder that has passed its self-test, the fastest on this machine."""

import asyncio
import importlib
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from index.adapters.embed.child import run_child
from index.adapters.embed.choice import (
    MIN_COSINE,
    CacheDamaged,
    Plan,
    cache_folder,
    lowest_cosine,
    read_choice,
    read_self_test,
)
from index.adapters.embed.convert import stamp_of
from index.adapters.embed.cpu import this_cpu
from index.adapters.embed.embedder import Embedder
from index.adapters.embed.measure import Runtime
from index.adapters.embed.models import ModelInfo, find_model
from index.adapters.embed.selftest import probe_places, self_test_texts
from index.core.embedding import batches_by_length
from schemas.errors import BadConfiguration, EmbedderUnavailable

_PACKAGE = "index.adapters.embed"
_GPU_FILES = (Path("/dev/nvidiactl"), Path("/dev/kfd"))
_CHILD_TIMEOUT_S = 3600.0
_SAFE_BATCH = 8

Say = Callable[[str], None]


async def prepare_embedder(
    model: str, *, cache_dir: Path, device: str = "auto", say: Say
) -> Embedder:
    """Load `model`: a bundled name, a folder, or a sentence-transformers name, downloaded once.

    The first call on a machine converts and measures in a child process, which takes a minute;
    later ones load what it left in a second. What cannot be used is named to `say`, and torch
    embeds instead.

    Args:
        device: "auto", "cpu", or one that torch knows. Any GPU embeds in torch.
        say: Takes one line for a person at a time, in the thread of the caller.

    Raises: BadConfiguration, EmbedderUnavailable.
    """
    cache_dir = cache_dir.expanduser().resolve()
    found = await _find(model, cache_dir, say)
    if device != "cpu" and (device != "auto" or any(file.exists() for file in _GPU_FILES)):
        on_gpu = await asyncio.to_thread(_load_on_gpu, found, device)
        if on_gpu is not None:
            say(f"embedding with {on_gpu.plan} on a GPU")
            return Embedder(found, on_gpu, why=f"device {device}")
    return await _on_processor(found, cache_dir, say)


async def _find(model: str, cache_dir: Path, say: Say) -> ModelInfo:
    found = await asyncio.to_thread(find_model, model, cache_dir=cache_dir)
    if found is None:
        _require_writable(cache_dir)
        args = (model, str(cache_dir))
        await run_child(f"{_PACKAGE}.download", *args, say=say, timeout_s=_CHILD_TIMEOUT_S)
        found = await asyncio.to_thread(find_model, model, cache_dir=cache_dir)
    if found is None:
        raise EmbedderUnavailable(f"{model} was downloaded and is gone")
    return found


def _require_writable(cache_dir: Path) -> None:
    """Raises: BadConfiguration where a child could leave nothing."""
    try:
        cache_dir.mkdir(parents=True, exist_ok=True)
        tempfile.TemporaryFile(dir=cache_dir).close()
    except OSError as error:
        raise BadConfiguration(
            f"nothing can be kept in {cache_dir}, where models are prepared: {error.strerror};"
            " [embedding] cache names another folder"
        ) from error


async def _on_processor(model: ModelInfo, cache_dir: Path, say: Say) -> Embedder:
    folder = cache_folder(cache_dir, model, this_cpu())
    stamp = stamp_of(folder)
    try:
        return await asyncio.to_thread(_load, model, folder)
    except CacheDamaged as damage:
        if stamp:
            say(f"the prepared embedding model cannot be used ({damage}); preparing it again")
    _require_writable(cache_dir)
    args = (str(model.name), "--cache-dir", str(cache_dir), "--damaged", str(stamp))
    await run_child(f"{_PACKAGE}.convert", *args, say=say, timeout_s=_CHILD_TIMEOUT_S)
    try:
        return await asyncio.to_thread(_load, model, folder)
    except CacheDamaged as damage:
        say(
            f"the prepared embedding model cannot be used ({damage});"
            " embedding with torch, which is slower"
        )
        return await asyncio.to_thread(_load_torch, model, str(damage))


def _load(model: ModelInfo, folder: Path) -> Embedder:
    """Load what a conversion chose and check it against the reference. Raises: CacheDamaged."""
    choice = read_choice(folder)
    texts, reference = read_self_test(folder)
    try:
        runtime = _module(choice.plan.runtime).load(model, choice.plan, folder)
    except ImportError as error:
        raise CacheDamaged(f"{choice.plan.runtime} cannot be imported: {error}") from error
    places = probe_places(len(texts))
    cosine = lowest_cosine(_encode(runtime, [texts[at] for at in places]), reference[places])
    if cosine < MIN_COSINE:
        raise CacheDamaged(f"its vectors are off: a cosine of {cosine:.4f}")
    return Embedder(model, runtime, why=choice.why)


def _encode(runtime: Runtime, texts: list[str]) -> NDArray[np.float32]:
    batches = batches_by_length([len(text) for text in texts], max(1, runtime.plan.batch // 2))
    vectors = np.concatenate(
        [runtime.encode([texts[at] for at in batch], is_query=False) for batch in batches]
    )
    return vectors[np.argsort([at for batch in batches for at in batch])]


def _load_torch(model: ModelInfo, why: str) -> Embedder:
    plan = Plan("torch", "f32", _SAFE_BATCH, 1, this_cpu().threads)
    return Embedder(model, _module("torch").load(model, plan, model.folder), why=why)


def _load_on_gpu(model: ModelInfo, device: str) -> Runtime | None:
    torch_runtime = _module("torch")
    found = torch_runtime.find_device(device)
    texts = self_test_texts()
    probes = [texts[at] for at in probe_places(len(texts))]
    on_gpu: Runtime | None = (
        torch_runtime.load_on_gpu(model, found, probes) if found != "cpu" else None
    )
    return on_gpu


def _module(runtime: str) -> Any:
    """The module of a runtime, by name: importing this file must not import torch."""
    return importlib.import_module(f"{_PACKAGE}.{runtime}_runtime")
