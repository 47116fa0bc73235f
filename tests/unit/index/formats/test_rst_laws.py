"""Laws that hold for any text at all."""

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from index.core.formats.rst import page_fields, parse_rst
from index.core.pages import ParsedPage
from schemas.errors import UnreadablePage

MESSAGES = (
    "Unknown directive type",
    "Unknown interpreted text role",
    "Unexpected indentation",
    "ends without a blank line",
    "start-string without end-string",
    "Duplicate explicit target name",
    "Malformed table",
    "System Message",
)
PIECES = (
    "word",
    "two words",
    "*",
    "**",
    "`",
    "``",
    "|",
    "_",
    "__",
    ":",
    "::",
    "..",
    ".. ",
    "\\",
    "<",
    ">",
    "[1]_",
    "[#]_",
    "(a)",
    "- ",
    "* ",
    "1. ",
    "#. ",
    ":f: ",
    ":ref:`a <b>`",
    ":x:`~a.b`",
    "|s|",
    "\n",
    "\n\n",
    "\n   ",
    "\n      ",
    "\t",
    "====",
    "----",
    "~~~",
    "+--+",
    "| a |",
    "== ==",
    ">>> ",
    "-a  ",
    ".. note:: ",
    ".. x:: ",
    ".. code-block:: py",
    ".. only:: x",
    ".. |s| replace:: ",
    ".. |s| image:: ",
    ".. |s| unicode:: 0x0 ",
    ".. _l:",
    ".. [1] ",
    ".. list-table::",
    ".. csv-table::",
    ".. glossary::",
    ".. raw:: html\n\n   <p>",
    ".. role:: r(code)",
    ".. default-role:: ",
    ".. table:: ",
    ".. class:: ",
    ".. versionadded:: ",
    ".. grid-item-card:: ",
    "^^^",
    "+++",
    "設定",
    "\x00",
    "9" * 5000,
)
marked_up = st.lists(st.sampled_from(PIECES), max_size=40).map("".join)


def words_of(page: ParsedPage) -> str:
    texts = (
        text
        for section in page.sections
        for text in (section.heading, *(block.text for block in section.blocks))
    )
    return "\n".join(texts)


def parsed(text: str) -> ParsedPage | None:
    try:
        return parse_rst(text)
    except UnreadablePage:
        return None


@given(st.one_of(marked_up, st.text(max_size=200)))
@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_any_text_is_read_alike_twice_without_a_message_in_it(text: str) -> None:
    first = parsed(text)
    second = parsed(text)

    assert first == second
    assert first is None or not any(message in words_of(first) for message in MESSAGES)


@given(st.lists(st.from_regex(r"[a-z]{1,8}( [a-z]{1,8}){0,6}", fullmatch=True), max_size=8))
@settings(max_examples=50, deadline=None)
def test_plain_paragraphs_come_back_as_they_are(paragraphs: list[str]) -> None:
    page = parse_rst("\n\n".join(paragraphs))

    assert [block.text for section in page.sections for block in section.blocks] == paragraphs


@given(st.one_of(marked_up, st.text(max_size=200)))
@settings(max_examples=100, deadline=None)
def test_page_fields_read_any_text(text: str) -> None:
    assert all(name == name.lower() for name in page_fields(text))


def test_a_broken_page_says_nothing_to_the_terminal(capfd: pytest.CaptureFixture[str]) -> None:
    parsed("A\n=====\nB\n--\n\n*open `open :x:`y\n  .. z::\n\n.. _a:\n.. _a:\n\n+--+\n|\n")

    assert capfd.readouterr() == ("", "")
