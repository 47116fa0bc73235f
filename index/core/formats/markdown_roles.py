"""What a MyST role such as {ref}`title <target>` shows on the published page."""

import re

_TITLED = re.compile(r"\s*([^<>]*[^<>\s])\s*<[^<>]*>\s*", re.DOTALL)

_ICONS = (
    "octicon",
    "fa",
    "fab",
    "far",
    "fas",
    "fa-brands",
    "fa-regular",
    "fa-solid",
    "material",
)
_CALLABLES = ("func", "meth", "method", "function")
_OBJECTS = (
    *_CALLABLES,
    "class",
    "mod",
    "attr",
    "exc",
    "data",
    "obj",
    "const",
    "type",
    "cls",
    "any",
)
_PAGES = ("doc", "download", "pep", "rfc")


def role_text(name: str, content: str) -> str:
    """The readable text of a role: its title, else what its target shows by itself."""
    role = name.rpartition(":")[2].lower()
    if role in _ICONS or role.startswith("material-"):
        return ""
    if role == "abbr" or role.startswith(("math", "eq", "code")):
        return content.strip()
    titled = _TITLED.fullmatch(content)
    if titled:
        return titled[1]
    target = content.strip().removeprefix("!")
    if role in _OBJECTS:
        return _object_text(role, target)
    if role in _PAGES:
        return _page_text(role, target)
    return target.replace("-->", "\N{TRIANGULAR BULLET}") if role == "menuselection" else target


def is_code(name: str) -> bool:
    """Whether the page shows the text of a role as code."""
    role = name.rpartition(":")[2].lower()
    return role in _OBJECTS or role.startswith("code")


def _object_text(role: str, target: str) -> str:
    shown = target[1:].rpartition(".")[2] if target.startswith("~") else target.lstrip(".")
    return f"{shown}()" if role in _CALLABLES and not shown.endswith(")") else shown


def _page_text(role: str, target: str) -> str:
    return (
        f"{role.upper()} {target}"
        if role in ("pep", "rfc")
        else target.rstrip("/").rpartition("/")[2]
    )
