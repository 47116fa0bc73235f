"""Loading, converting, checking and measuring a model, in the converter's process."""

import contextlib
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from sentence_transformers import SentenceTransformer

from index.adapters.embed import torch_runtime
from index.adapters.embed.choice import (
    MIN_COSINE,
    CacheDamaged,
    Choice,
    Measured,
    Plan,
    best_of,
    lowest_cosine,
    read_plan,
    versions,
    write_choice,
    write_self_test,
)
from index.adapters.embed.cpu import this_cpu
from index.adapters.embed.measure import Runtime, encode_all, first_plans, measure, variants
from index.adapters.embed.models import ModelInfo
from index.adapters.embed.selftest import self_test_texts
from index.core.embedding import check_vectors
from schemas.errors import BadConfiguration, BadVectors

Say = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class _Trial:
    """What every measurement needs."""

    model: ModelInfo
    transformer: SentenceTransformer
    folder: Path
    texts: tuple[str, ...]
    reference: NDArray[np.float32]


def choose(model: ModelInfo, folder: Path, *, before: Path, say: Say) -> None:
    """Fill `folder` with the conversion of `model`: graph, tokenizer, reference, choice.

    What an earlier conversion in `before` chose is kept, if it still embeds rightly.
    """
    say(f"preparing the embedding model {model.name} for this machine, once")
    trial = _start(model, folder)
    write_self_test(folder, trial.texts, trial.reference)
    obstacle = _convert(trial, say)
    measured = _again(trial, read_plan(before)) if obstacle is None else ()
    is_known = bool(measured)
    if not is_known:
        measured = _measure_all(trial, with_openvino=obstacle is None, say=say)
    best = _best_on_all_texts(trial, measured)
    reason = "as it was chosen before" if is_known else obstacle or _comparison(best, measured)
    write_choice(folder, _choice(trial, best.plan, reason, measured))
    say(f"embedding with {best.plan}: {reason}")


def _start(model: ModelInfo, folder: Path) -> _Trial:
    reference_plan = Plan("torch", "f32", 16, 1, this_cpu().threads)
    try:
        runtime = torch_runtime.load(model, reference_plan, folder)
    except Exception as error:  # loading runs much foreign code over the user's files
        raise BadConfiguration(
            f"embedding model {model.name} cannot be loaded: {_line(error)}"
        ) from error
    texts = self_test_texts()
    reference = encode_all(runtime, texts)
    _check(model, reference)
    return _Trial(model, runtime.transformer, folder, texts, reference)


def _check(model: ModelInfo, reference: NDArray[np.float32]) -> None:
    try:
        check_vectors(reference, count=len(reference), dim=model.dim)
    except BadVectors as error:
        raise BadConfiguration(f"embedding model {model.name} cannot be used: {error}") from error


def _convert(trial: _Trial, say: Say) -> str | None:
    """Write the graph; else say why this model or this machine has none."""
    say("converting it for OpenVINO")
    try:
        # Here and not above: without a working OpenVINO the model is still embedded, in torch.
        from index.adapters.embed.graph import convert

        convert(trial.transformer, trial.folder)
    except Exception as error:
        return f"OpenVINO cannot be used: {_line(error)}"
    return None


def _again(trial: _Trial, plan: Plan | None) -> tuple[Measured, ...]:
    measured = _try(trial, [plan]) if plan is not None else ()
    return tuple(entry for entry in measured if entry.cosine >= MIN_COSINE)


def _measure_all(trial: _Trial, *, with_openvino: bool, say: Say) -> tuple[Measured, ...]:
    """Measure each runtime and precision, then the best of them in all its ways."""
    say("measuring what is fastest on this processor")
    cpu = this_cpu()
    firsts = _try(trial, first_plans(cpu, with_openvino=with_openvino))
    best = best_of(firsts).plan
    again = _try(trial, variants(best, cpu)) if best.runtime == "openvino" else ()
    return tuple({entry.plan: entry for entry in firsts + again}.values())


def _try(trial: _Trial, plans: Iterable[Plan]) -> tuple[Measured, ...]:
    """Measure on every second text by length, so that both halves are alike."""
    half = sorted(range(len(trial.texts)), key=lambda at: len(trial.texts[at]))[::2]
    runtimes = []
    for plan in plans:
        # A plan that this machine cannot run is passed over.
        with contextlib.suppress(CacheDamaged, ImportError, RuntimeError):
            runtimes.append(_load(trial, plan))
    texts = [trial.texts[at] for at in half]
    return tuple(measure(runtimes, texts, trial.reference[half]))


def _best_on_all_texts(trial: _Trial, measured: tuple[Measured, ...]) -> Measured:
    """The best of what was measured on half of the texts that embeds all of them rightly."""
    left = list(measured)
    while True:
        best = best_of(tuple(left))
        vectors = encode_all(_load(trial, best.plan), trial.texts)
        if lowest_cosine(vectors, trial.reference) >= MIN_COSINE:
            return best
        left.remove(best)


def _load(trial: _Trial, plan: Plan) -> Runtime:
    if plan.runtime == "openvino":
        from index.adapters.embed import openvino_runtime  # as above

        return openvino_runtime.load(trial.model, plan, trial.folder)
    if plan.precision == "f32":
        return torch_runtime.TorchRuntime(trial.model, trial.transformer, plan)
    return torch_runtime.load(trial.model, plan, trial.folder)


def _choice(trial: _Trial, plan: Plan, why: str, measured: tuple[Measured, ...]) -> Choice:
    files = {file.name: file.stat().st_size for file in sorted(trial.folder.iterdir())}
    return Choice(
        model=trial.model.name,
        model_hash=trial.model.model_hash,
        plan=plan,
        why=why,
        measured=measured,
        cpu=this_cpu(),
        versions=versions(),
        files=files,
    )


def _comparison(best: Measured, measured: tuple[Measured, ...]) -> str:
    if best.plan.runtime == "torch" and any(
        entry.plan.runtime == "openvino" and entry.cosine < MIN_COSINE for entry in measured
    ):
        return "OpenVINO fails its self-test"
    exact = [
        e.texts_per_s for e in measured if (e.plan.runtime, e.plan.precision) == ("torch", "f32")
    ]
    return f"{best.texts_per_s:.1f} texts/s, where torch f32 reaches {max(exact):.1f}"


def _line(error: Exception) -> str:
    return next(iter(str(error).strip().splitlines()), type(error).__name__)[:200]
