"""How a source's files become pages: which ones, under which path, format, dialect and address."""

import posixpath
import re
from collections.abc import Collection
from dataclasses import dataclass
from hashlib import sha256

import msgspec

from index.core.globs import Globs
from ingest.core.tree import MAX_PATH_BYTES
from ingest.core.urls import UrlPattern
from ingest.settings import SourceSettings
from schemas.formats import Dialect, format_of

_EXPANSION = "2"
"""Changes with anything in intake that alters the text, URL or set of some source's pages."""

_MARKERS = {
    Dialect.MYST: ("conf.py",),
    Dialect.MKDOCS: ("mkdocs.yml", "mkdocs.yaml"),
    Dialect.DOCUSAURUS: ("docusaurus.config.js", "docusaurus.config.ts", "docusaurus.config.mjs"),
}


@dataclass(frozen=True, slots=True)
class Layout:
    """One source's settings, ready to use. `root` has no slash at its ends; page paths are relative to it."""

    root: str
    globs: Globs
    url: UrlPattern
    settings: SourceSettings

    @staticmethod
    def of(settings: SourceSettings) -> "Layout":
        """Compile the settings of a source. Raises: BadConfiguration for a bad pattern."""
        root = settings.root.strip("/").removeprefix("./")
        root = "" if root == "." else root
        return Layout(
            root, Globs(settings.include, settings.exclude), UrlPattern(settings.url), settings
        )

    def page_path(self, path: str) -> str | None:
        """The path, relative to the root, of the page that a repository file makes; None when it makes none.

        What stands for a path that is too long for the ledger is told by `is_stand_in`.
        """
        prefix = f"{self.root}/" if self.root else ""
        relative = path.removeprefix(prefix)
        if (
            not path.startswith(prefix)
            or format_of(relative) is None
            or not self.globs.matches(relative)
        ):
            return None
        return relative if len(relative.encode()) <= MAX_PATH_BYTES else _stand_in(relative)

    def file_path(self, page_path: str) -> str:
        """The repository path of a page's own file."""
        return f"{self.root}/{page_path}" if self.root else page_path

    def marker_paths(self) -> dict[str, Dialect]:
        """Files whose presence tells the generator, nearest to the root first."""
        folders = [self.root]
        while folders[-1]:
            folders.append(folders[-1].rpartition("/")[0])
        return {
            f"{folder}/{name}" if folder else name: dialect
            for folder in folders
            for dialect, names in _MARKERS.items()
            for name in names
        }

    def dialect(self, present: Collection[str]) -> Dialect:
        """The Markdown dialect: as configured, else as the nearest of the markers that are `present` tells."""
        if self.settings.dialect is not Dialect.AUTO:
            return self.settings.dialect
        found = (dialect for path, dialect in self.marker_paths().items() if path in present)
        return next(found, Dialect.AUTO)

    def config_hash(self, dialect: Dialect) -> str:
        """A digest of everything configured that shapes pages: when it changes the whole source is listed anew."""
        shaping = (
            _EXPANSION,
            self.settings.kind,
            self.settings.location,
            self.settings.ref,
            self.root,
            self.settings.include,
            self.settings.exclude,
            self.settings.url,
            dialect,
        )
        return sha256(msgspec.json.encode(shaping)).hexdigest()


def is_stand_in(page_path: str) -> bool:
    """Tell whether a page's path may stand for one that is too long; the tree has to be asked which."""
    return _STAND_IN.search(page_path) is not None


_STAND_IN = re.compile(r"…[0-9a-f]{64}(?=\.[a-z]+$)")
_SHOWN_CHARS = 60


def _stand_in(path: str) -> str:
    """The beginning of a path, with a digest of all of it, and its suffix, which tells the format."""
    digest = sha256(path.encode()).hexdigest()
    return f"{path[:_SHOWN_CHARS]}…{digest}{posixpath.splitext(path)[1].lower()}"
