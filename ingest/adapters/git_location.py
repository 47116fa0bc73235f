"""Which places and refs git may be asked for: everything else is refused before a process starts."""

import re
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from urllib.parse import urlsplit

from schemas.errors import BadSource


class PlaceKind(StrEnum):
    """How a repository is reached."""

    REMOTE = "remote"
    FOLDER = "folder"
    BUNDLE = "bundle"


@dataclass(frozen=True, slots=True)
class Place:
    """A checked location in the form that git is given."""

    kind: PlaceKind
    url: str


_SCHEMES = frozenset({"https", "http", "ssh", "git"})
_HOST = re.compile(r"[A-Za-z0-9_]([A-Za-z0-9_.-]*[A-Za-z0-9_])?|\[[0-9A-Fa-f:.]+\]")
_USER = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.+-]*")
_SCP = re.compile(
    r"(?:(?P<user>[^@:/\s]+)@)?(?P<host>[^:/@\s]+|\[[0-9A-Fa-f:.]+\]):(?P<path>[^\s].*)"
)
_BAD_REF = re.compile(r"[\x00-\x20\x7f~^:?*\[\\]|\.\.|@\{|//|/\.|^[-/.+]|[/.]$|\.lock(/|$)|^@$")
COMMIT = re.compile(r"[0-9a-f]{40}|[0-9a-f]{64}")


def place_of(location: str, *, name: str) -> Place:
    """Check where a repository is. Raises: BadSource, naming what is wrong and never a password."""
    if not location.strip() or re.search(r"[\x00-\x1f\x7f]", location):
        raise BadSource(name, "the location is empty or holds control characters")
    if location.startswith("-"):
        raise BadSource(name, "the location starts with a dash")
    if re.match(r"[\w+.-]+://", location):
        return _url(location, name)
    if re.match(r"[\w+.-]+::", location):
        raise BadSource(name, f"transport helpers such as {location.split('::')[0]}:: are refused")
    path = _expanded(location, name)
    if "://" not in location and not path.exists() and (scp := _SCP.fullmatch(location)):
        return _scp(location, scp, name)
    return _path(path, name)


def _expanded(location: str, name: str) -> Path:
    try:
        path = Path(location).expanduser()
        path.exists()
    except (OSError, RuntimeError) as exc:  # too long a name, or a user who is not there
        raise BadSource(name, f"{location[:80]} can be no path: {exc}") from exc
    return path


def check_ref(ref: str | None, *, name: str) -> None:
    """Check a branch, tag or commit name by git's own rules. Raises: BadSource."""
    if ref is not None and (not ref or _BAD_REF.search(ref)):
        raise BadSource(name, f"{ref!r} is no name of a branch, tag or commit")


def _url(location: str, name: str) -> Place:
    try:
        url = urlsplit(location)
        _ = url.port
    except ValueError as exc:
        raise BadSource(name, "the location is no URL") from exc
    if url.scheme not in _SCHEMES:
        known = ", ".join(sorted(_SCHEMES))
        raise BadSource(
            name, f"{url.scheme}:// is refused; {known}, a path or a bundle file may be read"
        )
    if not _HOST.fullmatch(_host(url.netloc)) or (url.username or "_").startswith("-"):
        raise BadSource(name, "the URL has no host that can be asked")
    if re.search(r"\s", location) or url.path.startswith("/-"):
        raise BadSource(name, "the URL's path holds blanks or starts with a dash")
    return Place(PlaceKind.REMOTE, location)


def _host(netloc: str) -> str:
    return re.sub(r":\d*$", "", netloc.rsplit("@", 1)[-1])


def _scp(location: str, parts: re.Match[str], name: str) -> Place:
    user, host, path = parts["user"] or "_", parts["host"], parts["path"]
    if not _USER.fullmatch(user) or not _HOST.fullmatch(host) or path.startswith(("-", ":")):
        raise BadSource(name, "the location is neither a path that exists nor user@host:path")
    return Place(PlaceKind.REMOTE, location)


def _path(path: Path, name: str) -> Place:
    """An absolute path, so that no colon or dash in it is ever taken for something else."""
    try:
        absolute = path.resolve(strict=True)
    except FileNotFoundError as exc:
        raise BadSource(name, f"there is no file or folder {path}") from exc
    except (OSError, RuntimeError) as exc:
        raise BadSource(name, f"{path} cannot be read") from exc
    return Place(PlaceKind.FOLDER if absolute.is_dir() else PlaceKind.BUNDLE, str(absolute))
