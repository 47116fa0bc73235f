"""What directives and admonitions show, whichever generator's syntax they are written in."""

import csv
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from html import escape

from index.core.formats.html_rules import words
from index.core.formats.only import is_in_html

NestedHtml = Callable[[str], str]
"""Renders a directive's content, which is itself a piece of the page."""


@dataclass(frozen=True, slots=True)
class Directive:
    """A named block with an argument on its first line; its options are taken off `content`."""

    name: str
    argument: str
    options: Mapping[str, str]
    content: str


ADMONITIONS = words("""
    admonition attention caution danger error hint important note seealso tip warning
    info success question failure bug example quote abstract summary
""")
_CHANGES = {
    "versionadded": "Added in version",
    "versionchanged": "Changed in version",
    "versionremoved": "Removed in version",
    "deprecated": "Deprecated since version",
}
_CODE = words("""
    code code-block sourcecode code-cell testcode testoutput doctest parsed-literal prompt terminal
    productionlist graphviz mermaid uml plantuml jupyter-execute ipython
""")
_UNSHOWN = words("""
    toctree contents include literalinclude index meta highlight currentmodule module py:module
    py:currentmodule default-domain default-role tabularcolumns bibliography sectnum tags testsetup
    testcleanup raw-cell role target-notes header footer title class comment todo
""")
_IMAGES = words("image figure subfigure")
_FIXED_ARGUMENT = words("grid tab-set grid-item div container only ifconfig")
_BLANK_EDGES = re.compile(r"\A(?:[ \t]*\n)+|\s+\Z")
_OPTION = re.compile(r":([\w-]+):(?:[ \t]+(.*))?$")


def parse_directive(info: str, content: str) -> Directive:
    """Read a MyST fence: `{name} argument` and the options its content opens with."""
    name, _, argument = info.strip().removeprefix("{").partition("}")
    options, body = split_options(content)
    return Directive(name=name.strip(), argument=argument.strip(), options=options, content=body)


def split_options(content: str) -> tuple[dict[str, str], str]:
    """Take the options off: `:key: value` lines, or YAML between `---` lines."""
    lines = content.split("\n")
    start = next((at for at, line in enumerate(lines) if line.strip()), 0)
    if lines[start].rstrip() == "---":
        stop = next(
            (at for at in range(start + 1, len(lines)) if lines[at].rstrip() == "---"),
            None,
        )
        if stop is None:
            return {}, content
        pairs = (line.partition(":") for line in lines[start + 1 : stop])
        return {key.strip(): value.strip(" \t'\"") for key, _, value in pairs}, "\n".join(
            lines[stop + 1 :]
        )
    options: dict[str, str] = {}
    while start < len(lines) and (option := _OPTION.match(lines[start].strip())):
        options[option[1]] = (option[2] or "").strip()
        start += 1
    return (options, "\n".join(lines[start:])) if options else ({}, content)


def directive_html(directive: Directive, nested: NestedHtml) -> str:
    """Write what the published page shows of a directive; an unknown one shows all it holds."""
    if directive.name == "only" and not is_in_html(directive.argument):
        return ""
    for kinds, write in _WRITERS:
        if directive.name in kinds:
            return write(directive, nested)
    argument = "" if directive.name in _FIXED_ARGUMENT else directive.argument
    return f"<div>{_titled(argument, nested)}{nested(_without_card_marks(directive.content))}</div>"


def admonition_html(title: str, body: str) -> str:
    """Write an admonition of which title and body are HTML already."""
    return f"<hw-note>{title}{body}</hw-note>"


def code_html(code: str, caption: str = "") -> str:
    """Write code verbatim; the newline keeps the parser from taking the code's own first one."""
    shown = f"<p>{escape(caption)}</p>" if caption else ""
    return f"{shown}<pre>\n{escape(code)}</pre>"


def table_html(rows: Sequence[Sequence[str]]) -> str:
    """Write rows of HTML cells as a table."""
    lines = ("".join(f"<td>{cell}</td>" for cell in row) for row in rows)
    return "<table>" + "".join(f"<tr>{line}</tr>" for line in lines) + "</table>"


def _titled(text: str, nested: NestedHtml) -> str:
    return nested(text) if text else ""


def _without_card_marks(content: str) -> str:
    return re.sub(r"^[ \t]*(?:\^{3,}|\+{3,})[ \t]*$", "", content, flags=re.MULTILINE)


def _write_nothing(directive: Directive, nested: NestedHtml) -> str:
    return ""


def _write_code(directive: Directive, nested: NestedHtml) -> str:
    hidden_tags = ("remove-cell", "remove-input")
    if any(tag in directive.options.get("tags", "") for tag in hidden_tags):
        return ""
    code = _BLANK_EDGES.sub("", directive.content)
    return code_html(code, directive.options.get("caption", ""))


def _write_admonition(directive: Directive, nested: NestedHtml) -> str:
    if directive.name == "admonition":
        return admonition_html(_titled(directive.argument, nested), nested(directive.content))
    title = "See also" if directive.name == "seealso" else directive.name.capitalize()
    body = _titled(directive.argument, nested) + nested(directive.content)
    return admonition_html(f"<p>{title}</p>", body)


def _write_change(directive: Directive, nested: NestedHtml) -> str:
    version, _, remark = directive.argument.partition(" ")
    title = f"<p>{_CHANGES[directive.name]} {escape(version)}</p>"
    return admonition_html(title, _titled(remark, nested) + nested(directive.content))


def _write_image(directive: Directive, nested: NestedHtml) -> str:
    alt = directive.options.get("alt", "")
    caption = "" if directive.name == "image" else nested(directive.content)
    return (f"<p>{escape(alt)}</p>" if alt else "") + caption


def _write_math(directive: Directive, nested: NestedHtml) -> str:
    return f"<p>{escape(directive.argument)} {escape(directive.content)}</p>"


def _write_button(directive: Directive, nested: NestedHtml) -> str:
    return nested(directive.content if directive.content.strip() else directive.argument)


def _write_csv_table(directive: Directive, nested: NestedHtml) -> str:
    try:
        lines = [directive.options.get("header", ""), *directive.content.split("\n")]
        rows = [row for row in csv.reader(lines, skipinitialspace=True) if row]
    except csv.Error:
        return f"<p>{escape(directive.content)}</p>"
    return _titled(directive.argument, nested) + table_html(
        [[nested(cell) for cell in row] for row in rows]
    )


def _write_api(directive: Directive, nested: NestedHtml) -> str:
    lines = (line.strip() for line in directive.content.split("\n"))
    names = [escape(line) for line in lines if line and not line.startswith(":")]
    return "<ul>" + "".join(f"<li>{name}</li>" for name in names) + "</ul>"


_WRITERS: tuple[tuple[frozenset[str], Callable[[Directive, NestedHtml], str]], ...] = (
    (_UNSHOWN, _write_nothing),
    (_CODE, _write_code),
    (ADMONITIONS, _write_admonition),
    (frozenset(_CHANGES), _write_change),
    (_IMAGES, _write_image),
    (frozenset(("math",)), _write_math),
    (frozenset(("button-ref", "button-link")), _write_button),
    (frozenset(("csv-table",)), _write_csv_table),
    (frozenset(("autosummary",)), _write_api),
)
