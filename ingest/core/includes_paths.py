"""Which files of the repository the name in an include may stand for, best first."""

import posixpath
import re

from ingest.core.includes_pieces import Include, Rule
from ingest.core.includes_select import snippet_path
from ingest.core.tree import MAX_PATH_BYTES

_REFUSED = re.compile(r"[\x00-\x1f\x7f\\]|^[A-Za-z][A-Za-z0-9+.-]*:|^//|^<.*>$|^~")


def candidates(include: Include, *, page: str, file: str, root: str) -> tuple[str, ...]:
    """Repository paths to look at in this order; none when the name leads out of the repository or is too long.

    Args:
        page: The page being expanded.
        file: The file the include stands in, which may be an included one.
        root: The folder of the documentation's source, where `/x` starts; "" when it is not known.
    """
    name = include.argument.strip()
    if include.rule is Rule.SNIPPET:
        name = snippet_path(name)
    if not name or not _is_short(name) or _REFUSED.search(name):
        return ()
    found = (
        _inside(folder, rest) for folder, rest in _places(include.rule, name, page, file, root)
    )
    return tuple(dict.fromkeys(path for path in found if path is not None and _is_short(path)))


def _places(rule: Rule, name: str, page: str, file: str, root: str) -> list[tuple[str, str]]:
    folder, file_folder = posixpath.dirname(page), posixpath.dirname(file)
    match rule:
        case Rule.SNIPPET:
            # Snippets start where the generator runs: the top, or the folder that holds the docs
            # folder.
            near = _down(folder) if not root else [posixpath.dirname(root), root]
            return [] if name.startswith("/") else [(place, name) for place in ["", *near]]
        case Rule.MDX:
            if name.startswith("."):
                return [(file_folder, name)]
            site = [posixpath.dirname(root), root] if root else _down(folder)
            return [(place, name.removeprefix("@site").lstrip("/")) for place in [*site, ""]]
        case Rule.SPHINX:
            if name.startswith("/"):
                return [(place, name.lstrip("/")) for place in ([root] if root else _down(folder))]
            # Sphinx starts at the page wherever the include stands, docutils at the file it stands
            # in.
            return [(folder, name), (file_folder, name)]


def _down(folder: str) -> list[str]:
    """The folders from the top down to `folder`, one of which is the root that is not known."""
    parts = folder.split("/") if folder else []
    return ["/".join(parts[:count]) for count in range(len(parts) + 1)]


def _is_short(path: str) -> bool:
    return len(path.encode()) <= MAX_PATH_BYTES


def _inside(folder: str, name: str) -> str | None:
    path = posixpath.normpath(posixpath.join(folder, name))
    return None if path in {".", ".."} or path.startswith(("../", "/")) else path
