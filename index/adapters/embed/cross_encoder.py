"""Scoring a question against texts with a sentence-transformers cross-encoder. Importing this imports torch."""

import asyncio
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from sentence_transformers import CrossEncoder
from transformers.utils import logging

from index.adapters.embed.in_thread import in_daemon_thread
from index.adapters.embed.torch_runtime import find_device
from schemas.errors import BadConfiguration, RerankerUnavailable

_AT_MOST_S = 600.0
_BATCH = 16


class TextScorer:
    """Scores pairs of a question and a text, one call at a time, in a thread."""

    def __init__(self, model: CrossEncoder) -> None:
        self._model = model
        self._turn = asyncio.Lock()

    async def scores(self, question: str, texts: Sequence[str]) -> NDArray[np.float32]:
        """The higher, the better; float32, shape (n_texts,). Raises: RerankerUnavailable.

        A caller that stops waiting leaves the thread at work, and the next one waits until it is done, so that calls do
        not pile up.
        """
        await self._turn.acquire()
        call = asyncio.ensure_future(
            in_daemon_thread(lambda: self._predict(question, texts), timeout_s=_AT_MOST_S)
        )
        call.add_done_callback(self._end)
        return await asyncio.shield(call)

    def _end(self, call: "asyncio.Future[NDArray[np.float32]]") -> None:
        self._turn.release()
        if not call.cancelled():
            call.exception()  # looked at: whoever waited for it may have gone

    def _predict(self, question: str, texts: Sequence[str]) -> NDArray[np.float32]:
        try:
            told = self._model.predict(
                [(question, text) for text in texts], batch_size=_BATCH, show_progress_bar=False
            )
        except (RuntimeError, ValueError, IndexError) as error:  # out of memory, a token unheard of
            raise RerankerUnavailable(str(error).splitlines()[0]) from error
        scores = np.asarray(told, dtype=np.float32)
        if scores.shape != (len(texts),) or not np.isfinite(scores).all():
            raise RerankerUnavailable("the cross-encoder gives no number for a text")
        return scores


def load_scorer(name: str, *, device: str, cache_dir: Path) -> TextScorer:
    """The cross-encoder in a folder, or of that name at the hub: safetensors, and no code of its own.

    Raises: BadConfiguration where it cannot be loaded.
    """
    logging.disable_progress_bar()  # type: ignore[no-untyped-call]  # it would draw over our lines
    is_folder = Path(name).is_dir()
    try:
        model = CrossEncoder(
            name,
            device=find_device(device),
            trust_remote_code=False,
            local_files_only=is_folder,
            cache_folder=None if is_folder else str(cache_dir / "cross-encoders"),
            model_kwargs={"use_safetensors": True},
        )
    except BadConfiguration:
        raise
    except Exception as error:  # whatever a library finds wrong with the files of a model
        reason = (str(error).splitlines() or [type(error).__name__])[0]
        raise BadConfiguration(f"cross-encoder {name} cannot be loaded: {reason}") from error
    if model.num_labels != 1:
        raise BadConfiguration(f"cross-encoder {name} tells {model.num_labels} numbers, not one")
    return TextScorer(model)
