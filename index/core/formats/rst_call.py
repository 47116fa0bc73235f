"""One use of a directive: its argument, options and content, split leniently."""

import re
from collections.abc import Mapping
from dataclasses import dataclass

from docutils import nodes
from docutils.parsers.rst.states import RSTState, RSTStateMachine
from docutils.statemachine import StringList

from index.core.formats.rst_roles import PlainInliner

_OPTION = re.compile(r" *:([\w-]+):(?: +(.*)|$)")
_CONTINUED = re.compile(r" +\S")


@dataclass(frozen=True, slots=True)
class Call:
    """A directive as written: `argument` is the rest of its first line, `content` all that is no option either."""

    name: str
    argument: str
    options: Mapping[str, str]
    content: StringList
    offset: int
    state: RSTState

    def joined(self) -> "Call":
        """The same with the lines up to the first blank one drawn into the argument."""
        lines = list(self.content)
        end = next((number for number, line in enumerate(lines) if not line.strip()), len(lines))
        argument = "\n".join([self.argument, *lines[:end]]).strip()
        return Call(
            self.name, argument, self.options, self.content[end:], self.offset + end, self.state
        )

    def lines(self) -> str:
        """The content verbatim, without blank lines around it."""
        return "\n".join(self.content).strip("\n")

    def inline(self, text: str) -> list[nodes.Node]:
        return self.state.inline_text(text, self.state.state_machine.abs_line_number())[0]

    def line(self, text: str) -> list[nodes.Node]:
        """A line of text between the blocks, or nothing."""
        return [nodes.rubric("", "", *self.inline(text))] if text else []

    def parse(self, content: StringList, node: nodes.Element) -> None:
        """Append what `content` says to `node`; headings in it become lines of text."""
        self.state.nested_parse(content, self.offset, node)

    def body(self, *, with_argument: bool = False) -> list[nodes.Node]:
        """The content parsed, after the argument as its first line if that is a part of the text."""
        node = nodes.container()
        has_first_line = with_argument and self.argument
        lines = StringList([self.argument, *self.content], "") if has_first_line else self.content
        self.parse(lines, node)
        return [node]

    def parse_in_place(self, *above: nodes.Node) -> list[nodes.Node]:
        """`above`, then the content as if it stood outside of the directive: headings in it open sections."""
        machine = self.state.state_machine
        assert isinstance(machine, RSTStateMachine)
        if not (machine.match_titles and isinstance(machine.node, nodes.document | nodes.section)):
            return [*above, *self.body()]
        machine.node.extend(above)
        self.state.nested_parse(self.content, self.offset, machine.node, match_titles=True)
        return []

    @property
    def inliner(self) -> PlainInliner:
        assert isinstance(self.state.inliner, PlainInliner)
        return self.state.inliner


def read_call(
    name: str, block: StringList, offset: int, state: RSTState, presets: Mapping[str, str]
) -> Call:
    """Split the lines of a directive: the rest of its first line, then options, then content."""
    argument = block[0].strip() if len(block) else ""
    options = dict(presets)
    used = 1
    while used < len(block):
        option = _OPTION.match(block[used])
        if not option:
            break
        used += 1
        values = [option[2] or ""]
        while (
            used < len(block) and _CONTINUED.match(block[used]) and not _OPTION.match(block[used])
        ):
            values.append(block[used].strip())
            used += 1
        options[option[1].lower()] = "\n".join(values).strip()
    return Call(name.lower(), argument, options, block[used:], offset + used, state)
