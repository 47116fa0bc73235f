"""What a page's text is made of once its includes are found: plain pieces, and includes to fill in."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum

from schemas.formats import Format


class Rule(StrEnum):
    """How the name in an include becomes a path."""

    SPHINX = "sphinx"
    SNIPPET = "snippet"
    MDX = "mdx"


class Kind(StrEnum):
    """What becomes of the file's text."""

    TEXT = "text"
    """It is text of the page, blocks of its own."""
    CODE = "code"
    """It becomes one code block."""
    PLACED = "placed"
    """It is put where the include stands, as it is."""


@dataclass(frozen=True, slots=True)
class Include:
    """One include in a page.

    `lead` is what stands before it on its first line (indent, quote marks, bullet); all further lines get its
    width. `syntax` is the markup around it, which in an `eval-rst` block is not the page's. `in_code` marks a
    place inside a code block, where only text may be put.
    """

    argument: str
    rule: Rule
    kind: Kind
    syntax: Format
    lead: str = ""
    options: Mapping[str, str] = field(default_factory=dict)
    in_code: bool = False


Pieces = list[str | Include]
"""A text in order; joined with every include filled in it is the expanded page."""


def continuation_of(lead: str) -> str:
    """What later lines stand behind: quote marks stay, a bullet becomes blanks."""
    return re.sub(r"[^>\s]", " ", lead)


def options_of(lines: Sequence[str]) -> dict[str, str]:
    """Read `:name: value` lines; what is indented below one belongs to it."""
    options: dict[str, str] = {}
    name = ""
    for line in lines:
        if found := _OPTION.fullmatch(line.strip()):
            name = found["name"]
            options[name] = (found["value"] or "").strip()
        elif name and line.strip():
            options[name] = f"{options[name]} {line.strip()}".strip()
    return options


def is_option(line: str) -> bool:
    """Tell whether the line gives an option of a directive."""
    return _OPTION.fullmatch(line.strip()) is not None


_OPTION = re.compile(r":(?P<name>[A-Za-z][\w-]*):(?:\s+(?P<value>.*))?")
