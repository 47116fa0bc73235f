"""Jupyter notebooks: their Markdown read as one page, with code and short outputs between."""

import re
from collections.abc import Mapping, Sequence

import msgspec

from index.core.formats.front_matter import FrontMatter, split_front_matter
from index.core.formats.markdown import MarkdownPage
from index.core.pages import ParsedPage
from schemas.errors import UnreadablePage
from schemas.formats import Dialect

MAX_OUTPUT_CHARS = 1000
"""A longer output is a log or a dump, not documentation."""

_COLOUR_CODE = re.compile(r"\x1b\[[0-9;]*[A-Za-z]")
_RST = frozenset(("rst", "text/restructuredtext", "text/x-rst"))
_MARKDOWN = frozenset(("markdown", "text/markdown", "text/x-markdown"))


class _Cell(msgspec.Struct):
    """One cell; what generators and tools write into it varies, so it is looked at with care."""

    cell_type: str = ""
    source: object = ""
    metadata: object = None
    outputs: object = None


class _Notebook(msgspec.Struct):
    cells: list[_Cell] | None = None
    worksheets: object = None


def parse_notebook(text: str, *, dialect: Dialect) -> ParsedPage:
    """Read a notebook's cells in order.

    Raises:
        UnreadablePage: `text` is no notebook of any version.
    """
    cells = [cell for cell in _cells(text) if not _is_removed(cell)]
    front = _front_matter(cells)
    sources = [_joined(cell.source) for cell in cells]
    if cells and front.line:
        sources[0] = front.body
    prose = [
        source for cell, source in zip(cells, sources, strict=True) if cell.cell_type == "markdown"
    ]
    page = MarkdownPage("\n\n".join(prose), dialect=dialect, fields=front.fields)
    for cell, source in zip(cells, sources, strict=True):
        _read_cell(page, cell, source)
    return page.page(front.title)


def _cells(text: str) -> list[_Cell]:
    try:
        notebook = msgspec.json.decode(text, type=_Notebook)
        if notebook.cells is None and notebook.worksheets is not None:
            notebook = _converted(text)
    except (ValueError, LookupError, TypeError, AttributeError, RecursionError) as exc:
        raise UnreadablePage(f"no notebook: {exc}") from exc
    if notebook.cells is None:
        raise UnreadablePage("no notebook: it has no cells")
    return notebook.cells


def _converted(text: str) -> _Notebook:
    """A notebook of an older version as one of today. Raises: as nbformat does; UnreadablePage."""
    import nbformat  # here, since it is slow to load and few notebooks are as old

    try:
        older = nbformat.convert(nbformat.reader.reads(text), 4)  # type: ignore[no-untyped-call]
        return msgspec.convert(dict(older), type=_Notebook)
    except nbformat.ValidationError as exc:
        raise UnreadablePage(f"no notebook: {exc.message}") from exc


def _read_cell(page: MarkdownPage, cell: _Cell, source: str) -> None:
    if cell.cell_type == "markdown":
        page.read_text(source)
    elif cell.cell_type == "code":
        _read_code(page, cell, source)
    elif cell.cell_type == "raw":
        kind = _raw_kind(cell)
        if kind in _RST:
            page.read_rst(source)
        elif kind in _MARKDOWN:
            page.read_text(source)


def _read_code(page: MarkdownPage, cell: _Cell, source: str) -> None:
    tags = _tags(cell)
    if "remove-input" not in tags:
        page.read_code(source)
    if not tags & {"remove-output", "remove-outputs"}:
        for output in cell.outputs if isinstance(cell.outputs, list) else ():
            page.read_code(_output_text(output))


def _output_text(output: object) -> str:
    """The text of a short printed output or result; errors, images and their stand-ins give ""."""
    if not isinstance(output, Mapping):
        return ""
    text = ""
    if output.get("output_type") == "stream" and output.get("name") != "stderr":
        text = _joined(output.get("text"))
    elif output.get("output_type") == "execute_result":
        shown = output.get("data")
        has_image = isinstance(shown, Mapping) and any(
            str(kind).startswith("image/") for kind in shown
        )
        text = (
            _joined(shown.get("text/plain")) if isinstance(shown, Mapping) and not has_image else ""
        )
    return _COLOUR_CODE.sub("", text).rstrip() if len(text) <= MAX_OUTPUT_CHARS else ""


def _front_matter(cells: Sequence[_Cell]) -> FrontMatter:
    is_text = bool(cells) and cells[0].cell_type in ("markdown", "raw")
    return split_front_matter(_joined(cells[0].source).rstrip() + "\n" if is_text else "")


def _is_removed(cell: _Cell) -> bool:
    """Tell what Jupyter Book, MyST-NB or nbsphinx leave out; `hide-*` only folds a cell."""
    is_hidden = isinstance(cell.metadata, Mapping) and cell.metadata.get("nbsphinx") == "hidden"
    return is_hidden or "remove-cell" in _tags(cell)


def _tags(cell: _Cell) -> set[str]:
    tags = cell.metadata.get("tags") if isinstance(cell.metadata, Mapping) else None
    return {str(tag).replace("_", "-") for tag in tags} if isinstance(tags, list) else set()


def _raw_kind(cell: _Cell) -> str:
    metadata = cell.metadata if isinstance(cell.metadata, Mapping) else {}
    return str(metadata.get("raw_mimetype") or metadata.get("format") or "").lower()


def _joined(text: object) -> str:
    """Notebooks write a text as one string or as its lines."""
    if isinstance(text, list):
        return "".join(line for line in text if isinstance(line, str))
    return text if isinstance(text, str) else ""
