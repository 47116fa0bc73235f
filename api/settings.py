"""The settings of answering and of its HTTP surface."""

from typing import Annotated

import msgspec
from msgspec import Meta

from schemas.answers import MAX_K


class AnswerSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How answers are made.

    `k` chunks are retrieved where a request names no number. Evidence below `refuse_below` (a
    share, 0 to 1) makes a refusal. A quoted answer holds at most `max_sentences` (items and rows
    too) in `max_chars`, or a single one of up to 600; one code block may come on top.
    """

    k: Annotated[int, Meta(ge=1, le=MAX_K)] = 7
    refuse_below: Annotated[float, Meta(ge=0, le=1)] = 0.31
    max_sentences: Annotated[int, Meta(ge=1, le=20)] = 4
    max_chars: Annotated[int, Meta(ge=100, le=5_000)] = 700


class ApiSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Where the API listens, and the names it answers to beside the loopback ones."""

    host: str = "127.0.0.1"
    port: Annotated[int, Meta(ge=0, le=65_535)] = 8000
    hosts: tuple[str, ...] = ()
