"""The sources that a command line has named, kept in the home: `headwater verify` needs them, and no file has them."""

import os
from pathlib import Path
from uuid import uuid4

import msgspec

from headwater.home import lock_path
from headwater.settings import Settings
from ingest.adapters.folder import at_home
from ingest.settings import SourceSettings

_FILE_NAME = "sources.json"


def remember_sources(settings: Settings) -> None:
    """Keep these sources for later commands of this home, over older ones of the same names. Raises: WrongUse."""
    file = lock_path(settings).with_name(_FILE_NAME)
    kept = {source.name: source for source in remembered_sources(settings)}
    kept |= {source.name: _placed(source) for source in settings.source}
    fresh = file.with_name(f"{_FILE_NAME}.{uuid4().hex}")
    fresh.touch(mode=0o600)  # an address may hold a password
    fresh.write_bytes(msgspec.json.encode(list(kept.values())))
    os.replace(fresh, file)


def remembered_sources(settings: Settings) -> tuple[SourceSettings, ...]:
    """Those sources, in the order in which they came first; none where nothing readable is kept."""
    try:
        told = (Path(settings.home) / _FILE_NAME).read_bytes()
        return msgspec.json.decode(told, type=tuple[SourceSettings, ...])
    except (OSError, msgspec.MsgspecError):
        return ()


def _placed(source: SourceSettings) -> SourceSettings:
    """A path that is there by its absolute name: later commands may run elsewhere."""
    try:
        path = at_home(Path(source.location))
        location = str(path.resolve()) if path.exists() else source.location
    except (OSError, ValueError):  # no path at all, such as one of 300 letters
        return source
    return msgspec.structs.replace(source, location=location)
