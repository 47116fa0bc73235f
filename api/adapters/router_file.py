"""Router files on disk."""

from pathlib import Path

import msgspec

from api.core.trained import MAX_FILE_BYTES, TrainedRouter, read_router
from api.settings import RouterSettings
from schemas.errors import BadConfiguration


def configured_router(settings: RouterSettings) -> TrainedRouter | None:
    """The trained router that is to choose, None where none is configured. Raises: BadConfiguration."""
    return load_router(Path(settings.model)) if settings.model else None


def load_router(file: Path) -> TrainedRouter:
    """Raises: BadConfiguration, in one line that names the file."""
    try:
        with file.open("rb") as opened:
            raw = opened.read(MAX_FILE_BYTES + 1)
    except OSError as error:
        raise BadConfiguration(f"{file}: {error.strerror or error}") from None
    if len(raw) > MAX_FILE_BYTES:
        raise BadConfiguration(f"{file} is larger than {MAX_FILE_BYTES:,} bytes")
    return read_router(raw, name=str(file))


def save_router(router: TrainedRouter, file: Path) -> None:
    """Write it whole or not at all, over what stands there. Raises: BadConfiguration."""
    raw = msgspec.json.format(msgspec.json.encode(router), indent=1) + b"\n"
    if len(raw) > MAX_FILE_BYTES:
        raise BadConfiguration(f"the router takes {len(raw):,} bytes, more than {MAX_FILE_BYTES:,}")
    part = file.with_name(f"{file.name}.part")
    try:
        part.write_bytes(raw)
        part.replace(file)
    except OSError as error:
        raise BadConfiguration(f"{file}: {error.strerror or error}") from None
