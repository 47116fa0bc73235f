"""The table directives of reStructuredText: `list-table`, `csv-table` and `table`."""

import csv
from collections.abc import Iterable, Sequence

from docutils import nodes

from index.core.formats.rst_call import Call


def list_table(call: Call) -> list[nodes.Node]:
    holder = nodes.container()
    call.parse(call.content, holder)
    if len(holder) != 1 or not isinstance(holder[0], nodes.bullet_list):
        return [*call.line(call.argument), holder]
    rows = [
        [cell.children for cells in item.children for cell in cells.children]
        for item in holder[0].children
    ]
    return [_table(call, rows)]


def csv_table(call: Call) -> list[nodes.Node]:
    """Rows from the content and the `header` option alone: `file` and `url` are never followed."""
    dialect = {"delimiter": _sign(call, "delim", ","), "quotechar": _sign(call, "quote", '"')}
    escape = _sign(call, "escape", "")
    lines = [*call.options.get("header", "").split("\n"), *call.content]
    try:
        reader = csv.reader(
            lines,
            delimiter=dialect["delimiter"],
            quotechar=dialect["quotechar"],
            escapechar=escape or None,
            doublequote=not escape,
            skipinitialspace=True,
        )
        rows = [
            [[nodes.paragraph("", "", *call.inline(cell))] for cell in row] for row in reader if row
        ]
    except (csv.Error, TypeError, ValueError):
        return [*call.line(call.argument), nodes.literal_block("", call.lines())]
    return [_table(call, rows)]


def table(call: Call) -> list[nodes.Node]:
    """A grid or simple table with a caption."""
    call = call.joined()
    holder = nodes.container()
    call.parse(call.content, holder)
    tables = [child for child in holder.children if isinstance(child, nodes.table)]
    if not tables:
        return [*call.line(call.argument), holder]
    tables[0].insert(0, _caption(call))
    return [holder]


def _table(call: Call, rows: Iterable[Sequence[Sequence[nodes.Node]]]) -> nodes.table:
    body = nodes.tbody()
    for cells in rows:
        body += nodes.row("", *(nodes.entry("", *cell) for cell in cells))
    return nodes.table("", *_caption(call), nodes.tgroup("", body))


def _caption(call: Call) -> list[nodes.Node]:
    return [nodes.title("", "", *call.inline(call.argument))] if call.argument else []


def _sign(call: Call, option: str, default: str) -> str:
    value = call.options.get(option, default)
    return {"tab": "\t", "space": " "}.get(value.lower(), value)
