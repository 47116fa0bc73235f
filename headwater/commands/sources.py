"""The sources that the command line names, in place of the configured ones."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import msgspec

from headwater.console import say
from headwater.settings import Settings, check_names
from ingest.settings import SourceKind, SourceSettings
from schemas.errors import BadConfiguration


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceOptions:
    """What the command line says of its sources; None and "" where it says nothing."""

    locations: Sequence[str] | None
    name: str | None
    kind: SourceKind | None
    ref: str
    root: str
    include: Sequence[str] | None
    exclude: Sequence[str] | None
    url: str


def with_sources(settings: Settings, options: SourceOptions, *, may_lack: bool = False) -> Settings:
    """The settings with the command line's sources instead of the configured ones, if it names any.

    Raises: BadConfiguration when there is no source at all unless there `may_lack` one, or one name for several
    locations.
    """
    locations = options.locations or ()
    if not locations:
        if not settings.source and not may_lack:
            raise BadConfiguration(
                "no source: name a location, or write a headwater.toml with [[source]]"
            )
        return settings
    if options.name is not None and len(locations) > 1:
        raise BadConfiguration("--name goes with one location only")
    sources = tuple(_source(location, options) for location in locations)
    check_names(sources)
    return msgspec.structs.replace(settings, source=sources)


def _source(location: str, options: SourceOptions) -> SourceSettings:
    settings = SourceSettings(
        name=_name_of(location) if options.name is None else options.name,
        kind=options.kind or _kind_of(location),
        location=location,
        ref=options.ref,
        root=options.root,
        exclude=tuple(options.exclude or ()),
        url=options.url,
    )
    if not options.include:
        return settings
    return msgspec.structs.replace(settings, include=tuple(options.include))


def _kind_of(location: str) -> SourceKind:
    """A folder that is no repository is followed as a folder; everything else is git's to judge."""
    try:
        path = Path(location).expanduser()
        if not path.is_dir() or _is_repository(path):
            return SourceKind.GIT
        around = next(filter(_is_repository, path.resolve().parents), None)
    except (OSError, ValueError, RuntimeError):  # no path at all, such as one of 300 letters
        return SourceKind.GIT
    if around is not None:
        below = path.resolve().relative_to(around)
        say(
            f"{location} is inside the git repository {around}: following its files as they are;"
            f" to follow commits name {around} with --root {below}"
        )
    return SourceKind.FOLDER


def _is_repository(path: Path) -> bool:
    return (path / ".git").exists() or (path / "HEAD").is_file()


def _name_of(location: str) -> str:
    stem = location.rstrip("/").rsplit("/", 1)[-1].rsplit(":", 1)[-1]
    name = stem.removesuffix(".git").removesuffix(".bundle")
    return (
        name
        if name not in ("", ".", "..")
        else Path(location).expanduser().resolve().name or "docs"
    )
