"""Label files on disk."""

from pathlib import Path

from eval.core.labels import MAX_FILE_BYTES, Labelled, parse_labels
from schemas.errors import BadConfiguration


def read_labels(file: Path) -> list[Labelled]:
    """The questions of a label file. Raises: BadConfiguration, naming the file and the line."""
    try:
        with file.open("rb") as opened:
            raw = opened.read(MAX_FILE_BYTES + 1)
    except OSError as error:
        raise BadConfiguration(f"{file}: {error.strerror or error}") from None
    if len(raw) > MAX_FILE_BYTES:
        raise BadConfiguration(f"{file} is larger than {MAX_FILE_BYTES:,} bytes")
    return parse_labels(raw, name=str(file))
