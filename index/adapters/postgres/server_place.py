"""Where the database of a home lives, and the record in the home that finds it again."""

import os
import secrets
import shutil
import stat
import tempfile
from collections.abc import Iterator
from pathlib import Path

import msgspec

from index.adapters.postgres.server_install import SYSTEM_FOLDER, Installation, Say, refusal
from schemas.errors import WrongUse

SOCKET_NAME = ".s.PGSQL.5432"

_RECORD_NAME = "postgres.json"
_MAX_SOCKET_PATH_BYTES = 103  # the smallest limit there is; Linux alone would take 107
_ORPHAN_AGE_S = 7 * 86_400.0


class Record(msgspec.Struct, frozen=True, kw_only=True):
    """What a home knows of its database. `home` tells a moved or copied home from the original."""

    home: str
    folder: str
    sockets: str
    password: str

    def __repr__(self) -> str:
        return f"Record(home={self.home!r}, folder={self.folder!r}, password=***)"


def read_record(home: Path) -> Record | None:
    """The record of `home`, None before its first start.

    Raises: WrongUse when it is damaged or belongs to another user.
    """
    path = home / _RECORD_NAME
    try:
        if path.stat().st_uid != os.geteuid():
            raise refusal(f"of {home} belongs to another user")
        return msgspec.json.decode(path.read_bytes(), type=Record)
    except FileNotFoundError:
        return None
    except msgspec.DecodeError as exc:
        raise refusal(f"cannot be found again: {path} is damaged") from exc


def has_data(home: Path) -> bool:
    """Whether this home has a database. Raises: OSError where that cannot be read, WrongUse as `read_record`."""
    record = read_record(home)
    return record is not None and (Path(record.folder) / "data" / "PG_VERSION").exists()


def settle(home: Path, installation: Installation, *, is_alone: bool, say: Say) -> Record:
    """Find or make the place of this home's database, and write it down before it is used.

    As an ordinary user that is the home itself. As root it is a folder of the system user, who
    may be unable to reach the home. Called again it returns the same record.

    Args:
        is_alone: No other process uses the database; otherwise no new place may be taken.
    """
    old = read_record(home)
    if installation.account is None:
        folder = _folder_inside(home, old)
    else:
        folder = _known_folder(home, old, is_alone=is_alone, say=say) or _new_folder(installation)
        _marker(folder).write_text(str(home))  # its time says when the database was last in use
    known_sockets = Path(old.sockets) if old and old.home == str(home) else None
    record = Record(
        home=str(home),
        folder=str(folder),
        sockets=str(_sockets(folder, known_sockets, installation)),
        password=old.password if old else secrets.token_urlsafe(32),
    )
    if record != old:
        _write_record(home, record)
    return record


def find_orphans(now_s: float) -> Iterator[Path]:
    """Folders whose home no longer points at them, unused for a week: it may just have moved.

    Args:
        now_s: Seconds since the epoch.
    """
    for folder in SYSTEM_FOLDER.glob("db-*"):
        marker = _marker(folder)
        if folder.suffix or not folder.is_dir():
            continue
        last_used_s = (marker if marker.exists() else folder).stat().st_mtime
        home = Path(marker.read_text()) if marker.exists() else None
        if now_s - last_used_s > _ORPHAN_AGE_S and not (home and _points_at(home, folder)):
            yield folder


def remove_place(folder: Path) -> None:
    """Delete a database, for ever; its server must be down."""
    shutil.rmtree(folder, ignore_errors=True)
    if folder.parent == SYSTEM_FOLDER:
        _marker(folder).unlink(missing_ok=True)


def remove_record(home: Path) -> None:
    """Make the home forget its database."""
    (home / _RECORD_NAME).unlink(missing_ok=True)


def _folder_inside(home: Path, old: Record | None) -> Path:
    folder = home / "postgres"
    if old is None and (folder / "data").exists():
        raise refusal(f"of {home} cannot be opened: {_RECORD_NAME}, with its password, is missing")
    folder.mkdir(mode=0o700, exist_ok=True)
    return folder


def _known_folder(home: Path, old: Record | None, *, is_alone: bool, say: Say) -> Path | None:
    if old is None:
        return None
    folder = Path(old.folder)
    if old.home != str(home) and _points_at(Path(old.home), folder):
        say(f"{home} is a copy of {old.home}: it gets an empty database of its own.")
        return None
    if folder.is_dir():
        return folder
    if not is_alone:
        raise refusal(f"of {home} is in use in another container or on another machine")
    say(f"The database in {folder} is gone: starting with an empty one.")
    return None


def _new_folder(installation: Installation) -> Path:
    # A random name: a home that was deleted and made anew must not find the old one's data.
    folder = Path(tempfile.mkdtemp(prefix="db-", dir=SYSTEM_FOLDER))
    installation.hand_over(folder)
    return folder


def _points_at(home: Path, folder: Path) -> bool:
    """Whether the record of `home` names `folder`; what cannot be read counts as doing so."""
    try:
        record = read_record(home)
    except (WrongUse, OSError):
        return True
    return record is not None and record.folder == str(folder)


def _marker(folder: Path) -> Path:
    return folder.with_name(folder.name + ".home")


def _sockets(folder: Path, known: Path | None, installation: Installation) -> Path:
    """A private folder for the socket: inside if its path is fit, else a fresh one in /tmp.

    Not XDG_RUNTIME_DIR: that ends with the login, and a server may outlive it.
    """
    inside = folder / "socket"
    if _is_fit(inside):
        if not inside.is_dir():
            inside.mkdir(mode=0o700)
            installation.hand_over(inside)
        return inside
    if known is not None and _is_private(known):
        return known
    return Path(tempfile.mkdtemp(prefix="headwater-", dir="/tmp"))


def _is_fit(sockets: Path) -> bool:
    text = str(sockets / SOCKET_NAME)
    # libpq and Postgres both split a list of folders at commas, and Postgres unquotes.
    is_plain = text.isprintable() and not set(text) & set(",\"'\\")
    return is_plain and len(os.fsencode(text)) <= _MAX_SOCKET_PATH_BYTES


def _is_private(folder: Path) -> bool:
    try:
        found = folder.lstat()
    except OSError:
        return False
    is_ours = found.st_uid == os.geteuid() and stat.S_IMODE(found.st_mode) == 0o700
    return is_ours and stat.S_ISDIR(found.st_mode)


def _write_record(home: Path, record: Record) -> None:
    draft_fd, draft = tempfile.mkstemp(prefix=f".{_RECORD_NAME}-", dir=home)  # mode 0600
    with os.fdopen(draft_fd, "wb") as file:
        file.write(msgspec.json.format(msgspec.json.encode(record)))
        file.flush()
        os.fsync(file.fileno())
    os.replace(draft, home / _RECORD_NAME)
