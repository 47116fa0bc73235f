"""docutils' reStructuredText parser, with directives, roles and errors as a documentation index needs them.

docutils looks directives and roles up in registries of the process and drops what it cannot read into messages. The
states below are docutils' own; what they look up is replaced, so nothing outlives a page.
"""

import re
from collections.abc import Iterable
from functools import cache
from types import SimpleNamespace

from docutils import frontend, nodes, statemachine, utils
from docutils.parsers import rst
from docutils.parsers.rst import states

from index.core.formats.rst_call import read_call
from index.core.formats.rst_directives import run_directive
from index.core.formats.rst_roles import PlainInliner

TAB_WIDTH = 8
_SETTINGS = {
    "report_level": 5,
    "halt_level": 5,
    "warning_stream": False,
    "file_insertion_enabled": False,
    "raw_enabled": False,
    "auto_id_prefix": "id",  # Sphinx numbers repeated headings id1, id2
    "legacy_ids": True,
    "syntax_highlight": "none",
}


def parse_document(text: str) -> nodes.document:
    """The tree of a page, untransformed: labels, substitutions and messages still stand where they were written."""
    document = nodes.document(_settings().copy(), _SilentReporter("", 5, 5), source="")
    _PageState.nested_sm_cache.clear()
    lines = statemachine.string2lines(text, tab_width=TAB_WIDTH, convert_whitespace=True)
    _PageMachine(STATE_CLASSES, "Body").run(lines, document, inliner=PlainInliner())
    return document


@cache
def _settings() -> frontend.Values:
    settings = frontend.get_default_settings(rst.Parser)
    for name, value in _SETTINGS.items():
        setattr(settings, name, value)
    return settings


class _SilentReporter(utils.Reporter):
    """Keeps what docutils could not read, and nothing of what it says about it."""

    def system_message(
        self, level: int, message: str | Exception, *children: nodes.Node, **kwargs: object
    ) -> nodes.system_message:
        return nodes.system_message("", *children)


class _LazyStates(dict[str, "statemachine.State[list[str]]"]):
    """The states of a machine, made when first entered: a nested block needs three of the twenty-odd."""

    def __init__(
        self, machine: "_Machine", classes: "Iterable[type[statemachine.State[list[str]]]]"
    ) -> None:
        super().__init__()
        self._machine = machine
        self._classes = {state.__name__: state for state in classes}

    def __missing__(self, name: str) -> "statemachine.State[list[str]]":
        state = self[name] = self._classes[name](self._machine)
        if getattr(self._machine, "memo", None) is not None:
            state.runtime_init()
        return state


class _Machine(states.RSTStateMachine):
    """Without line reports to observers, which nobody reads here."""

    def add_states(self, state_classes: "Iterable[type[statemachine.State[list[str]]]]") -> None:
        self.states = _LazyStates(self, state_classes)

    def notify_observers(self) -> None:
        pass


class _PageMachine(_Machine):
    pass


class _NestedMachine(_Machine, states.NestedStateMachine):
    pass


class _PageState(states.RSTState):
    """What every state here does unlike docutils'."""

    nested_sm = _NestedMachine
    nested_sm_cache: "list[statemachine.StateMachine[list[str]]]" = []  # noqa: RUF012 - docutils' own name

    def __init__(self, state_machine: states.RSTStateMachine, debug: bool = False) -> None:
        self.nested_sm_kwargs = {"state_classes": STATE_CLASSES, "initial_state": "Body"}
        statemachine.StateWS.__init__(self, state_machine, debug)

    @property
    def machine(self) -> _Machine:
        assert isinstance(self.state_machine, _Machine)
        return self.state_machine

    def add_initial_transitions(self) -> None:
        """Give each state docutils' transitions, worked out once for its class."""
        if (plan := _TRANSITIONS.get(type(self))) is None:
            super().add_initial_transitions()
            plan = [(name, *self.transitions[name][::2]) for name in self.transition_order]
            _TRANSITIONS[type(self)] = plan
        self.transition_order = [name for name, _, _ in plan]
        self.transitions = {
            name: (pattern, getattr(self, name), state) for name, pattern, state in plan
        }

    def directive(self, match: re.Match[str], **presets: str) -> tuple[list[nodes.Node], bool]:
        machine = self.machine
        block, _, offset, ends_blank = machine.get_first_known_indented(
            match.end(), strip_top=False
        )
        assert isinstance(block, statemachine.StringList)
        found = run_directive(read_call(match[1], block, offset, self, presets))
        return found, bool(ends_blank or machine.is_next_line_blank())

    def section(
        self,
        title: str,
        source: str,
        style: object,
        lineno: int,
        messages: list[nodes.system_message],
    ) -> None:
        super().section(title, source, style, lineno, [])  # the messages repeat the heading


class _PageText(_PageState, states.Text):
    def underline(self, match: re.Match[str], context: list[str], next_state: str) -> object:
        """A heading where none may stand, as in a tab, is a line of text."""
        title = context[0].strip()
        is_text = len(match[0].rstrip()) < min(4, utils.column_width(title))
        if self.machine.match_titles or is_text:
            return super().underline(match, context, next_state)  # type: ignore[no-untyped-call]
        found, _ = self.inline_text(title, self.machine.abs_line_number())
        self.parent += nodes.rubric("", "", *found)
        return [], next_state, []


_TRANSITIONS: dict[type[_PageState], list[tuple[str, re.Pattern[str], str]]] = {}


def _page_class(state: type[states.RSTState]) -> type[states.RSTState]:
    bases = (_PageText if state is states.Text else _PageState, state)
    return type(state.__name__, bases, {"explicit": _EXPLICIT})


def _directive(state: _PageState, match: re.Match[str]) -> tuple[list[nodes.Node], bool]:
    return state.directive(match)


_EXPLICIT = SimpleNamespace(
    patterns=states.Body.explicit.patterns,
    constructs=[
        (_directive if build is states.Body.directive else build, pattern)
        for build, pattern in states.Body.explicit.constructs
    ],
)
STATE_CLASSES = tuple(_page_class(state) for state in states.state_classes)
