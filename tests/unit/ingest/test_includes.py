"""Laws of includes: what a page's text becomes, what it is made of, and what it must never reach."""

from collections.abc import Mapping

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ingest.core.includes import Expanded, PageText, expand_known, texts_of
from ingest.core.tree import FileContent
from schemas.errors import TooLarge
from schemas.events import MAX_PAGE_BYTES
from schemas.formats import SUFFIXES, Format

CODE = "import os\n\n# start\ndef f():\n    return 1\n# end\n"
FILES = {
    "docs/a.py": CODE,
    "docs/part.md": "# Part\n\nof *it*\n",
    "docs/part.rst": "of *it*\n",
    "docs/_part.mdx": "---\nx: 1\n---\npartial **x**\n",
    "docs/sub/deep.rst": ".. include:: sibling.rst\n",
    "docs/sub/sibling.rst": "sibling\n",
    "README.md": "# Read me\n\nSee [docs](http://x.io) and `code`.\n",
    "docs/ticks.py": "x = '```'\n",
    "docs/marked.py": "a\n# --8<-- [start:one]\nb\n# --8<-- [end:one]\nc\n",
    "docs/nested.md": 'before\n--8<-- "docs/part.rst"\nafter\n',
}


def expanded(
    text: str,
    *,
    format: Format = Format.RST,
    path: str | None = None,
    root: str = "docs",
    files: Mapping[str, str] = FILES,
) -> Expanded:
    """Expand one page in `docs/` against `files`, which become known as the page wants them."""
    suffix = next(suffix for suffix, other in SUFFIXES.items() if other is format)
    asked = PageText(text, path or f"docs/page{suffix}", format, root)
    known: dict[str, str | None] = {}
    while True:
        page = expand_known(asked, known)
        if not page.wanted:
            return page
        known |= {name: files.get(name) for name in page.wanted}


def squeezed(text: str) -> str:
    """The text without blank lines at its ends and double ones in it."""
    lines = text.strip("\n").split("\n")
    return "\n".join(line for i, line in enumerate(lines) if line or i == 0 or lines[i - 1])


@pytest.mark.parametrize(
    ("text", "becomes"),
    [
        ("a\n\n.. include:: part.rst\n\nb", "a\n\nof *it*\n\nb"),
        (".. include::\n   part.rst", "of *it*"),
        (".. include:: /part.rst", "of *it*"),
        (".. include:: /../docs/part.rst", "of *it*"),
        (".. include:: part.rst\n   :end-before: *", "of"),
        (".. include:: a.py\n   :literal:", None),
        (
            ".. include:: a.py\n   :code: python\n   :start-line: 3\n   :end-line: 4",
            ".. code-block:: python\n\n   def f():",
        ),
        (
            ".. include:: ../README.md\n   :parser: myst_parser.sphinx_",
            "Read me\n=======\n\nSee `docs <http://x.io>`__ and ``code``.",
        ),
        (".. mdinclude:: part.md", "Part\n====\n\nof *it*"),
        ("- item\n\n  .. include:: part.rst", "- item\n\n  of *it*"),
        ("1. .. include:: part.rst", "1. of *it*"),
        (".. note::\n   .. include:: part.rst", ".. note::\n\n   of *it*"),
        ("Title\n=====\n.. include:: part.rst", "Title\n=====\n\nof *it*"),
        (
            ".. literalinclude:: a.py\n   :language: python\n   :start-after: # start\n   :end-before: # end",
            ".. code-block:: python\n\n   def f():\n       return 1",
        ),
        (
            ".. literalinclude:: a.py\n   :caption: How\n   :lines: 4-5\n   :prepend: # new\n   :append: # done",
            ".. code-block::\n   :caption: How\n\n   # new\n   def f():\n       return 1\n   # done",
        ),
        (
            ".. literalinclude:: a.py\n   :pyobject: f\n   :emphasize-lines: 2",
            ".. code-block::\n\n   def f():\n       return 1",
        ),
        (
            ".. literalinclude:: a.py\n   :start-at: return\n   :end-at: return\n   :dedent:",
            ".. code-block::\n\n   return 1",
        ),
        (".. include:: sub/deep.rst", "sibling"),
        (
            ".. literalinclude:: a.py\n   :start-at: # start\n   :end-before: #",
            ".. code-block::\n\n   # start\n   def f():\n       return 1",
        ),
    ],
)
def test_rst_reads_as_if_the_file_stood_there(text: str, becomes: str | None) -> None:
    page = expanded(text)

    assert not page.missing
    assert squeezed(page.text) == (becomes or squeezed(".. code-block::\n\n" + indented(CODE)))


def indented(text: str) -> str:
    return "\n".join(f"   {line}".rstrip() for line in text.strip("\n").split("\n"))


@pytest.mark.parametrize(
    ("text", "becomes"),
    [
        ("a\n\n```{include} part.md\n```\n\nb", "a\n\n# Part\n\nof *it*\n\nb"),
        ("```{include} part.md\n:heading-offset: 2\n```", "### Part\n\nof *it*"),
        (":::{include} part.md\n:::", "# Part\n\nof *it*"),
        ("```{include} part.rst\n```", "```{eval-rst}\nof *it*\n```"),
        ("```{include} _part.mdx\n```", "partial **x**"),
        (
            "```{literalinclude} a.py\n---\nlanguage: python\nlines: 4,5\n---\n```",
            "```python\ndef f():\n    return 1\n```",
        ),
        (
            "- item\n  ```{literalinclude} a.py\n  :lines: 4\n  ```\n- next",
            "- item\n  ```\n  def f():\n  ```\n- next",
        ),
        ("> ```{literalinclude} a.py\n> :lines: 4\n> ```", "> ```\n> def f():\n> ```"),
        ("```{literalinclude} ticks.py\n```", "````\nx = '```'\n````"),
        ("````{tab-set}\n```{include} part.md\n```\n````", "````{tab-set}\n\n# Part\n\nof *it*\n\n````"),
        (":::{note}\n```{literalinclude} a.py\n:lines: 1\n```\n:::", ":::{note}\n```\nimport os\n```\n:::"),
        ("```{eval-rst}\n.. include:: part.rst\n```", "```{eval-rst}\n\nof *it*\n\n```"),
        ('--8<-- "docs/part.rst"', "of *it*"),
        ('    --8<-- "docs/nested.md"', "    before\n    of *it*\n    after"),
        ("--8<--\ndocs/part.rst\n; docs/a.py\ndocs/a.py:4:5\n--8<--", "of *it*\ndef f():\n    return 1"),
        ('```python\n--8<-- "docs/a.py:4:5"\n```', "```python\ndef f():\n    return 1\n```"),
        ('--8<-- "docs/marked.py:one"', "b"),
        ('--8<-- "docs/marked.py"', "a\nb\nc"),
        ('--8<-- "part.rst"', "of *it*"),
        (';--8<-- "docs/part.rst"', '--8<-- "docs/part.rst"'),
        ("import X from './_part.mdx';\n\n<X />\n", "import X from './_part.mdx';\n\npartial **x**"),
        (
            "import X from '@site/docs/_part.mdx'\n\nsee <X a={1}></X>.",
            "import X from '@site/docs/_part.mdx'\n\nsee partial **x**.",
        ),
        (
            "import Py from '!!raw-loader!./ticks.py';\n\n<CodeBlock language=\"py\">{Py}</CodeBlock>",
            "import Py from '!!raw-loader!./ticks.py';\n\n````py\nx = '```'\n````",
        ),
    ],
)  # fmt: skip
def test_markdown_reads_as_if_the_file_stood_there(text: str, becomes: str) -> None:
    page = expanded(text, format=Format.MARKDOWN)

    assert not page.missing
    assert squeezed(page.text) == becomes


@pytest.mark.parametrize(
    ("text", "format"),
    [
        (".. code-block:: rst\n\n   .. include:: part.rst\n", Format.RST),
        ("Example::\n\n   .. include:: part.rst\n", Format.RST),
        ("- Example::\n\n    .. include:: part.rst\n", Format.RST),
        (".. a comment\n   .. include:: part.rst\n", Format.RST),
        ("running text\n.. include:: part.rst\n", Format.RST),
        ("``.. include:: part.rst``\n", Format.RST),
        ("````md\n```{include} part.md\n```\n````\n", Format.MARKDOWN),
        ("````{code-block} md\n```{include} part.md\n```\n````\n", Format.MARKDOWN),
        ("~~~\n```{include} part.md\n```\n~~~\n", Format.MARKDOWN),
        ("`--8<-- \"docs/part.rst\"`\n", Format.MARKDOWN),
        ("import X from './_part.mdx'\n".replace("import", "```\nimport") + "<X />\n```\n", Format.MARKDOWN),
        ("import X from 'react'\n\n<X />\n", Format.MARKDOWN),
        ('{"cells": [".. include:: part.rst"]}', Format.NOTEBOOK),
        ("<p>.. include:: part.rst</p>", Format.HTML),
    ],
)  # fmt: skip
def test_an_example_of_an_include_stays_an_example(text: str, format: Format) -> None:
    page = expanded(text, format=format)

    assert page.text == text
    assert page.depends == frozenset()


@pytest.mark.parametrize(
    "inside", ['--8<-- "docs/part.rst"', '--8<-- "missing.md"', "```{include} part.md\n```"]
)
def test_a_comment_stays_whole_whatever_it_would_include(inside: str) -> None:
    """What is put in place of an include may hold the end of a comment, and show what stands behind it."""
    text = f"seen\n\n<!--\n{inside}\nnot for readers\n-->\n\nseen\n"

    assert expanded(text, format=Format.MARKDOWN).text == text


@pytest.mark.parametrize("before", ["<!-- one line -->", "a `<!--` in code", "<!---->"])
def test_behind_a_comment_includes_go_on(before: str) -> None:
    page = expanded(f'{before}\n--8<-- "docs/part.rst"\n', format=Format.MARKDOWN)

    assert page.depends == {"docs/part.rst"}


def test_a_tag_in_a_code_span_stays_an_example() -> None:
    page = expanded("import X from './_part.mdx'\n\n`<X />` and <X/>", format=Format.MARKDOWN)

    assert page.text.endswith("\n\n`<X />` and partial **x**")


@pytest.mark.parametrize(
    ("text", "format", "placeholder"),
    [
        (".. include:: absent.rst", Format.RST, ".. not in this repository; absent.rst"),
        (".. literalinclude:: absent.py\n   :lines: 1", Format.RST, ".. not in this repository; absent.py"),
        (".. literalinclude:: a.py\n   :start-after: nowhere", Format.RST, ".. nothing chosen of; a.py"),
        ("```{include} absent.md\n```", Format.MARKDOWN, "<!-- not in this repository: absent.md -->"),
        ("```\n--8<-- \"absent.py\"\n```", Format.MARKDOWN, "```\n\n```"),
    ],
)  # fmt: skip
def test_a_missing_target_leaves_a_comment_that_is_always_the_same(
    text: str, format: Format, placeholder: str
) -> None:
    first, second = expanded(text, format=format), expanded(text, format=format)

    assert first == second
    assert squeezed(first.text) == placeholder


def test_a_missing_target_is_a_dependency_so_that_its_appearance_counts() -> None:
    page = expanded(".. include:: absent.rst\n\n.. include:: part.rst")

    assert page.missing == {"docs/absent.rst"}
    assert page.depends == {"docs/absent.rst", "docs/part.rst"}


def test_a_file_that_would_go_before_the_one_found_is_a_dependency() -> None:
    page = expanded('--8<-- "part.rst"', format=Format.MARKDOWN)

    assert page.depends == {"part.rst", "docs/part.rst"}
    assert page.missing == frozenset()


def test_without_a_known_root_an_absolute_name_is_looked_for_above_the_page() -> None:
    page = expanded(".. include:: /part.rst", path="docs/sub/page.rst", root="")

    assert squeezed(page.text) == "of *it*"


def test_in_a_nested_file_names_start_at_the_page_and_then_at_the_file() -> None:
    both = FILES | {"docs/sibling.rst": "beside the page\n"}

    assert squeezed(expanded(".. include:: sub/deep.rst").text) == "sibling"
    assert squeezed(expanded(".. include:: sub/deep.rst", files=both).text) == "beside the page"


@pytest.mark.parametrize(
    "name",
    [
        "../../etc/passwd",
        "/../../etc/passwd",
        "/../../../../../../etc/passwd",
        "https://example.org/x.rst",
        "file:///etc/passwd",
        "//host/share",
        "C:\\x.rst",
        "<isonum.txt>",
        "~/x.rst",
        "..",
        "a\x07.rst",
    ],
)
@pytest.mark.parametrize(
    ("shape", "format"),
    [
        (".. include:: {}", Format.RST),
        (".. literalinclude:: {}", Format.RST),
        ("```{{literalinclude}} {}\n```", Format.MARKDOWN),
        ('--8<-- "{}"', Format.MARKDOWN),
    ],
)
def test_s11_nothing_outside_of_the_repository_is_asked_for(
    name: str, shape: str, format: Format
) -> None:
    page = expand_known(PageText(shape.format(name), "docs/page.x", format, "docs"), {})

    assert not [path for path in page.wanted if path.startswith(("/", "..", "~")) or ":" in path]
    assert not page.wanted or ".." not in name


def test_cycles_and_depth_end() -> None:
    loop = {"docs/x.rst": ".. include:: y.rst\n", "docs/y.rst": "y\n\n.. include:: x.rst\n"}
    chain = {f"docs/c{n}.rst": f"level {n}\n\n.. include:: c{n + 1}.rst\n" for n in range(9)}

    around = expanded(".. include:: x.rst", files=loop)
    own = expanded(".. include:: page.rst", files={"docs/page.rst": "x"})
    deep = expanded(".. include:: c0.rst", files=chain)

    assert squeezed(around.text) == "y\n\n.. includes itself; x.rst"
    assert squeezed(own.text) == ".. includes itself; page.rst"
    assert "level 4" in deep.text
    assert "level 5" not in deep.text
    assert "nested too deep" in deep.text


def test_a_page_that_grows_over_its_cap_stops_early() -> None:
    files = {"docs/big.rst": "x" * 2**20 + "\n"}
    text = ".. include:: big.rst\n\n" * 30

    with pytest.raises(TooLarge) as failure:
        expanded(text, files=files)

    assert failure.value.size_bytes < 2 * MAX_PAGE_BYTES


def test_many_includes_of_one_line_of_a_large_file_stop_early() -> None:
    text = ".. literalinclude:: big.py\n   :lines: 1\n\n" * 100

    with pytest.raises(TooLarge):
        expanded(text, files={"docs/big.py": "x\n" * 2**20})


def test_includes_of_includes_do_not_multiply_without_end() -> None:
    files = {f"docs/{n}.rst": f".. include:: {n + 1}.rst\n" * 40 for n in range(5)}

    with pytest.raises(TooLarge):
        expanded(".. include:: 0.rst", files=files)
    with pytest.raises(TooLarge):
        expanded(".. include:: absent.rst\n\n" * 5000)


def test_only_texts_may_be_included() -> None:
    files = {
        "utf8.py": FileContent("1", 4, b"\xef\xbb\xbfa\r\nb"),
        "latin.py": FileContent("2", 1, b"\xe9"),
        "large.py": FileContent("3", 10**9, None),
    }

    assert texts_of(files) == {"utf8.py": "a\nb"}


RST_LINES = [
    *(
        ".. include:: part.rst",
        ".. literalinclude:: a.py",
        ".. include::",
        "   :lines: 1",
        "   :literal:",
    ),
    *(
        "text",
        "text::",
        "",
        "   deep",
        ".. note::",
        "- x",
        ".. c",
        "``` x",
        "..",
        "=====",
        "..  include:: a",
    ),
]
MARKDOWN_LINES = [
    *(
        "```{include} part.md",
        "```",
        ":::{note}",
        ":::",
        '--8<-- "docs/part.rst"',
        "--8<--",
        "---",
        ":lines: 1",
    ),
    *("import X from './_part.mdx'", "<X />", "text", "", "  - x", "> q", "````", "```{eval-rst}"),
    *(".. include:: part.rst", "> ```{literalinclude} a.py", '--8<-- "', "`<X/>", "~~~~"),
]


@settings(deadline=None)
@given(
    st.lists(st.sampled_from(RST_LINES), max_size=12),
    st.lists(st.sampled_from(MARKDOWN_LINES), max_size=12),
)
def test_any_arrangement_of_lines_ends_and_stays_in_the_repository(
    rst: list[str], markdown: list[str]
) -> None:
    for lines, format in ((rst, Format.RST), (markdown, Format.MARKDOWN)):
        page = expanded("\n".join(lines), format=format)

        assert not page.wanted
        assert page.missing <= page.depends
        assert not [path for path in page.depends if path.startswith(("/", "../"))]


@settings(deadline=None)
@given(st.lists(st.sampled_from([*RST_LINES, *MARKDOWN_LINES]), max_size=12))
def test_a_text_without_a_filled_include_keeps_every_line(lines: list[str]) -> None:
    text = "\n".join(lines)

    for format in (Format.RST, Format.MARKDOWN):
        page = expanded(text, format=format, files={})
        if not page.depends and "--8<--" not in lines and "include::" not in text:
            assert page.text == text or "{eval-rst}" in text
