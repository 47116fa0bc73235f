"""What a reader sees of reStructuredText inline markup when no reference can be resolved."""

import re
from collections.abc import Callable, Iterator
from functools import cache
from types import SimpleNamespace

from docutils import nodes
from docutils.parsers.rst.states import Inliner

MAX_INLINE = 5_000
"""Characters parsed at once: docutils copies the rest of the text at every piece of markup it finds."""

_TITLED = re.compile(r"(.+?)\s*(?<!\x00)<([^<]*?)>", re.DOTALL)
_VERBATIM = frozenset({"code", "math", "literal", "eq"})
_ICONS = frozenset(
    {
        "octicon",
        "fa",
        "fab",
        "fas",
        "far",
        "material-outlined",
        "material-regular",
        "material-round",
    }
)
_SHOWN_AS_CODE = frozenset(
    """
    any attr class code const data envvar exc file func literal meth mod obj option samp type
    """.split()  # noqa: SIM905 - a table of words reads better as text
)
_CALLS = frozenset({"func", "meth", "py:func", "py:meth"})
_PLAIN = re.compile(
    "abbr|abbreviation|acronym|b|command|del|dfn|emphasis|i|ins|kbd|mailheader|makevar|manpage|mark|mimetype"
    "|newsgroup|program|regexp|strong|sub|subscript|sup|superscript|t|title|title-reference"
)


class PlainInliner(Inliner):
    """docutils' inline parser, with roles that belong to one page instead of a registry of the process."""

    def __init__(self) -> None:
        super().__init__()
        self.default_role = ""
        self.aliases: dict[str, str] = {}

    def init_customizations(self, settings: object) -> None:
        """Take docutils' compiled patterns, which hold no state; the settings they depend on never change.

        Bare addresses are not looked for: linked or not, they read the same.
        """
        self.patterns = _patterns()

    def parse(
        self, text: str, lineno: int, memo: SimpleNamespace, parent: nodes.Element
    ) -> tuple[list[nodes.Node], list[nodes.system_message]]:
        if len(text) <= MAX_INLINE:
            return super().parse(text, lineno, memo, parent)
        found: list[nodes.Node] = []
        messages: list[nodes.system_message] = []
        for piece in _pieces(text):
            more, notes = super().parse(piece, lineno, memo, parent)
            found += more
            messages += notes
        return found, messages

    def interpreted(
        self, rawsource: str, text: str, role: str, lineno: int
    ) -> tuple[list[nodes.Node], list[nodes.system_message]]:
        role = self.aliased(role or self.default_role)
        if role == "raw":
            return [nodes.raw(rawsource, text.replace("\x00", "\\"), format="html")], []
        kind = nodes.literal if is_code(role) else nodes.inline
        return [kind(rawsource, shown(role, text))], []

    def aliased(self, role: str) -> str:
        """The role that `role` was derived from on this page, or itself."""
        return self.aliases.get(role.lower(), role.lower())


@cache
def _patterns() -> SimpleNamespace:
    inliner = Inliner()
    inliner.init_customizations(SimpleNamespace(pep_references=False, rfc_references=False))
    return inliner.patterns


def is_code(role: str) -> bool:
    """Whether the page shows the text of a role as code."""
    return role.rpartition(":")[2] in _SHOWN_AS_CODE


def shown(role: str, text: str) -> str:
    """The text a role leaves on the page; in `text` a NUL stands for the backslash of an escape."""
    if role in _VERBATIM:
        return text.replace("\x00", "\\")
    if role in _ICONS:
        return ""
    special = _SPECIAL.get(role)
    return special(text) if special else _reference(role, text)


def _reference(role: str, text: str) -> str:
    if not role or _PLAIN.fullmatch(role):
        return text
    if titled := _TITLED.fullmatch(text):
        return titled[1]
    if text.startswith("!"):
        return text[1:]
    if text.startswith("~") and not re.search(r"\s", text):
        text = text[1:].rpartition(".")[2]
    return text.removesuffix("()") + "()" if role in _CALLS else text


def _menu(text: str) -> str:
    return _label(text.replace("-->", "\N{TRIANGULAR BULLET}"))


def _label(text: str) -> str:
    return re.sub(r"&(.)", lambda accelerator: accelerator[1], text, flags=re.DOTALL)


def _sample(text: str) -> str:
    return re.sub(r"(?<!\x00)[{}]", "", text)


def _numbered(series: str) -> Callable[[str], str]:
    def name(text: str) -> str:
        titled = _TITLED.fullmatch(text)
        return titled[1] if titled else f"{series} {text.partition('#')[0]}"

    return name


_SPECIAL: dict[str, Callable[[str], str]] = {
    "menuselection": _menu,
    "guilabel": _label,
    "samp": _sample,
    "file": _sample,
    "pep": _numbered("PEP"),
    "pep-reference": _numbered("PEP"),
    "rfc": _numbered("RFC"),
    "rfc-reference": _numbered("RFC"),
}


def _pieces(text: str) -> Iterator[str]:
    start = 0
    while start < len(text):
        end = start + MAX_INLINE
        if end < len(text):
            space = max(text.rfind(" ", start, end), text.rfind("\n", start, end))
            end = space if space > start else end
        yield text[start:end]
        start = end
