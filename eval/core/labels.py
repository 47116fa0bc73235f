"""Questions labelled for routing, one JSON object a line."""

from collections.abc import Sequence
from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from schemas.answers import MAX_QUESTION_CHARS
from schemas.errors import BadConfiguration

MAX_FILE_BYTES = 64 * 2**20
MAX_LINES = 200_000


class Labelled(msgspec.Struct, frozen=True, kw_only=True):
    """A question, and 1 where the cheap model is enough for it or 0 where it takes the strong one.

    Other fields of a line are ignored.
    """

    question: Annotated[str, Meta(min_length=1, max_length=MAX_QUESTION_CHARS)]
    target: Literal[0, 1]


def parse_labels(raw: bytes, *, name: str) -> list[Labelled]:
    """Read every line; empty ones are skipped.

    Raises: BadConfiguration, in one line with `name` and the number of the line that is no such object.
    """
    rows: list[Labelled] = []
    decoder = msgspec.json.Decoder(Labelled)
    for number, line in enumerate(raw.removeprefix(b"\xef\xbb\xbf").split(b"\n"), 1):
        if not line.strip():
            continue
        if len(rows) == MAX_LINES:
            raise BadConfiguration(f"{name} holds more than {MAX_LINES:,} lines")
        try:
            rows.append(decoder.decode(line))
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            raise BadConfiguration(f"{name} line {number}: {error}") from None
    if not rows:
        raise BadConfiguration(f"{name} holds no question")
    return rows


def require_both(rows: Sequence[Labelled], *, least: int, name: str) -> None:
    """Raises: BadConfiguration unless each target has at least `least` distinct questions."""
    for target, told in ((1, "the cheap model is enough"), (0, "it takes the strong model")):
        count = len({row.question for row in rows if row.target == target})
        if count < least:
            raise BadConfiguration(
                f"{name} has {count} distinct questions with the target {target} ({told});"
                f" a router needs {least} of each to learn from"
            )
