"""A page's tree with the furniture gone: paragraphs, and the few elements that shape them."""

from dataclasses import dataclass, field
from enum import Enum, auto


class Kind(Enum):
    """What an element does to the text in it."""

    GROUP = auto()
    HEADER = auto()
    HEADING = auto()
    LIST = auto()
    ITEM = auto()
    CODE = auto()
    TABLE = auto()
    ROW = auto()
    CELL = auto()
    ADMONITION = auto()
    TERMS = auto()
    TERM = auto()
    DEFINITION = auto()


@dataclass(slots=True, eq=False)
class Element:
    """An element of the pruned tree; a string among `children` is one paragraph, never empty.

    `ident` is its id, `spare` an id that stands so near that it serves as well. `splits` says that
    a section starts somewhere in it, `is_object` that a list or a term describes an object of a
    program, which the page shows as `name`.
    """

    kind: Kind
    ident: str = ""
    spare: str = ""
    level: int = 0
    name: str = ""
    splits: bool = False
    is_object: bool = False
    has_navigation: bool = False
    children: list["Element | str"] = field(default_factory=list)
