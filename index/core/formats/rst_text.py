"""From a parsed reStructuredText tree to sections of plain blocks."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field

from docutils import nodes

from index.core.formats.rst_inline import InlineText
from index.core.formats.rst_ready import Ready
from index.core.inline_code import without_signs
from index.core.pages import Block, BlockKind, Section


@dataclass(slots=True)
class _Draft:
    heading: str
    path: tuple[str, ...]
    anchor: str
    blocks: list[Block] = field(default_factory=list)


def read_sections(document: nodes.document) -> tuple[Section, ...]:
    """Every section in reading order; text above the first heading comes first, when there is any."""
    reader = _Reader(document)
    reader.read_section(document, ())
    return tuple(
        Section(draft.heading, draft.path, draft.anchor, tuple(map(Block.settled, draft.blocks)))
        for draft in reader.drafts
        if draft.path or draft.blocks
    )


class _Reader:
    def __init__(self, document: nodes.document) -> None:
        self.drafts = [_Draft("", (), "")]
        self._inline = InlineText(document)
        self._labels: list[str] = []

    def read_section(self, parent: nodes.Element, path: tuple[str, ...]) -> None:
        for child in parent.children:
            if isinstance(child, nodes.section):
                self._open(child, path)
            elif not isinstance(child, nodes.title):
                self.drafts[-1].blocks += self._blocks(child)

    def _open(self, section: nodes.section, path: tuple[str, ...]) -> None:
        heading = without_signs(self._inline.line(section[0]))
        path = (*path, heading)
        anchor = _published_id(section["ids"], self._labels)
        self._labels = []
        self.drafts.append(_Draft(heading, path, anchor))
        self.read_section(section, path)

    def _blocks(self, node: nodes.Node) -> Iterator[Block]:
        """The blocks of one body element; a label is kept until something follows it."""
        if isinstance(node, nodes.target):
            self._note_label(node)
            return
        if not isinstance(node, nodes.system_message):
            self._labels = []
        read = _READERS.get(type(node), _Reader._other)
        yield from read(self, node)

    def _note_label(self, target: nodes.target) -> None:
        if not any(key in target for key in ("refuri", "refname", "refid")):
            self._labels = [*target["ids"], *self._labels]

    def _children(self, node: nodes.Node) -> Iterator[Block]:
        for child in node.children:
            yield from self._blocks(child)

    def _other(self, node: nodes.Node) -> Iterator[Block]:
        if isinstance(node, nodes.Admonition):
            return self._admonition(node)
        if isinstance(node, nodes.TextElement | nodes.Text | nodes.Inline):
            return self._prose(node)
        return self._children(node)

    def _nothing(self, node: nodes.Node) -> Iterator[Block]:
        return iter(())

    def _ready(self, node: nodes.Node) -> Iterator[Block]:
        if isinstance(node, Ready) and not node.is_blank:
            yield node.block

    def _prose(self, node: nodes.Node) -> Iterator[Block]:
        if text := self._inline.line(node):
            yield Block(BlockKind.PROSE, text)

    def _code(self, node: nodes.Node) -> Iterator[Block]:
        text = self._inline.verbatim(node)
        if text.strip():
            yield Block(BlockKind.CODE, text)

    def _line_block(self, node: nodes.Node) -> Iterator[Block]:
        lines = (self._inline.line(line) for line in node.findall(nodes.line))
        if text := "\n".join(line for line in lines if line):
            yield Block(BlockKind.PROSE, text)

    def _admonition(self, node: nodes.Node) -> Iterator[Block]:
        if text := "\n".join(block.text for block in self._children(node)):
            yield Block(BlockKind.ADMONITION, text)

    def _message(self, node: nodes.Node) -> Iterator[Block]:
        """What docutils could not read stays in the text; what it says about it does not."""
        for child in node.children:
            if isinstance(child, nodes.literal_block) and not child.astext().startswith(".. |"):
                lines = (" ".join(line.split()) for line in child.astext().split("\n"))
                if text := "\n".join(line for line in lines if any(map(str.isalnum, line))):
                    yield Block(BlockKind.PROSE, text)

    def _note(self, node: nodes.Node) -> Iterator[Block]:
        assert isinstance(node, nodes.Element)
        labels = [child for child in node.children if isinstance(child, nodes.label)]
        mark = f"[{self._inline.line(labels[0])}]" if labels else self._inline.mark(node)
        rest = (child for child in node.children if not isinstance(child, nodes.label))
        text = "\n".join(block.text for child in rest for block in self._blocks(child))
        yield Block(BlockKind.PROSE, f"{mark} {text}".strip())

    def _table(self, node: nodes.Node) -> Iterator[Block]:
        lines = [
            self._inline.line(child) for child in node.children if isinstance(child, nodes.title)
        ]
        lines += (" | ".join(self._cell(entry) for entry in row.children) for row in _rows(node))
        if text := "\n".join(line for line in lines if line.strip(" |")):
            yield Block(BlockKind.TABLE, text)

    def _cell(self, entry: nodes.Node) -> str:
        return " ".join(" ".join(block.text.split()) for block in self._children(entry))

    def _list(self, node: nodes.Node) -> Iterator[Block]:
        lines = (line for item in node.children for line in self._item(item))
        if text := "\n".join(lines):
            yield Block(BlockKind.LIST, text)

    def _item(self, item: nodes.Node) -> Iterator[str]:
        """Lines of one item: a dash, its head (term, field name or option), then everything it holds, indented."""
        heads = [part for part in item.children if isinstance(part, _HEADS)]
        head = ", ".join(
            self._inline.line(part) for part in heads if not isinstance(part, nodes.classifier)
        )
        kinds = "".join(
            f" ({self._inline.line(part)})" for part in heads if isinstance(part, nodes.classifier)
        )
        bodies = (part for part in item.children if not isinstance(part, _HEADS))
        texts = [block for part in bodies for block in self._blocks(part)]
        return _item_lines(head + kinds, texts)


def _item_lines(head: str, blocks: list[Block]) -> Iterator[str]:
    if head and blocks and blocks[0].kind is BlockKind.PROSE:
        head = f"{head}: {blocks.pop(0).text}"
    texts = [head] if head else []
    lines = [
        line for text in (*texts, *(block.text for block in blocks)) for line in text.split("\n")
    ]
    for number, line in enumerate(lines):
        yield f"  {line}".rstrip() if number else f"- {line}"


def _rows(table: nodes.Node) -> Iterable[nodes.Node]:
    for group in table.children:
        if isinstance(group, nodes.tgroup):
            for part in group.children:
                yield from (row for row in part.children if isinstance(row, nodes.row))


def _published_id(ids: list[str], labels: list[str]) -> str:
    """The id the published section element carries; `labels` stand above the heading, the nearest one first.

    Sphinx (transforms, SortIds) moves a first id that begins with "id", as the numbered ones of repeated
    headings do, behind the labels; a writer gives the element the first id and the others to empty spans.
    """
    own = ids[0] if ids else ""
    return labels[0] if labels and (not own or own.startswith("id")) else own


_HEADS = (nodes.term, nodes.classifier, nodes.field_name, nodes.option_group)
_READERS: dict[type[nodes.Node], Callable[[_Reader, nodes.Node], Iterator[Block]]] = {
    Ready: _Reader._ready,
    nodes.bullet_list: _Reader._list,
    nodes.citation: _Reader._note,
    nodes.comment: _Reader._nothing,
    nodes.definition_list: _Reader._list,
    nodes.doctest_block: _Reader._code,
    nodes.enumerated_list: _Reader._list,
    nodes.field_list: _Reader._list,
    nodes.footnote: _Reader._note,
    nodes.line_block: _Reader._line_block,
    nodes.literal_block: _Reader._code,
    nodes.option_list: _Reader._list,
    nodes.paragraph: _Reader._prose,
    nodes.substitution_definition: _Reader._nothing,
    nodes.system_message: _Reader._message,
    nodes.table: _Reader._table,
}
