"""Directives that describe: objects of a program, lists of their names, and the terms of a glossary."""

from docutils import nodes
from docutils.statemachine import StringList

from index.core.formats.rst_call import Call
from index.core.formats.rst_ready import Ready
from index.core.pages import BlockKind


def names(call: Call) -> list[nodes.Node]:
    lines = (line.strip().lstrip("~!") for line in call.content)
    names = [line for line in lines if line and not line.startswith("..")]
    return [
        *call.line(call.options.get("caption", "")),
        Ready(BlockKind.LIST, "\n".join(f"- {name}" for name in names)),
    ]


def described(call: Call) -> list[nodes.Node]:
    return [*([nodes.paragraph("", call.argument)] if call.argument else []), *call.body()]


def object_described(call: Call) -> list[nodes.Node]:
    call = call.joined()
    kind = call.name.rpartition(":")[2]
    prefix = f"{kind} " if kind in ("class", "exception") else ""
    signatures = [
        line.strip() for line in call.argument.replace("\\\n", "").split("\n") if line.strip()
    ]
    return [*(nodes.paragraph("", prefix + signature) for signature in signatures), *call.body()]


def glossary(call: Call) -> list[nodes.Node]:
    """Terms at the margin, one a line and several for one definition, above their indented definition."""
    entries = nodes.definition_list()
    terms: list[str] = []
    start, end = 0, len(call.content)
    while start < end:
        line, stop = call.content[start], start + 1
        while stop < end and (call.content[stop].startswith(" ") or not call.content[stop].strip()):
            stop += 1
        if line.strip() and not line.startswith((" ", "..")):
            terms.append(line.partition(" : ")[0])
            block = call.content[start + 1 : stop]
            if stop == end or any(line.strip() for line in block):
                entries += _entry(call, terms, block)
                terms = []
        start = stop
    return [entries]


def _entry(call: Call, terms: list[str], block: StringList) -> nodes.Node:
    meaning = nodes.definition()
    call.parse(block.get_indented()[0], meaning)
    return nodes.definition_list_item(
        "", *(nodes.term("", "", *call.inline(term)) for term in terms), meaning
    )
