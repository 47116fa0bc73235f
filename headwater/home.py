"""What a home tells about the other processes that use it: whether one follows, and whether anything is indexed."""

from pathlib import Path
from typing import Protocol

from headwater.settings import Settings
from index.adapters.file_lock import FileLock
from index.adapters.postgres.claim import DatabaseClaim
from index.adapters.postgres.server_place import has_data
from schemas.errors import WrongUse

_LOCK_NAME = "follow.lock"


class Claim(Protocol):
    """The claim to follow the sources of one index, which one process has at a time."""

    def take_exclusive(self, *, timeout_s: float = 0.0) -> bool:
        """Take it; False when another process had it all the time."""
        ...

    def release(self) -> None:
        """Give it back; harmless when there is none."""
        ...


def claim_of(settings: Settings) -> Claim:
    """Where processes that may share nothing but a database claim it in there, others in their home."""
    home_lock = FileLock(lock_path(settings))
    return DatabaseClaim(settings.database.url) if settings.database.url else home_lock


def lock_path(settings: Settings) -> Path:
    """The file of the claim to follow, made with its home. Raises: WrongUse when it cannot be."""
    home = Path(settings.home)
    lock = home / _LOCK_NAME
    try:
        home.mkdir(mode=0o700, parents=True, exist_ok=True)
        lock.open("a").close()
    except OSError as error:
        raise WrongUse(f"nothing can be kept in {home}: {error.strerror}") from error
    return lock


def is_followed(settings: Settings) -> bool:
    """Whether a process has the claim to follow at the moment. Raises: StoreUnavailable."""
    if settings.database.url:
        return DatabaseClaim(settings.database.url).is_taken()
    file = Path(settings.home) / _LOCK_NAME
    if not file.exists():
        return False
    lock = FileLock(file)
    is_free = lock.take_shared()
    lock.release()
    return not is_free


def has_database(settings: Settings) -> bool:
    """Whether there is a database already, as far as can be told without starting one. Raises: WrongUse."""
    home = Path(settings.home)
    try:
        return bool(settings.database.url) or has_data(home)
    except OSError as error:
        raise WrongUse(f"nothing can be read in {home}: {error.strerror}") from error


def require_index(settings: Settings) -> None:
    """Return where there may be an index to read. Raises: WrongUse, so that a question makes no database."""
    if not has_database(settings):
        raise WrongUse(f"nothing is indexed yet in {settings.home}: run `headwater index` first")
