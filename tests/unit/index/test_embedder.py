"""Laws of the embedder over any runtime: whose turn it is, and what a runtime may not answer."""

import asyncio
import threading
from collections.abc import Callable, Sequence

import numpy as np
import pytest
from numpy.typing import NDArray

from index.adapters.embed.choice import Plan
from index.adapters.embed.embedder import Embedder
from index.adapters.embed.hashed import HashedEmbedder
from schemas.errors import BadVectors, EmbedderUnavailable

MODEL = HashedEmbedder(dim=384).model


class Told:
    """A runtime that answers as it is told, on one lane and two texts at a time."""

    plan = Plan("torch", "f32", 2, 1, 1)

    def __init__(self, answer: Callable[[Sequence[str]], NDArray[np.float32]]) -> None:
        self._answer = answer

    def encode(self, texts: Sequence[str], *, is_query: bool) -> NDArray[np.float32]:
        return self._answer(texts)


def test_a_question_goes_before_all_batches_that_have_not_begun() -> None:
    order, may_go = list[str](), threading.Event()

    def answer(texts: Sequence[str]) -> NDArray[np.float32]:
        may_go.wait(10)
        order.append(texts[0])
        return np.eye(len(texts), 384, dtype=np.float32)

    async def ask_while_indexing() -> None:
        async with Embedder(MODEL, Told(answer)) as embedder:
            indexing = asyncio.ensure_future(embedder.embed_texts(["batch"] * 8))
            await asyncio.sleep(0)  # queues the batches, of which the lane takes at most one
            question = asyncio.ensure_future(embedder.embed_query("question"))
            await asyncio.sleep(0)
            may_go.set()
            await asyncio.wait([indexing, question])

    asyncio.run(ask_while_indexing())

    assert order.index("question") <= 1
    assert len(order) == 5


def test_cancelled_indexing_drops_what_has_not_begun() -> None:
    begun, may_go = list[str](), threading.Event()

    def answer(texts: Sequence[str]) -> NDArray[np.float32]:
        begun.extend(texts)
        may_go.wait(10)
        return np.eye(len(texts), 384, dtype=np.float32)

    async def cancel_while_indexing() -> None:
        async with Embedder(MODEL, Told(answer)) as embedder:
            indexing = asyncio.ensure_future(embedder.embed_texts(["text"] * 8))
            await asyncio.sleep(0)
            indexing.cancel()
            await asyncio.wait([indexing])
            may_go.set()

    asyncio.run(cancel_while_indexing())

    assert len(begun) <= 2


@pytest.mark.parametrize("bad", [None, 0, 3, 6])
def test_a_text_that_always_fails_is_found_and_blamed_alone(bad: int | None) -> None:
    texts = [f"text {number}" for number in range(7)]

    def answer(asked: Sequence[str]) -> NDArray[np.float32]:
        if bad is None or texts[bad] in asked:
            raise RuntimeError("the device gave up")
        return np.eye(len(asked), 384, dtype=np.float32)

    embedder = Embedder(MODEL, Told(answer))

    with pytest.raises(EmbedderUnavailable if bad is None else BadVectors) as caught:
        asyncio.run(embedder(texts))

    assert bad is None or texts[bad] in str(caught.value)
    embedder.close()


def test_a_batch_that_is_too_much_at_once_is_embedded_in_parts() -> None:
    def answer(asked: Sequence[str]) -> NDArray[np.float32]:
        if len(asked) > 1:
            raise MemoryError
        return np.eye(384, dtype=np.float32)[[len(asked[0])]]

    embedder = Embedder(MODEL, Told(answer))

    vectors = asyncio.run(embedder(["a", "bcd", "ef"]))

    assert vectors.argmax(axis=1).tolist() == [1, 3, 2]
    embedder.close()


def run_out_of_memory(texts: Sequence[str]) -> NDArray[np.float32]:
    raise MemoryError("no more")


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        (run_out_of_memory, EmbedderUnavailable),
        (lambda texts: np.zeros((2, 384), dtype=np.float32), BadVectors),
        (lambda texts: np.full((2, 384), np.nan, dtype=np.float32), BadVectors),
        (lambda texts: np.eye(1, 384, dtype=np.float32), BadVectors),
    ],
)
def test_what_a_runtime_does_wrong_is_named(
    answer: Callable[[Sequence[str]], NDArray[np.float32]],
    error: type[Exception],
) -> None:
    embedder = Embedder(MODEL, Told(answer))

    with pytest.raises(error):
        asyncio.run(embedder(["a", "b"]))

    embedder.close()
