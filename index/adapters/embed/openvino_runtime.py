"""Embedding with a converted model in OpenVINO: no torch, a third of the memory, quick to load."""

import queue
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from index.adapters.embed.choice import GRAPH, TOKENIZER, CacheDamaged, Plan
from index.adapters.embed.models import ModelInfo
from index.adapters.embed.quiet_openvino import openvino
from index.adapters.embed.tokens import Tokeniser
from index.core.embedding import unit_vectors


class OpenVinoRuntime:
    """A compiled graph with one request a lane; as many threads may call `encode` at once."""

    def __init__(self, model: ModelInfo, plan: Plan, folder: Path) -> None:
        """Load what a conversion left in `folder`. Raises: CacheDamaged."""
        self.plan = plan
        self._prompts = (model.document_prompt, model.query_prompt)
        # No CACHE_DIR: compiling takes 0.3 s, of which a blob as large as the weights saves half.
        options = {
            "INFERENCE_PRECISION_HINT": plan.precision,
            "INFERENCE_NUM_THREADS": plan.threads,
            "NUM_STREAMS": plan.lanes,
        }
        try:
            self._tokeniser = Tokeniser(folder / TOKENIZER, max_tokens=model.max_tokens)
            compiled = openvino.Core().compile_model(str(folder / GRAPH), "CPU", options)
        except Exception as error:  # tokenizers and openvino raise bare exceptions of many kinds
            raise CacheDamaged(str(error).strip().splitlines()[-1]) from error
        self._requests: queue.SimpleQueue[openvino.InferRequest] = queue.SimpleQueue()
        for _ in range(plan.lanes):
            self._requests.put(compiled.create_infer_request())

    def encode(self, texts: Sequence[str], *, is_query: bool) -> NDArray[np.float32]:
        """Unit vectors of at least one text, in order."""
        prompt = self._prompts[is_query]
        ids, mask = self._tokeniser.encode([prompt + text for text in texts])
        request = self._requests.get()
        try:
            request.infer({"input_ids": ids, "attention_mask": mask}, share_inputs=True)
            return unit_vectors(request.get_output_tensor(0).data.copy())
        finally:
            self._requests.put(request)


def load(model: ModelInfo, plan: Plan, folder: Path) -> OpenVinoRuntime:
    """The runtime of `plan`. Raises: CacheDamaged."""
    return OpenVinoRuntime(model, plan, folder)
