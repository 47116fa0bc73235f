"""A context of hostile docs, a double that obeys anything, and what a reader is left with."""

from collections.abc import Iterable, Sequence
from functools import lru_cache

from api.core.context import Block
from api.core.ground import Grounding, GroundLimits, Released
from api.core.verdict import Judge, Verdict

DATA = "https://docs.example/data.html#batches"
SERVE = "https://docs.example/serve.html"
BORNE_OUT = "Ray Data transforms batches of rows."
UNLIMITED = GroundLimits(max_withheld=1_000_000, max_withheld_share=1.0)


def hostile_blocks(text: str) -> list[Block]:
    """Two pages, one of which says `text` beside something harmless."""
    return [
        Block(1, DATA, "Ray Data", "Batches", f"{BORNE_OUT} {text}", "docs", "c0"),
        Block(2, SERVE, "Ray Serve", "", "Ray Serve deploys models behind HTTP.", "docs", "c0"),
    ]


class CachedJudge(Judge):
    """Judges each sentence once: the same text is read at every split."""

    def __init__(self, blocks: Sequence[Block], limits: GroundLimits) -> None:
        super().__init__(blocks, limits)
        self._sentence = lru_cache(maxsize=4_096)(super().sentence)
        self._heading = lru_cache(maxsize=4_096)(super().heading)

    def sentence(self, text: str) -> Verdict:
        return self._sentence(text)

    def heading(self, text: str) -> Verdict:
        return self._heading(text)


def grounding(judge: Judge, limits: GroundLimits = UNLIMITED) -> Grounding:
    return Grounding((), limits=limits, judge=judge)


def read(grounding: Grounding, pieces: Iterable[str]) -> list[Released]:
    """All that a model leaves behind which writes `pieces`."""
    released = [one for piece in pieces for one in grounding.feed(piece)]
    return [*released, *grounding.finish()]


def answer_of(released: Iterable[Released]) -> str:
    return "".join(one.text for one in released)


def cites_of(released: Iterable[Released]) -> set[int]:
    return {n for one in released for n in one.cites}
