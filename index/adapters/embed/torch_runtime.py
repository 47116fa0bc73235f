"""Embedding with sentence-transformers: for a GPU, and for models that cannot be converted."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from sentence_transformers import SentenceTransformer
from transformers.utils import logging

from index.adapters.embed.choice import MIN_COSINE, Plan, lowest_cosine
from index.adapters.embed.models import ModelInfo
from index.core.embedding import unit_vectors
from schemas.errors import BadConfiguration

_DTYPES = {"f32": torch.float32, "bf16": torch.bfloat16, "f16": torch.float16}
_GPU_BATCH = 64


class TorchRuntime:
    """A sentence-transformers model on one device, called from one thread at a time."""

    def __init__(self, model: ModelInfo, transformer: SentenceTransformer, plan: Plan) -> None:
        self.plan = plan
        self.transformer = transformer
        self._prompts = (model.document_prompt, model.query_prompt)

    def encode(self, texts: Sequence[str], *, is_query: bool) -> NDArray[np.float32]:
        """Unit vectors of at least one text, in order, normalised in float32."""
        # The prompt is named outright: left to itself the library passes over one called "passage".
        encode = self.transformer.encode_query if is_query else self.transformer.encode_document
        vectors = encode(
            list(texts),
            prompt=self._prompts[is_query],
            batch_size=self.plan.batch,
            convert_to_tensor=True,
            show_progress_bar=False,
        )
        return unit_vectors(vectors.float().cpu().numpy())


def load_transformer(model: ModelInfo, *, device: str = "cpu") -> SentenceTransformer:
    """Load from the model's folder alone: no network, no pickle, no code of the model's own."""
    logging.disable_progress_bar()  # type: ignore[no-untyped-call]  # it would draw over our lines
    return SentenceTransformer(
        str(model.folder),
        device=device,
        trust_remote_code=False,
        local_files_only=True,
        model_kwargs={"use_safetensors": True},
    ).eval()


def load(model: ModelInfo, plan: Plan, folder: Path) -> TorchRuntime:
    """The runtime of `plan` on the processor; `folder` is not needed."""
    torch.set_num_threads(plan.threads)
    return TorchRuntime(model, load_transformer(model).to(_DTYPES[plan.precision]), plan)


def find_device(wanted: str) -> str:
    """The device that `wanted` stands for; "auto" is a CUDA GPU when there is one.

    Raises: BadConfiguration, when a device asked for by name is not there.
    """
    if wanted == "auto":
        return "cuda" if torch.cuda.is_available() else "cpu"
    try:
        torch.empty(1, device=wanted)
    except (RuntimeError, AssertionError) as error:  # torch built without CUDA asserts
        raise BadConfiguration(f"device {wanted}: {str(error).splitlines()[0]}") from error
    return wanted


def load_on_gpu(model: ModelInfo, device: str, probes: Sequence[str]) -> TorchRuntime:
    """Half precision when it embeds `probes` as fp32 does on the same device, else fp32."""
    transformer = load_transformer(model, device=device)
    plan = Plan(runtime="torch", precision="f32", batch=_GPU_BATCH, lanes=1, threads=1)
    exact = TorchRuntime(model, transformer, plan).encode(probes, is_query=False)
    half = Plan(runtime="torch", precision="f16", batch=_GPU_BATCH, lanes=1, threads=1)
    runtime = TorchRuntime(model, transformer.half(), half)
    if lowest_cosine(runtime.encode(probes, is_query=False), exact) >= MIN_COSINE:
        return runtime
    return TorchRuntime(model, load_transformer(model, device=device), plan)
