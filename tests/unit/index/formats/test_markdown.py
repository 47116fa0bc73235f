from collections.abc import Mapping

import pytest
from hypothesis import given
from hypothesis import strategies as st

from index.core.formats.dialects import detect_dialect
from index.core.formats.invisible import strip_invisible
from index.core.formats.markdown import parse_markdown
from index.core.formats.markdown_roles import role_text
from index.core.pages import Block, BlockKind, ParsedPage
from schemas.formats import Dialect


def _parse(text: str, dialect: Dialect = Dialect.GITHUB) -> ParsedPage:
    return parse_markdown(text, dialect=dialect)


def _blocks(text: str, dialect: Dialect = Dialect.GITHUB) -> list[Block]:
    return [block for section in _parse(text, dialect).sections for block in section.blocks]


def _texts(text: str, dialect: Dialect = Dialect.GITHUB) -> list[str]:
    return [block.text for block in _blocks(text, dialect)]


def _anchors(text: str, dialect: Dialect) -> list[str]:
    return [section.anchor for section in _parse(text, dialect).sections]


def test_a_section_holds_its_own_text_and_the_path_to_it() -> None:
    page = _parse("before\n# A\none\n## B\ntwo\n# C\n")

    assert page.title == "A"
    assert [(section.path, len(section.blocks)) for section in page.sections] == [
        ((), 1),
        (("A",), 1),
        (("A", "B"), 1),
        (("C",), 0),
    ]


def test_front_matter_names_the_page_before_its_heading_does() -> None:
    assert _parse("---\ntitle: Named\n---\n# Heading\n").title == "Named"
    assert _parse("## Only a second level\n").title == ""


def test_inline_marks_leave_what_a_reader_sees() -> None:
    text = "A **bold** [label](http://x) ![alt](y.png) `c  d` <b>html</b> ~~old~~\nnext\\\nline[^1]"

    assert _texts(f"{text}\n\n[^1]: note") == ["A bold label alt c  d html old next\nline", "note"]


def test_a_list_is_one_block_of_lines() -> None:
    text = "- a\n  wrapped\n\n  1. b\n\n     ```\n       code\n     ```\n- c\n"

    assert _blocks(text) == [Block(BlockKind.LIST, "- a wrapped\n  - b\n      code\n- c")]


def test_code_keeps_every_space() -> None:
    text = "```py\n\n  a =  1\n\n\tb\n```\n\n    indented\n      more\n"

    assert _blocks(text) == [
        Block(BlockKind.CODE, "\n  a =  1\n\n\tb"),
        Block(BlockKind.CODE, "indented\n  more"),
    ]


def test_a_table_is_one_line_a_row() -> None:
    text = (
        "| a | `b` |\n|---|---|\n| 1 | *2* |\n\n<table><tr><td>3</td><td><p>4<p>5</td></tr></table>"
    )

    assert _blocks(text) == [
        Block(BlockKind.TABLE, "a | b\n1 | 2"),
        Block(BlockKind.TABLE, "3 | 4 5"),
    ]


@pytest.mark.parametrize(
    ("dialect", "text"),
    [
        (Dialect.MYST, ":::{note}\nBody *x*\n```\ncode\n```\n- item\n:::"),
        (Dialect.MYST, "````{note} Body *x*\n```\ncode\n```\n- item\n````"),
        (Dialect.MYST, "```{eval-rst}\n.. note:: Body *x*\n\n   ::\n\n     code\n\n   - item\n```"),
        (Dialect.MKDOCS, "!!! note\n    Body *x*\n\n    ```\n    code\n    ```\n\n    - item"),
        (
            Dialect.MKDOCS,
            '???+ tip "Note"\n    Body *x*\n\n    ```\n    code\n    ```\n\n    - item',
        ),
        (Dialect.DOCUSAURUS, ":::note\n\nBody *x*\n```\ncode\n```\n- item\n\n:::"),
        (Dialect.DOCUSAURUS, "::::tip[Note]\nBody *x*\n```\ncode\n```\n- item\n::::"),
        (Dialect.GITHUB, "> [!NOTE]\n> Body *x*\n> ```\n> code\n> ```\n> - item"),
    ],
)
def test_an_admonition_is_whole_under_its_title(dialect: Dialect, text: str) -> None:
    admonition, *more = _blocks(text, dialect)

    assert (admonition.kind, more) == (BlockKind.ADMONITION, [])
    assert [line for line in admonition.text.split("\n") if line != ":"] == [
        "Note",
        "Body x",
        "code",
        "- item",
    ]


def test_tabs_and_cards_are_ordinary_text() -> None:
    myst = "````{tab-set}\n```{tab-item} One\n:sync: a\n\ntext\n```\n````\n:::{card} Card\nx\n^^^\ny\n:::"
    mkdocs = '=== "One"\n\n    text\n\n## After\n'
    mdx = '<Tabs>\n  <TabItem value="a" label="One">\n\n    *text*\n\n  </TabItem>\n</Tabs>'

    assert _texts(myst, Dialect.MYST) == ["One", "text", "Card", "x", "y"]
    assert _texts(mkdocs, Dialect.MKDOCS) == ["One", "text"]
    assert _texts(mdx, Dialect.DOCUSAURUS) == ["One", "text"]


def test_a_heading_inside_a_tab_is_a_section_where_the_generator_makes_it_one() -> None:
    inside = "## In a tab"

    assert _anchors(f'=== "One"\n\n    {inside}\n', Dialect.MKDOCS) == ["", "in-a-tab"]
    assert _texts(f":::{{dropdown}} One\n{inside}\n:::", Dialect.MYST) == ["One", "In a tab"]


@pytest.mark.parametrize(
    "text",
    [
        "<!-- secret -->",
        "a <!-- secret --> b",
        "<div hidden>\n\nsecret\n\n# secret\n\n</div>",
        '<p aria-hidden="true">secret</p>',
        '<span style="color: red; DISPLAY : none">secret</span>',
        "<b style='visibility:hidden'>secret</b>",
        "<script>secret</script>",
        "<style>\n\nsecret\n\n</style>",
        "<template><p>secret</template>",
        "| a |\n|---|\n| <i hidden>secret</i> |",
        "- <i hidden>secret</i>",
        "[](secret)",
        "[secret]: http://x",
    ],
)
def test_hidden_text_never_shows(text: str) -> None:
    page = _parse(f"shown\n\n{text}\n\nshown")

    assert "secret" not in repr(page)
    assert "shown" in repr(page)


def test_what_can_be_opened_is_shown() -> None:
    details = "<details><summary>More</summary>\n\ninside\n\n</details>"
    panel = '<div role="tabpanel" hidden>panel</div>'

    assert _texts(f"{details}\n\n{panel}") == ["More", "inside", "panel"]


def test_an_unclosed_title_does_not_swallow_the_page() -> None:
    text = "<title>\n\n<xmp>\n\n<plaintext>\n\n# After\n"

    assert _anchors(text, Dialect.GITHUB) == ["after"]


def test_invisible_characters_do_not_reach_the_text() -> None:
    page = _parse("# A\u200bb\n\nc\u202ed &#8203;e\n\n```\nf\u2060g\n```\n")

    assert repr(page) == strip_invisible(repr(page))
    assert page.title == "Ab"


def test_anchors_follow_the_dialect() -> None:
    text = "# What's new?\n## A_b\n## A_b\n"

    assert _anchors(text, Dialect.MYST) == ["what-s-new", "a-b", "id1"]
    assert _anchors(text, Dialect.MKDOCS) == ["whats-new", "a_b", "a_b_1"]
    assert _anchors(text, Dialect.DOCUSAURUS) == ["whats-new", "a_b", "a_b-1"]
    assert _anchors(text, Dialect.GITHUB) == ["whats-new", "a_b", "a_b-1"]


def test_an_id_set_by_hand_is_the_anchor() -> None:
    assert _anchors("# A {: #b .c }\n", Dialect.MKDOCS) == ["b"]
    assert _anchors("# A {#b}\n## C {/* #d */}\n", Dialect.DOCUSAURUS) == ["b", "d"]
    assert _anchors("(b)=\n# A\n\n(b_2)=\n# A\n", Dialect.MYST) == ["a", "b-2"]
    assert _anchors('<h2 id="b">A <em>x</em></h2>\n', Dialect.MYST) == ["b"]


def test_attribute_lists_and_icons_are_not_text() -> None:
    text = "[Go](x){ .md-button } :material-star: and {braces}\n\n[TOC]\n\n--8<-- 'file.md'\n\n*[HTML]: hover\n"

    assert _texts(text, Dialect.MKDOCS) == ["Go and {braces}"]


def test_markdown_inside_html_is_read_where_it_is_marked() -> None:
    text = "<div class='grid' markdown>\n*a*\n</div>\n# B\n"

    assert _texts(text, Dialect.MKDOCS) == ["a"]
    assert _anchors(text, Dialect.MKDOCS) == ["", "b"]


def test_myst_drops_what_is_not_shown() -> None:
    text = "% comment\n+++\n(label)=\n```{toctree}\npage\n```\n```{include} x.md\n```\nshown"

    assert _texts(text, Dialect.MYST) == ["shown"]


def test_myst_directives_show_their_text() -> None:
    figure = "```{figure} a.png\n:alt: An alt\n\nA *caption*\n```"
    code = "```{code-block} python\n---\ncaption: A file\n---\n\nx  = 1\n```"
    rows = "```{list-table}\n* - a\n  - b\n* - c\n  - `d`\n```"
    values = "```{csv-table}\n:header: h, i\n\n1, *2*\n```"

    assert _texts(figure, Dialect.MYST) == ["An alt", "A caption"]
    assert _blocks(code, Dialect.MYST)[1] == Block(BlockKind.CODE, "x  = 1")
    assert _texts(rows, Dialect.MYST) == ["a | b\nc | d"]
    assert _texts(values, Dialect.MYST) == ["h | i\n1 | 2"]


def test_a_substitution_is_resolved_when_the_page_defines_it() -> None:
    text = "---\nmyst: {substitutions: {v: '**2** {{v}}'}}\n---\n{{ v }} {{ w }}"

    assert _texts(text, Dialect.MYST) == ["2 2 {{ w }}"]


@pytest.mark.timeout(30)
def test_substitutions_and_shared_links_do_not_multiply_a_page() -> None:
    value = "{{v}}" * 2_000
    text = f"---\nmyst: {{substitutions: {{v: '{value}'}}}}\n---\n" + "{{v}} ![x][y] [][y] " * 2_000
    text += f"\n\n[y]: {'z' * 50_000}"

    assert len(repr(_parse(text, Dialect.MYST))) < 3 * len(text) + 1_000_000


def test_rst_headings_stand_below_the_heading_around_them() -> None:
    text = "# A\n```{eval-rst}\nB\n---\n\n:ref:`text <x>` and `link <http://y>`_\n```\n"

    page = _parse(text, Dialect.MYST)

    assert [section.path for section in page.sections] == [("A",), ("A", "B")]
    assert page.sections[1].blocks[0].text == "text and link"


def test_mdx_code_is_not_text() -> None:
    text = (
        "import Tabs from '@theme/Tabs';\nexport const a = 1;\n\n"
        "{/* secret\n\nsecret */}\n\nimport your data {'first'}{/* secret */}.\n\n"
        "a <Badge on={() => 'x > y'} />b\n"
    )

    assert _texts(text, Dialect.DOCUSAURUS) == ["import your data first.", "a b"]


def test_math_keeps_its_marks() -> None:
    assert _texts("So $a_b*c*d_e$ costs $5 or $6\n\n$$\nx_1\n$$") == [
        "So a_b*c*d_e costs $5 or $6",
        "x_1",
    ]


@pytest.mark.parametrize(
    ("name", "content", "shown"),
    [
        ("ref", "Title <label>", "Title"),
        ("ref", "label", "label"),
        ("doc", "/path/page", "page"),
        ("class", "~a.b.C", "C"),
        ("py:class", "a.b.C", "a.b.C"),
        ("meth", "~C.run", "run()"),
        ("term", "word", "word"),
        ("math", "a < b > c", "a < b > c"),
        ("octicon", "star", ""),
        ("pep", "8", "PEP 8"),
    ],
)
def test_a_role_shows_what_the_page_shows(name: str, content: str, shown: str) -> None:
    assert role_text(name, content) == shown
    assert "".join(_texts(f"{{{name}}}`{content}`", Dialect.MYST)) == shown


@pytest.mark.parametrize(
    ("text", "dialect"),
    [
        ("(label)=\n# A", Dialect.MYST),
        (":::{note}\n:::", Dialect.MYST),
        ("see {ref}`a`", Dialect.MYST),
        ("!!! note\n    x", Dialect.MKDOCS),
        ('=== "Tab"', Dialect.MKDOCS),
        ("# A {: #b }", Dialect.MKDOCS),
        (":::note\n:::", Dialect.DOCUSAURUS),
        ("# A {#b}", Dialect.DOCUSAURUS),
        ("<Tabs>", Dialect.DOCUSAURUS),
        ("# A\n\n> [!NOTE]\n> x", Dialect.GITHUB),
        ("```\n!!! note\n```", Dialect.GITHUB),
    ],
)
def test_the_dialect_is_told_from_the_syntax_outside_of_code(text: str, dialect: Dialect) -> None:
    assert detect_dialect(text) is dialect


MARKS = """
    [ ] * _ ` ``` < > <div> </div> hidden ( ) { } {note} ::: !!! === " ' # ## | - 1. & $ $$ {{a}}
    <table> <td> <li> <!-- --> {/* */} import % (l)= [^1] [^1]: {eval-rst} .. ::: --- +++ <pre>
    <svg> <h2> > [!NOTE] ~~ \\ {ref}`a` {#i} <T a={ /> <textarea> \ud800 \x00 \u200b é
"""
pieces = st.sampled_from(MARKS.split())
spaces = st.sampled_from(["", " ", "\n", "\n\n", "\n    ", "\t", "\r\n"])
scraps = st.lists(st.tuples(pieces, spaces), max_size=30).map(
    lambda pairs: "".join(piece + space for piece, space in pairs)
)


@given(st.text() | scraps, st.sampled_from(Dialect))
def test_any_text_is_a_page(text: str, dialect: Dialect) -> None:
    page = parse_markdown(text, dialect=dialect)

    for section in page.sections:
        assert section.path[-1:] == ((section.heading,) if section.path else ())
        assert section.path or section.blocks
        assert all(block.text.strip() for block in section.blocks)
        assert all(strip_invisible(block.text) == block.text for block in section.blocks)


@given(scraps, st.sampled_from(Dialect))
def test_a_hidden_element_hides_whatever_it_holds(text: str, dialect: Dialect) -> None:
    inside = text.replace("<", "").replace("`", "").replace("$", "")

    page = parse_markdown(f"<div hidden>\n\nsecret\n\n{inside} secret", dialect=dialect)

    assert "secret" not in repr(page)


@given(st.lists(st.sampled_from(["A", "a", "A 1", "`a_1`", "*b*", "日本"]), max_size=8))
def test_headings_written_in_markdown_have_anchors_of_their_own(headings: list[str]) -> None:
    text = "\n\n".join(f"# {heading}" for heading in headings)

    for dialect in (Dialect.MYST, Dialect.MKDOCS, Dialect.DOCUSAURUS, Dialect.GITHUB):
        anchors = _anchors(text, dialect)
        assert len(set(anchors)) == len(headings)


@pytest.mark.timeout(30)
@pytest.mark.parametrize(
    "unit", ["[", "*", "`", "<b>", "> ", "{a}`", "<A {", ":::{note}\n", "| a ", "x"]
)
def test_a_page_of_one_repeated_mark_is_read_in_time(unit: str) -> None:
    text = unit * (20_000 // len(unit))

    page = parse_markdown(f"{text}\n\nend", dialect=Dialect.MYST)

    assert page.sections[-1].blocks[-1].text.endswith("end")


def test_real_pages_keep_their_words(ray_docs: Mapping[str, str]) -> None:
    pages = {path: text for path, text in ray_docs.items() if path.endswith(".md")}
    for path, text in pages.items():
        prose = [line for line in text.split("\n") if line[:1].isalpha() and "`" not in line]
        words = {word for line in prose for word in line.split() if word.isalpha()}

        page = parse_markdown(text, dialect=Dialect.MYST)

        shown = " ".join(
            block.text for section in page.sections for block in section.blocks
        ).split()
        assert len(words - set(shown)) <= 0.1 * len(words) + 5, path
