"""Under which URL a file is published."""

import posixpath
import re
from urllib.parse import quote, urlsplit

from schemas.errors import BadConfiguration

DEFAULT_PATTERN = "{path}"
"""Where no site is named, a page is known by its path."""

_PLACEHOLDER = re.compile(r"\{([^{}]*)\}")
_KNOWN = frozenset({"path", "stem", "dir", "pretty"})
_INDEX_STEMS = frozenset({"index", "readme"})
_SAFE = "/~!$&'()*+,;=:@-._"


class UrlPattern:
    """Turns a path relative to the source's root into its URL.

    `{path}` is the path, `{stem}` the path without its suffix, `{dir}` its folder, `{pretty}` the directory
    style: `a/index.md`, `a/README.md` and `a.md` are all `a/`. Odd characters are percent-encoded.

    Raises: BadConfiguration for a placeholder that is unknown or unbalanced, or when none tells pages apart.
    """

    __slots__ = ("_pattern",)

    def __init__(self, pattern: str | None = None) -> None:
        self._pattern = _checked((pattern or DEFAULT_PATTERN).strip())

    def url_of(self, path: str) -> str:
        """The URL of the file at `path`. An empty folder or page name leaves no double slash behind."""
        return _fill(self._pattern, _values(path))

    def url_with_slug(self, path: str, slug: str) -> str:
        """The URL of a file whose front matter asks for `slug`, as Docusaurus reads it.

        A slug that starts with `/` stands for the whole path below the site's base; another one replaces the
        last part. A slug that is a URL of the same site is taken as it is, one of another site is not
        believed.
        """
        if re.match(r"[A-Za-z][A-Za-z0-9+.-]*:|//", slug):
            return slug if self._is_own(slug) else self.url_of(path)
        folder = "" if slug.startswith("/") else posixpath.dirname(path)
        parts = posixpath.normpath("/" + posixpath.join(folder, slug.strip("/"))).strip("/")
        return self._base() + quote(parts, safe=_SAFE) + self._ending(parts)

    def _is_own(self, address: str) -> bool:
        try:
            own, asked = urlsplit(self._pattern), urlsplit(address)
        except ValueError:  # such as a bracket that never closes
            return False
        return bool(asked.netloc) and (own.scheme, own.netloc) == (asked.scheme, asked.netloc)

    def _base(self) -> str:
        return self._pattern[: self._pattern.index("{")]

    def _ending(self, parts: str) -> str:
        """What the pattern puts after a page's name, unless the slug names the site's top."""
        if not parts:
            return ""
        if "{pretty}" in self._pattern:
            return "/"
        return self._pattern[self._pattern.rindex("}") + 1 :] if "{stem}" in self._pattern else ""


def _checked(pattern: str) -> str:
    names = _PLACEHOLDER.findall(pattern)
    if unknown := [name for name in names if name not in _KNOWN]:
        raise BadConfiguration(
            f"url has the unknown placeholder {{{unknown[0]}}}; known are {{path}}, {{stem}}, {{dir}} and {{pretty}}"
        )
    if {"{", "}"} & set(_PLACEHOLDER.sub("", pattern)):
        raise BadConfiguration(f"url {pattern!r} has a brace without its partner")
    if not {"path", "stem", "pretty"} & set(names):
        raise BadConfiguration(
            "url gives every page the same address: it needs {path}, {stem} or {pretty}"
        )
    return pattern


def _values(path: str) -> dict[str, str]:
    stem = path[: -len(suffix)] if (suffix := posixpath.splitext(path)[1]) else path
    folder, name = posixpath.split(stem)
    is_index = name.lower() in _INDEX_STEMS
    pretty = folder if is_index else stem
    values = {"path": path, "stem": stem, "dir": folder, "pretty": f"{pretty}/" if pretty else ""}
    return {key: quote(value, safe=_SAFE) for key, value in values.items()}


def _fill(pattern: str, values: dict[str, str]) -> str:
    """Put the values in; a value that is empty, or ends in a slash, takes the pattern's next slash with it."""
    out = ""
    at = 0
    for found in _PLACEHOLDER.finditer(pattern):
        out += pattern[at : found.start()] + values[found[1]]
        at = found.end()
        if pattern.startswith("/", at) and out.endswith("/"):
            at += 1
    return out + pattern[at:]
