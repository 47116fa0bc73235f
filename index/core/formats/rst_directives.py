"""What the directives of Sphinx projects leave on a page."""

import re
from collections.abc import Callable, Mapping

from docutils import nodes

from index.core.formats import rst_definitions, rst_descriptions, rst_tables
from index.core.formats.only import is_in_html
from index.core.formats.rst_call import Call
from index.core.formats.rst_ready import Ready
from index.core.pages import BlockKind

Handler = Callable[[Call], list[nodes.Node]]


def run_directive(call: Call) -> list[nodes.Node]:
    """The nodes that stand for a directive; one that is not known is its argument and its content."""
    handler = _HANDLERS.get(call.name) or _by_family(call.name)
    found = handler(call)
    if label := call.options.get("name"):
        _note_name(call, label)
    return found


def _note_name(call: Call, label: str) -> None:
    """Take the id a `name` option takes on the published page, so that later headings are numbered alike."""
    named = nodes.container(names=[nodes.fully_normalize_name(label)])
    call.state.document.note_explicit_target(named, named)


def _by_family(name: str) -> Handler:
    if name.startswith("button-"):
        return _button
    if name.startswith("auto") or ":auto" in name:
        return rst_descriptions.described
    domain, colon, _ = name.rpartition(":")
    return rst_descriptions.object_described if colon and domain in _DOMAINS else _unknown


def _dropped(call: Call) -> list[nodes.Node]:
    return []


def _unknown(call: Call) -> list[nodes.Node]:
    return call.parse_in_place(*call.line(call.argument))


def _kept(call: Call) -> list[nodes.Node]:
    return call.parse_in_place()


def _only(call: Call) -> list[nodes.Node]:
    return call.parse_in_place() if is_in_html(call.argument) else []


def _contents_only(call: Call) -> list[nodes.Node]:
    return call.body()


def _whole(call: Call) -> list[nodes.Node]:
    return call.body(with_argument=True)


def _titled(call: Call) -> list[nodes.Node]:
    return [*call.line(call.argument), *call.body()]


def _heading_line(call: Call) -> list[nodes.Node]:
    return _titled(call.joined())


def _card(call: Call) -> list[nodes.Node]:
    """A card's rows of carets and plusses part its header and footer from its body."""
    for number, line in enumerate(call.content):
        if re.fullmatch(r"\^{3,} *|\+{3,} *", line):
            call.content[number] = ""
    return _titled(call)


def _button(call: Call) -> list[nodes.Node]:
    return call.body() if call.lines().strip() else [nodes.paragraph("", call.argument)]


def _code(call: Call) -> list[nodes.Node]:
    if "hide" in call.options:
        return []
    return [*_caption(call), Ready(BlockKind.CODE, call.lines())]


def _code_tab(call: Call) -> list[nodes.Node]:
    return [*call.line(call.argument.partition(" ")[2]), *_code(call)]


def _code_with_argument(call: Call) -> list[nodes.Node]:
    return [*_caption(call), Ready(BlockKind.CODE, _argument_and_lines(call))]


def _parsed_literal(call: Call) -> list[nodes.Node]:
    return [nodes.literal_block("", "", *call.inline(_argument_and_lines(call)))]


def _argument_and_lines(call: Call) -> str:
    return f"{call.argument}\n{call.lines()}".strip("\n")


def _caption(call: Call) -> list[nodes.Node]:
    """All that is left of code from a file, which intake has put in place or could not find."""
    return call.line(call.options.get("caption", ""))


def _admonition(title: str) -> Handler:
    def build(call: Call) -> list[nodes.Node]:
        return [nodes.admonition("", nodes.paragraph("", title), *call.body(with_argument=True))]

    return build


def _own_admonition(call: Call) -> list[nodes.Node]:
    return [nodes.admonition("", *_titled(call))]


def _version_note(words: str) -> Handler:
    def build(call: Call) -> list[nodes.Node]:
        call = call.joined()
        version, text = (*call.argument.split(maxsplit=1), "", "")[:2]
        title = nodes.paragraph("", f"{words} {version}".strip())
        return [nodes.admonition("", title, *call.line(text), *call.body())]

    return build


def _figure(call: Call) -> list[nodes.Node]:
    return [*call.line(call.options.get("alt", "")), *call.body()]


def _image(call: Call) -> list[nodes.Node]:
    return [nodes.image(alt=call.options.get("alt", ""))]


def _raw(call: Call) -> list[nodes.Node]:
    if "html" not in call.argument.lower().split():
        return []
    return [nodes.raw("", call.lines(), format="html")]


def _table_of(groups: Mapping[Handler, str]) -> dict[str, Handler]:
    return {name: handler for handler, names in groups.items() for name in names.split()}


_ADMONITIONS = {
    "attention": "Attention",
    "caution": "Caution",
    "danger": "Danger",
    "error": "Error",
    "hint": "Hint",
    "important": "Important",
    "note": "Note",
    "seealso": "See also",
    "tip": "Tip",
    "warning": "Warning",
}
_VERSION_NOTES = {
    "deprecated": "Deprecated since version",
    "versionadded": "Added in version",
    "versionchanged": "Changed in version",
    "versionremoved": "Removed in version",
}
_DOMAINS = frozenset({"py", "c", "cpp", "js", "rst", "std"})
_HANDLERS: dict[str, Handler] = {
    **_table_of(
        {
            _dropped: "toctree contents index meta tabularcolumns highlight highlightlang currentmodule"
            " py:currentmodule todo todolist sectionauthor codeauthor sectnum section-numbering header footer"
            " target-notes rst-class title testsetup testcleanup thebe-button inheritance-diagram nbgallery"
            " cssclass bibliography comment",
            _kept: "ifconfig",
            _only: "only",
            _contents_only: "container div tabs tab-set tab-set-code grid grid-item card-carousel module"
            " py:module compound hlist article-info py:namespace",
            _whole: "epigraph highlights pull-quote line-block margin",
            _titled: "tab-item tab group-tab dropdown topic sidebar details collapse",
            _heading_line: "rubric centered",
            _card: "card grid-item-card",
            _code: "code-block sourcecode code testcode testoutput doctest prompt console code-cell ipython"
            " graphviz digraph graph mermaid uml plantuml",
            _code_tab: "code-tab",
            _code_with_argument: "math productionlist",
            _caption: "literalinclude include program-output",
            _parsed_literal: "parsed-literal",
            _own_admonition: "admonition",
            _figure: "figure",
            _image: "image",
            _raw: "raw",
            rst_definitions.date: "date",
            rst_definitions.replace: "replace",
            rst_definitions.unicode: "unicode",
            rst_definitions.role: "role",
            rst_definitions.default_role: "default-role",
            rst_descriptions.names: "autosummary",
            rst_descriptions.described: "click",
            rst_descriptions.object_described: "function class method classmethod staticmethod attribute property data"
            " exception decorator decoratormethod object option envvar describe confval program cmdoption",
            rst_descriptions.glossary: "glossary",
            rst_tables.list_table: "list-table",
            rst_tables.csv_table: "csv-table",
            rst_tables.table: "table",
        }
    ),
    **{name: _admonition(title) for name, title in _ADMONITIONS.items()},
    **{name: _version_note(words) for name, words in _VERSION_NOTES.items()},
}
