"""What the directives of Sphinx projects leave on a page."""

import pytest

from index.core.formats.rst import parse_rst


def blocks(text: str) -> list[tuple[str, str]]:
    return [
        (block.kind.value, block.text)
        for section in parse_rst(text).sections
        for block in section.blocks
    ]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (
            ".. code-block:: python\n   :emphasize-lines: 3,5\n   :made-up: x\n\n   a = 1\n",
            [("code", "a = 1")],
        ),
        (
            ".. code-block:: python\n   :caption: A *file*\n\n   a\n",
            [("prose", "A file"), ("code", "a")],
        ),
        (".. code-block:: bash\n   no blank line\n", [("code", "no blank line")]),
        (".. code-block::\n\n   bare\n", [("code", "bare")]),
        (".. testcode::\n     :a: 1\n       more\n     :b: 2\n\n   x\n", [("code", "x")]),
        (".. sourcecode:: c\n\n   int a;\n", [("code", "int a;")]),
        (".. doctest::\n   :options: +SKIP\n\n   >>> 1\n   1\n", [("code", ">>> 1\n1")]),
        (".. testcode::\n\n   x\n\n.. testoutput::\n\n   y\n", [("code", "x"), ("code", "y")]),
        (".. testcode::\n     :hide:\n\n   secret\n\n.. testsetup::\n\n   x\n", []),
        (".. parsed-literal::\n\n   a *b*\n     c\n", [("code", "a b\n  c")]),
        (".. prompt:: bash $\n\n   ls\n", [("code", "ls")]),
        (".. math:: a + b\n", [("code", "a + b")]),
        (
            ".. mermaid::\n   :caption: Flow\n\n   graph TD\n",
            [("prose", "Flow"), ("code", "graph TD")],
        ),
        (".. productionlist::\n   a: b\n", [("code", "a: b")]),
    ],
)
def test_code_is_kept_verbatim(text: str, expected: list[tuple[str, str]]) -> None:
    assert blocks(text) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (".. note:: One\n   line.\n\n   - item\n", "Note\nOne line.\n- item"),
        (".. note::\n   :class: x\n\n   Text.\n", "Note\nText."),
        (".. note::\n\n   Words go on\n   ...\n", "Note\nWords go on ..."),
        (".. seealso:: This.\n", "See also\nThis."),
        (".. admonition:: My *title*\n   :class: tip\n\n   Text.\n", "My title\nText."),
        (".. deprecated:: 2.0\n   Use :func:`f`.\n", "Deprecated since version 2.0\nUse f()."),
        (".. versionadded:: 2.0 The\n   argument.\n", "Added in version 2.0\nThe argument."),
        (".. versionchanged:: 2.1\n", "Changed in version 2.1"),
        (".. warning::\n\n   .. code-block:: sh\n\n      rm\n", "Warning\nrm"),
    ],
)
def test_an_admonition_is_its_title_and_its_whole_body(text: str, expected: str) -> None:
    assert blocks(text) == [("admonition", expected)]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (
            ".. list-table:: Cap\n   :header-rows: 1\n\n   * - a\n     - b\n   * - c\n     - d\n\n       e\n",
            "Cap\na | b\nc | d e",
        ),
        (
            '.. csv-table:: Cap\n   :header: x, y\n   :widths: 1, 2\n\n   1, "2, *3*"\n   4, 5\n',
            "Cap\nx | y\n1 | 2, 3\n4 | 5",
        ),
        (".. csv-table::\n   :delim: ;\n\n   1;2\n", "1 | 2"),
        (".. csv-table::\n   :escape: /\n\n   a/,b, c\n", "a,b | c"),
        (".. table:: Cap\n   :widths: auto\n\n   == ==\n   a  b\n   == ==\n", "Cap\na | b"),
    ],
)
def test_a_table_is_its_caption_and_its_rows(text: str, expected: str) -> None:
    assert blocks(text) == [("table", expected)]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (
            ".. tab-set::\n\n   .. tab-item:: One\n      :sync: x\n\n      a\n\n   .. tab-item:: Two\n\n      b\n",
            ["One", "a", "Two", "b"],
        ),
        (
            ".. tabs::\n\n   .. group-tab:: One\n\n      a\n\n   .. code-tab:: py Two\n\n      b\n",
            ["One", "a", "Two", "b"],
        ),
        (".. dropdown:: Title\n   :open:\n\n   a\n", ["Title", "a"]),
        (
            ".. grid:: 1 2 3\n   :gutter: 1\n\n   .. grid-item-card:: T\n      :link: x\n\n"
            "      h\n      ^^^\n      b\n      +++\n      f\n",
            ["T", "h", "b", "f"],
        ),
        (".. button-ref:: some-target\n   :color: primary\n\n   Read *on*\n", ["Read on"]),
        (".. button-ref:: some-target\n", ["some-target"]),
        (".. rubric:: A *line*\n", ["A line"]),
        (".. centered:: Mid\n", ["Mid"]),
        (".. topic:: T\n\n   a\n", ["T", "a"]),
        (".. epigraph:: a\n   b\n", ["a b"]),
        (".. hlist::\n   :columns: 2\n\n   * a\n", ["- a"]),
        (
            ".. figure:: f.png\n   :alt: Alt\n\n   Caption.\n\n   Legend.\n",
            ["Alt", "Caption.", "Legend."],
        ),
        (".. image:: f.png\n   :alt: Alt\n", ["Alt"]),
        (".. only:: html\n\n   a\n", ["a"]),
        (".. container:: wide\n\n   a\n", ["a"]),
    ],
)
def test_titles_and_contents_of_boxes_are_ordinary_text(text: str, expected: list[str]) -> None:
    assert [found for _, found in blocks(text)] == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (".. autoclass:: a.b.C\n   :members:\n", [("prose", "a.b.C")]),
        (".. autosummary::\n   :toctree: doc/\n\n   ~a.b\n   C.d\n", [("list", "- a.b\n- C.d")]),
        (
            ".. py:function:: f(a, b=1)\n              g()\n\n   Does.\n\n   :param a: first\n",
            [
                ("prose", "f(a, b=1)"),
                ("prose", "g()"),
                ("prose", "Does."),
                ("list", "- param a: first"),
            ],
        ),
        (
            ".. class:: C(x)\n\n   .. method:: m()\n\n      Does.\n",
            [("prose", "class C(x)"), ("prose", "m()"), ("prose", "Does.")],
        ),
        (".. click:: a.b:main\n   :prog: a b\n", [("prose", "a.b:main")]),
        (
            ".. glossary::\n   :sorted:\n\n   one\n   two\n      Both.\n\n   three\n      Other *one*.\n",
            [("list", "- one, two: Both.\n- three: Other one.")],
        ),
    ],
)
def test_descriptions_keep_their_signature_and_body(
    text: str, expected: list[tuple[str, str]]
) -> None:
    assert blocks(text) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (
            ".. made-up:: An *argument*\n   :option: dropped\n\n   Its\n   body.\n\n   * x\n",
            ["An argument", "Its body.", "- x"],
        ),
        (".. made-up::\n\n   .. also-made-up:: b\n\n      c\n", ["b", "c"]),
    ],
)
def test_an_unknown_directive_is_its_argument_and_its_content(
    text: str, expected: list[str]
) -> None:
    assert [found for _, found in blocks(text)] == expected


def test_headings_in_an_unknown_directive_are_sections_below_its_argument() -> None:
    page = parse_rst("A\n=\n\n.. made-up:: arg\n\n   B\n   -\n\n   x\n")

    assert [(section.heading, len(section.blocks)) for section in page.sections] == [
        ("A", 1),
        ("B", 1),
    ]


@pytest.mark.parametrize(
    "text",
    [
        ".. toctree::\n   :maxdepth: 1\n   :caption: Guides\n\n   a\n   b\n",
        ".. contents::\n   :local:\n",
        ".. currentmodule:: a.b\n",
        ".. index:: a, b\n",
        ".. meta::\n   :description: x\n",
        ".. todo:: later\n",
        ".. highlight:: python\n",
        ".. include:: /etc/passwd\n",
        ".. literalinclude:: /etc/passwd\n   :language: python\n",
        ".. csv-table::\n   :file: /etc/passwd\n",
        ".. raw:: latex\n\n   \\x\n",
        ".. raw:: html\n   :file: /etc/passwd\n",
        ".. raw:: html\n\n   <script>a()</script><p hidden>b</p><style>c</style>\n",
    ],
)
def test_what_is_no_text_is_dropped(text: str) -> None:
    assert blocks(text) == []


def test_raw_html_leaves_its_visible_words() -> None:
    html = "<h2>Big <b>words</b></h2><script>no()</script><p style='display: none'>no</p>end"
    text = f".. raw:: html\n\n   <div>{html}</div>\n"

    assert blocks(text) == [("prose", "Big words\nend")]


@pytest.mark.timeout(10)
def test_raw_html_of_thousands_of_tags_is_read_in_time() -> None:
    assert blocks(".. raw:: html\n\n   " + "<div>" * 20_000 + "deep\n") == [("prose", "deep")]


def test_raw_html_in_a_substitution_stands_where_it_is_used() -> None:
    text = ".. |b| raw:: html\n\n   <b>bold</b><p hidden>x</p>\n\nSome |b| text.\n"

    assert blocks(text) == [("prose", "Some bold text.")]
