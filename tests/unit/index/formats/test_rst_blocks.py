"""What reStructuredText body elements become."""

import re

import pytest

from index.core.formats.rst import parse_rst
from index.core.pages import Block, BlockKind

GRID = "+---+-----+\n| a | b   |\n+===+=====+\n| c | * d |\n|   | * e |\n+---+-----+\n"
SIMPLE = "=====  =====\nA      B\n=====  =====\n``x``  long\n       text\n=====  =====\n"


def blocks(text: str) -> list[tuple[str, str]]:
    return [
        (block.kind.value, block.text)
        for section in parse_rst(text).sections
        for block in section.blocks
    ]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("One\ntwo  three.\n\nFour.\n", [("prose", "One two three."), ("prose", "Four.")]),
        ("* a\n* b\n  c\n\n  d\n", [("list", "- a\n- b c\n  d")]),
        ("1. a\n\n   * b\n\n     - c\n\n2. d\n", [("list", "- a\n  - b\n    - c\n- d")]),
        ("* Run::\n\n    x = 1\n\n    y\n", [("list", "- Run:\n  x = 1\n\n  y")]),
        ("term : kind\n  Said.\n\n  More.\n", [("list", "- term (kind): Said.\n  More.")]),
        ("x\n\n:name: body\n:flag:\n", [("prose", "x"), ("list", "- name: body\n- flag")]),
        ("-a, --all FILE  Do it.\n-b            No.\n", [("list", "- -a, --all FILE: Do it.\n- -b: No.")]),
        ("See::\n\n  a  b\n\n    c\n", [("prose", "See:"), ("code", "a  b\n\n  c")]),
        ("::\n\n> quoted\n> lines\n", [("code", "> quoted\n> lines")]),
        (">>> 1 + 1\n2\n", [("code", ">>> 1 + 1\n2")]),
        (GRID, [("table", "a | b\nc | - d - e")]),
        (SIMPLE, [("table", "A | B\nx | long text")]),
        ("| a\n|   b\n", [("prose", "a\nb")]),
        ("  quoted\n\n  -- Someone\n", [("prose", "quoted"), ("prose", "Someone")]),
        ("a\n\n----\n\nb\n", [("prose", "a"), ("prose", "b")]),
        ("a\n\n.. a comment\n   of two lines\n\nb\n", [("prose", "a"), ("prose", "b")]),
        ("a [1]_ [#x]_ [CIT]_\n\n.. [1] n\n.. [#x] m\n.. [CIT] c\n",
         [("prose", "a [1] [x] [CIT]"), ("prose", "[1] n"), ("prose", "[x] m"), ("prose", "[CIT] c")]),
    ],
)  # fmt: skip
def test_a_body_element_is_one_block(text: str, expected: list[tuple[str, str]]) -> None:
    assert blocks(text) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("*a* **b** ``c  d`` `e`", "a b c d e"),
        (
            "`text <https://x.y>`_ and `alias <name_>`_ and name_ and `a phrase`__",
            "text and alias and name and a phrase",
        ),
        ("https://x.y/z?a=b and me@x.y", "https://x.y/z?a=b and me@x.y"),
        ("``RayActorError``\\s and \\*stars\\*", "RayActorErrors and *stars*"),
        ("``C:\\dir``", "C:\\dir"),
        ("_`target` here", "target here"),
        ("an *open start and a `stray one", "an *open start and a `stray one"),
        ("|known| |unknown|\n\n.. |known| replace:: a *b*", "a b unknown"),
        ("|logo|\n\n.. |logo| image:: l.png\n   :alt: The logo", "The logo"),
        ("|logo|\n\n.. |logo| image:: l.png", "logo"),
        ("|c| 2024\n\n.. |c| unicode:: 0xA9 .. sign", "© 2024"),
        ("|now|\n\n.. |now| date:: %Y", "now"),
        ("|a|\n\n.. |a| replace:: x |a|", "x a"),
    ],
)
def test_inline_markup_leaves_what_a_reader_sees(text: str, expected: str) -> None:
    assert blocks(text) == [("prose", expected)]


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        ("Para\n  * indented\nback\n", "Para indented back"),
        ("+---+\n| abc |\n+--x+\n", "abc"),
        ("=====  ==\none    toolong more\n=====  ==\n", "one toolong more"),
        ("* one\ntwo\n", "one two"),
        ("Head\n==\n\ntext\n", "Head text"),
        ("====\nHead\n=-=\n", "Head"),
        (".. |x|\n\n.. [1]\n\n.. _:\n\nwords\n", "words"),
        ("dup_\n\n.. _dup: a\n.. _dup: b\n\n.. _dup:\n\nwords\n", "dup words"),
        ("before\n\n::\n\nno indent\n", "before no indent"),
        (".. list-table::\n\n   no list\n", "no list"),
        (".. csv-table::\n   :quote: too long\n\n   one, two\n", "one two"),
        (".. table:: Caption\n\n   no table\n", "Caption no table"),
    ],
)
def test_broken_markup_loses_no_words_and_shows_no_messages(text: str, kept: str) -> None:
    words = " ".join(found for _, found in blocks(text))

    assert set(kept.split()) <= set(re.findall(r"\w+", words))
    assert not re.search("Malformed|Unexpected|Duplicate|Title|Error|WARNING", words)


def test_a_code_block_keeps_its_spaces() -> None:
    page = parse_rst(".. code-block:: python\n\n   def f():\n       return  1\n\n   f()\n")

    assert page.sections[0].blocks == (
        Block(BlockKind.CODE, "def f():\n    return  1\n\nf()"),
    )  # fmt: skip
