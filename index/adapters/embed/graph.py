"""A sentence-transformers model as one OpenVINO graph: token ids in, unit vectors out."""

from pathlib import Path

import torch
from sentence_transformers import SentenceTransformer

from index.adapters.embed.choice import GRAPH, TOKENIZER
from index.adapters.embed.quiet_openvino import openvino

_STRAIGHT = frozenset({"Transformer", "Pooling", "Normalize", "Dense", "LayerNorm"})
"""Modules that do the same to queries and documents, with tensors alone."""
_POOLINGS = frozenset({"cls", "mean"})


class NotConvertible(Exception):
    """The model embeds in torch only; the message says why."""


def convert(transformer: SentenceTransformer, folder: Path) -> None:
    """Write graph and tokenizer into `folder`. Raises: NotConvertible."""
    _refuse_unusual(transformer)
    ids = torch.full((2, 8), 5, dtype=torch.int64)
    mask = torch.ones_like(ids)
    mask[1, 5:] = 0  # traced with padding, or the mask is taken for constant
    try:
        with torch.inference_mode():
            model = openvino.convert_model(
                _Pipeline(transformer).eval(),
                example_input={"input_ids": ids, "attention_mask": mask},
            )
        openvino.save_model(model, str(folder / GRAPH), compress_to_fp16=False)
        transformer.tokenizer.backend_tokenizer.save(str(folder / TOKENIZER))
    except Exception as error:  # tracing runs the model's code, which may raise anything
        raise NotConvertible(
            f"{type(error).__name__}: {str(error).strip().splitlines()[0][:200]}"
        ) from error


class _Pipeline(torch.nn.Module):
    """All modules of the model and the normalising, as one function of two tensors."""

    def __init__(self, transformer: SentenceTransformer) -> None:
        super().__init__()
        self.stages = torch.nn.ModuleList(list(transformer))

    def forward(self, input_ids: torch.Tensor, attention_mask: torch.Tensor) -> torch.Tensor:
        features = {"input_ids": input_ids, "attention_mask": attention_mask}
        for stage in self.stages:
            features = stage(features)
        return torch.nn.functional.normalize(features["sentence_embedding"], dim=-1)


def _refuse_unusual(transformer: SentenceTransformer) -> None:
    kinds = [type(stage).__name__ for stage in transformer]
    unusual = sorted(set(kinds) - _STRAIGHT)
    if unusual or kinds[0] != "Transformer":
        raise NotConvertible(
            f"it has a part that is not converted: {', '.join(unusual) or kinds[0]}"
        )
    for stage in transformer:
        if type(stage).__name__ == "Pooling" and (
            stage.pooling_mode not in _POOLINGS or not stage.include_prompt
        ):
            raise NotConvertible(f"it pools by {stage.pooling_mode}")
    if transformer.truncate_dim is not None:
        raise NotConvertible("its vectors are cut short")
    if transformer.tokenizer.padding_side != "right":
        raise NotConvertible("it pads on the left")
