"""The one node that docutils does not know: a block whose text is final."""

from docutils import nodes

from index.core.pages import Block, BlockKind


class Ready(nodes.Element):
    """Put into the tree by a directive whose text is not to be parsed any further."""

    def __init__(self, kind: BlockKind, text: str) -> None:
        super().__init__()
        self.block = Block(kind, text)

    @property
    def is_blank(self) -> bool:
        return not self.block.text.strip()
