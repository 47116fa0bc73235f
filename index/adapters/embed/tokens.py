"""Texts as a model's tokenizer cuts them, from its tokenizer.json alone."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from tokenizers import Encoding, Tokenizer

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

_KEPT_CHARS = 8_000_000
"""Texts of so many characters together are remembered with their counts."""


class TokenCounter:
    """Counts the tokens a text takes in the window; cheap enough for every small process.

    An edit leaves most of a page as it was: counts are remembered, which spares a fifth of what reading it costs.
    """

    def __init__(self, file: Path) -> None:
        """Take `file` (a tokenizer.json)."""
        self._tokenizer = Tokenizer.from_file(str(file))
        self._tokenizer.no_truncation()  # the file may carry settings of its training
        self._tokenizer.no_padding()
        self._counts: dict[str, int] = {}
        self._kept_chars = 0

    def count(self, texts: Sequence[str]) -> list[int]:
        """Tokens of each text with the special ones, nothing cut off."""
        counts = {text: self._counts[text] for text in texts if text in self._counts}
        new = [text for text in dict.fromkeys(texts) if text not in counts]
        if new:
            encoded = self._tokenizer.encode_batch_fast(new)
            fresh = {text: len(one.ids) for text, one in zip(new, encoded, strict=True)}
            counts |= fresh
            self._remember(fresh)
        return [counts[text] for text in texts]

    def _remember(self, counts: dict[str, int]) -> None:
        if self._kept_chars > _KEPT_CHARS:
            self._counts, self._kept_chars = {}, 0
        self._counts |= counts
        self._kept_chars += sum(map(len, counts))


class Tokeniser:
    """Turns texts into the arrays that a model's graph takes."""

    def __init__(self, file: Path, *, max_tokens: int) -> None:
        self._tokenizer = Tokenizer.from_file(str(file))
        self._tokenizer.no_padding()
        self._tokenizer.enable_truncation(max_tokens)

    def encode(self, texts: Sequence[str]) -> "tuple[NDArray[np.int64], NDArray[np.int64]]":
        """Ids and attention mask, int64, shape (n, tokens of the longest text), cut at the window.

        Padding is id 0 under a mask of 0, so what stands there has no weight.
        """
        import numpy as np  # here, since processes that only count have no use for it

        encoded: list[Encoding] = self._tokenizer.encode_batch_fast(list(texts))
        width = max((len(encoding.ids) for encoding in encoded), default=0)
        ids = np.zeros((len(encoded), width), dtype=np.int64)
        mask = np.zeros_like(ids)
        for row, encoding in enumerate(encoded):
            ids[row, : len(encoding.ids)] = encoding.ids
            mask[row, : len(encoding.ids)] = 1
        return ids, mask
