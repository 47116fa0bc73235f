"""From inline nodes of a parsed reStructuredText tree to plain text."""

from docutils import nodes

from index.core.inline_code import as_code, without_signs

MAX_SUBSTITUTED = 200_000
"""Characters that substitutions may add to one page; they can nest, and so grow without bound."""


class InlineText:
    """Reads the text of inline nodes, with the substitutions of one page."""

    def __init__(self, document: nodes.document) -> None:
        self._definitions = document.substitution_defs
        self._lower_case = document.substitution_names
        self._resolved: dict[str, str] = {}
        self._left = MAX_SUBSTITUTED

    def line(self, node: nodes.Node) -> str:
        """The text in one line, without markup."""
        return " ".join(_unescape(self._raw(node)).split())

    def verbatim(self, node: nodes.Node) -> str:
        """The text with its own line ends and spaces."""
        return _unescape(self._raw(node)).strip("\n")

    def mark(self, node: nodes.Element) -> str:
        """The sign of a footnote that docutils would have numbered: its label, or the sign it was written with."""
        name = node.get("refname") or next(iter(node.get("names", ())), "")
        return f"[{name or ('*' if node.get('auto') == '*' else '#')}]"

    def _raw(self, node: nodes.Node) -> str:
        if isinstance(node, nodes.Text):
            return str(node)
        if isinstance(node, nodes.substitution_reference):
            return self._substituted(node)
        if isinstance(node, nodes.image):
            return str(node.get("alt") or "")
        if isinstance(node, nodes.footnote_reference | nodes.citation_reference):
            return f"[{self._joined(node)}]" if node.children else self.mark(node)
        if isinstance(node, nodes.literal):
            return as_code(without_signs(self._joined(node)))
        if isinstance(node, nodes.option_group):
            return ", ".join(self._raw(option) for option in node.children)
        if isinstance(node, nodes.option_argument):
            return str(node.get("delimiter", " ")) + self._joined(node)
        return "" if isinstance(node, nodes.system_message) else self._joined(node)

    def _joined(self, node: nodes.Node) -> str:
        return "".join(map(self._raw, node.children))

    def _substituted(self, reference: nodes.Element) -> str:
        """The definition's text; the name alone when there is none, when it holds itself, or when too much is said."""
        shown = self._joined(reference)
        name = str(reference.get("refname", ""))
        name = name if name in self._definitions else str(self._lower_case.get(name.lower(), ""))
        if name not in self._resolved:
            self._resolved[name] = shown
            if definition := self._definitions.get(name):
                self._resolved[name] = self._joined(definition)
        text = self._resolved[name] if name else shown
        self._left -= len(text)
        return text if self._left > 0 else shown


def _unescape(text: str) -> str:
    if "\x00" not in text:
        return text
    return text.replace("\x00 ", "").replace("\x00\n", "").replace("\x00", "")
