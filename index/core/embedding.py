"""What an embedding must be: the port, the check of what comes back, and batches of like length."""

from collections.abc import Sequence
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from schemas.errors import BadVectors

_NORM_TOLERANCE = 1e-3


class Embed(Protocol):
    """Turns texts into vectors. The same text always has the same vector, to a cosine of 0.999."""

    async def __call__(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Embed texts as they are indexed; no texts yield shape (0, dim).

        Returns:
            Vectors float32, shape (n, dim), L2-normalised, in the order of texts.

        Raises: EmbedderUnavailable, BadVectors.
        """
        ...


def check_vectors(vectors: NDArray[np.float32], *, count: int, dim: int) -> None:
    """Accept only `count` finite unit vectors of length `dim`.

    Raises: BadVectors, naming the first fault found.
    """
    if vectors.dtype != np.float32:
        raise BadVectors(f"{vectors.dtype} where float32 was due")
    if vectors.shape != (count, dim):
        raise BadVectors(f"shape {vectors.shape} where ({count}, {dim}) was due")
    if not np.isfinite(vectors).all():
        raise BadVectors("a component is not a finite number")
    off = np.abs(np.linalg.norm(vectors, axis=1) - 1.0)
    if count and float(off.max()) > _NORM_TOLERANCE:
        raise BadVectors(f"the length of vector {int(off.argmax())} is not 1")


def unit_vectors(vectors: NDArray[np.floating]) -> NDArray[np.float32]:
    """Bring each row to length 1 in float32; zeros stay, for `check_vectors` to refuse."""
    rows = np.asarray(vectors, dtype=np.float32)
    norms = np.linalg.norm(rows, axis=1, keepdims=True).astype(np.float32)
    norms[norms == 0.0] = 1.0
    scaled: NDArray[np.float32] = rows / norms
    return scaled


def cosines(left: NDArray[np.float32], right: NDArray[np.float32]) -> NDArray[np.float32]:
    """The cosine of each pair of rows, shape (n,), of two arrays of unit vectors."""
    products: NDArray[np.float32] = np.einsum("ij,ij->i", left, right)
    return products


def batches_by_length(lengths: Sequence[int], size: int) -> list[list[int]]:
    """Cut positions into batches of at most `size` and of like lengths, so that little is padded.

    Returns:
        Every position once, longest first; equal lengths keep their order.
    """
    order = sorted(range(len(lengths)), key=lambda position: -lengths[position])
    return [order[start : start + size] for start in range(0, len(order), size)]
