"""Composed answers kept: under a key that holds all they depend on, so that none is ever out of date."""

from collections import OrderedDict
from collections.abc import Sequence
from hashlib import sha256

import msgspec

from api.core.context import Block
from api.core.ground import Released
from api.core.prompt import PROMPT_HASH
from schemas.answers import Turn

_MAX_CHARS = 20_000


def compose_key(
    question: str, past: Sequence[Turn], blocks: Sequence[Block], *, role: str, configuration: str
) -> bytes:
    """What an answer depends on: a changed page changes its block, and thereby the key.

    `configuration` stands for all settings that composing reads, and the model's name.
    """
    shown = [
        (block.n, block.url, block.title, block.section, block.text, block.source)
        for block in blocks
    ]
    turns = [(turn.question, turn.answer) for turn in past]
    whole = (PROMPT_HASH, configuration, role, question, turns, shown)
    return sha256(msgspec.msgpack.encode(whole)).digest()


class KeptAnswers:
    """At most `most` composed answers, those not used for longest dropped first."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._kept: OrderedDict[bytes, tuple[Released, ...]] = OrderedDict()

    def get(self, key: bytes) -> tuple[Released, ...] | None:
        """The pieces of the answer under this key."""
        if key in self._kept:
            self._kept.move_to_end(key)
        return self._kept.get(key)

    def put(self, key: bytes, pieces: Sequence[Released]) -> None:
        """Keep an answer, unless it is unusually long."""
        if sum(len(piece.text) for piece in pieces) > _MAX_CHARS:
            return
        self._kept[key] = tuple(pieces)
        self._kept.move_to_end(key)
        while len(self._kept) > self._most:
            self._kept.popitem(last=False)
