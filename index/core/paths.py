"""Patterns of page paths, as the regular expressions that Postgres reads."""

import re
from collections.abc import Sequence

_ANYWHERE = "**"
_SPECIAL = re.compile(r"[!-/:-@\[-^`{-~]")


def path_regex(patterns: Sequence[str]) -> str:
    """An expression for all of a path that matches one of the patterns.

    `*` and `?` stay within a name, `**` as a whole part stands for any number of folders, also none. A pattern without
    them is a page, or a folder with all below it; one that ends in `/` is a folder. Everything else stands for itself,
    case included. Postgres reads such an expression from the left to the right, once.
    """
    return f"^(?:{'|'.join(_branch(pattern) for pattern in patterns)})$"


def _branch(pattern: str) -> str:
    text = pattern.removeprefix("./").lstrip("/")
    if not {"*", "?"} & set(text):
        below = "/.+" if text.endswith("/") else "(?:/.+)?"
        return _literal(text.rstrip("/")) + below
    parts = (text + _ANYWHERE if text.endswith("/") else text).split("/")
    kept = [part for n, part in enumerate(parts) if part != _ANYWHERE or parts[n - 1 : n] != [part]]
    *folders, last = kept
    head = "".join("(?:[^/]+/)*" if part == _ANYWHERE else f"{_name(part)}/" for part in folders)
    return head + (".+" if last == _ANYWHERE else _name(last))


def _name(part: str) -> str:
    """One part of a path; a run of `*` is one of them."""
    pieces = re.split(r"(\*+|\?)", part)
    return "".join({"*": "[^/]*", "?": "[^/]"}.get(one[:1], _literal(one)) for one in pieces)


def _literal(text: str) -> str:
    return _SPECIAL.sub(r"\\\g<0>", text)
