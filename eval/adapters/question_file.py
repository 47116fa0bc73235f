"""Question files on disk."""

from collections.abc import Iterable
from pathlib import Path

import msgspec

from eval.core.retrieval import Question
from schemas.errors import BadConfiguration


def write_questions(questions: Iterable[Question], file: Path) -> None:
    """Write one `{"question", "source"}` a line: all or nothing, over what stands there. Raises: BadConfiguration."""
    lines = [
        msgspec.json.encode({"question": one.question, "source": one.source}) for one in questions
    ]
    part = file.with_name(f"{file.name}.part")
    try:
        part.write_bytes(b"".join(line + b"\n" for line in lines))
        part.replace(file)
    except OSError as error:
        raise BadConfiguration(f"{file}: {error.strerror or error}") from None
