"""What a file says of itself: the address it asks for, and whether its generator publishes it at all."""

import re
from collections.abc import Mapping

import msgspec

from index.core.formats.front_matter import FrontMatter, split_front_matter
from index.core.formats.html import is_listed
from index.core.formats.rst import page_fields
from ingest.core.page_file import FileFacts
from schemas.formats import Dialect, Format

_LFS_POINTER = "version https://git-lfs.github.com/spec/"
# Folders of pieces that other pages include, by the names generators give them.
_PIECES = frozenset(
    {
        "_includes",
        "_include",
        "_partials",
        "_snippets",
        "_shared",
        "_templates",
        "_layouts",
        "_drafts",
    }
)


def facts_of(text: str, *, format: Format, path: str, dialect: Dialect) -> FileFacts:
    """Read the facts off a file. `path` is relative to the source's root, `dialect` the source's.

    Never raises for a bad text.
    """
    if text.startswith(_LFS_POINTER) or _is_piece(path, format, dialect):
        return FileFacts(slug=None, is_listed=False)
    match format:
        case Format.MARKDOWN:
            front = split_front_matter(text)
            return FileFacts(front.slug, front.is_listed)
        case Format.RST:
            return FileFacts(None, "nosearch" not in page_fields(text))
        case Format.NOTEBOOK:
            return _notebook_facts(text)
        case Format.HTML:
            return FileFacts(None, is_listed(text))


def _is_piece(path: str, format: Format, dialect: Dialect) -> bool:
    """Tell a partial by its place.

    Docusaurus keeps out every file and folder with a leading underscore; other generators of plain Markdown
    have real pages of that kind, such as Hugo's `_index.md` and Jekyll's `_posts`.
    Source: the default of `exclude` in Docusaurus' plugin-content-docs.
    """
    *folders, name = path.split("/")
    if not _PIECES.isdisjoint(folders):
        return True
    if format is Format.MARKDOWN and (dialect is Dialect.DOCUSAURUS or path.endswith(".mdx")):
        return any(part.startswith("_") for part in (*folders, name))
    return format is Format.MARKDOWN and name.startswith("_") and not re.match(r"_index\.", name)


class _Cell(msgspec.Struct):
    cell_type: str = ""
    source: str | list[str] = ""


class _Notebook(msgspec.Struct):
    metadata: dict[str, object] = {}
    cells: list[msgspec.Raw] = []


def _notebook_facts(text: str) -> FileFacts:
    """A notebook's own metadata speak like front matter, and its first cell may hold some."""
    try:
        notebook = msgspec.json.decode(text, type=_Notebook)
        first = msgspec.json.decode(notebook.cells[0], type=_Cell) if notebook.cells else _Cell()
    except (msgspec.DecodeError, RecursionError):
        return FileFacts(slug=None, is_listed=True)
    source = first.source if isinstance(first.source, str) else "".join(first.source)
    is_text = first.cell_type in ("markdown", "raw")
    front = split_front_matter(source.rstrip() + "\n" if is_text else "")
    own = FrontMatter(fields=_fields(notebook.metadata), body="", line=0)
    return FileFacts(front.slug or own.slug, front.is_listed and own.is_listed)


def _fields(metadata: Mapping[str, object]) -> Mapping[str, object]:
    """The fields generators read: at the top, and in Quarto's and Jupyter Book's own places."""
    nested = [metadata.get(key) for key in ("front_matter", "frontmatter", "mystnb", "quarto")]
    fields: dict[str, object] = {}
    for block in (*nested, metadata):
        if isinstance(block, Mapping):
            fields.update({str(key): value for key, value in block.items()})
    return fields
