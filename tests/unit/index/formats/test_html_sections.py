"""Which sections a page has, and where each of them is to be found."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from index.core.formats.html import is_listed, parse_html
from index.core.pages import ParsedPage

METHOD = """<dl class="py method"><dt class="sig sig-object py" id="pkg.Rocket.launch">
<span class="sig-prename descclassname"><span class="pre">Rocket.</span></span><span
 class="sig-name descname"><span class="pre">launch</span></span><span class="sig-paren">(</span><em
 class="sig-param"><span class="n">at</span><span class="p">:</span><span class="w"> </span><span
 class="n">int</span></em>, <em class="sig-param"><span class="o">*</span></em><span
 class="sig-paren">)</span> <span class="sig-return">&#x2192; bool</span><a class="headerlink"
 href="#pkg.Rocket.launch">#</a></dt><dd>BODY</dd></dl>"""


def shape_of(page: ParsedPage) -> list[tuple[tuple[str, ...], str, str]]:
    return [
        (section.path, section.anchor, " / ".join(block.text for block in section.blocks))
        for section in page.sections
    ]


def sections_of(body: str) -> list[tuple[tuple[str, ...], str, str]]:
    return shape_of(parse_html(f"<html><body>{body}</body></html>"))


def test_text_above_the_first_heading_has_no_path() -> None:
    assert sections_of("<p>top</p><h2 id=a>A</h2>") == [((), "", "top"), (("A",), "a", "")]


def test_a_path_leads_from_the_first_level_down() -> None:
    body = "<h1>A</h1><h3>B</h3>b<h2>C</h2>c<h3>D</h3>d<h1>E</h1>e"

    paths = [path for path, _, _ in sections_of(body)]

    assert paths == [("A",), ("A", "B"), ("A", "C"), ("A", "C", "D"), ("E",)]


def test_nested_sections_are_read_in_document_order_with_their_own_text_only() -> None:
    body = """<section id=a><h1>A</h1>1<section id=b><h2>B</h2>2<section id=c><h3>C</h3>3</section>
        </section><section id=d><h2>D</h2>4</section></section>"""

    assert sections_of(body) == [
        (("A",), "a", "1"),
        (("A", "B"), "b", "2"),
        (("A", "B", "C"), "c", "3"),
        (("A", "D"), "d", "4"),
    ]


@pytest.mark.parametrize(
    ("heading", "anchor"),
    [
        ("<h2 id=own>T</h2>", "own"),
        ("<section id=around><h2 id=own>T</h2></section>", "own"),
        ("<section id=around><span id=label></span><h2>T</h2></section>", "around"),
        ("<div class=section id=around><div><h2>T</h2></div></div>", "around"),
        ("<section id=far><section id=near><h2>T</h2></section></section>", "near"),
        ("<section id=around><section></section><h2>T</h2></section>", "around"),
        ("<div id=other><h2>T</h2></div>", ""),
        ("<section id=closed>words</section><h2>T</h2>", ""),
        ("<h2><a id=inside></a>T</h2>", "inside"),
        ("<h2><a class=anchor aria-hidden=true id=inside><svg></svg></a>T</h2>", "inside"),
        ("<h2><a name=inside>T</a></h2>", "inside"),
        ("<a name=before></a><h2>T</h2>", "before"),
        ("<p><a id=before></a></p>\n<h2>T</h2>", "before"),
        ("<p><a id=before></a>words between</p><h2>T</h2>", ""),
    ],
)
def test_an_anchor_is_the_nearest_id_that_scrolls_to_the_heading(heading: str, anchor: str) -> None:
    assert sections_of(heading)[-1][:2] == (("T",), anchor)


def test_only_the_first_heading_of_a_section_bears_its_id() -> None:
    body = "<section id=a><h2>T</h2><h2>U</h2></section><h2>V</h2>"

    assert [anchor for _, anchor, _ in sections_of(body)] == ["a", "", ""]


@pytest.mark.parametrize(
    ("body", "sections"),
    [
        ("<section id=a>1</section>2", [((), "", "2"), ((), "a", "1")]),
        ("<h1>T</h1><section id=a>1</section>2", [(("T",), "", "2"), (("T",), "a", "1")]),
        ("<h1>T</h1><ul><li><section id=a>1</section></ul>", [(("T",), "", ""), (("T",), "a", "1")]),
        ("<section id=a>1<section id=b>2</section>3</section>", [((), "a", "1 / 3"), ((), "b", "2")]),
        ("<section id=a>1<section id=b><h2>T</h2>2</section></section>", [((), "a", "1"), (("T",), "b", "2")]),
        ("<section id=a><h2><img></h2>1</section>", [((), "a", "1")]),
        ("<section id=a></section><p>1", [((), "", "1")]),
        ("<section id=a>1<div><h2>T</h2></div>2</section>", [((), "", "1"), (("T",), "a", "2")]),
    ],
)  # fmt: skip
def test_a_section_without_a_heading_is_found_by_its_id(
    body: str, sections: list[tuple[tuple[str, ...], str, str]]
) -> None:
    assert sections_of(body) == sections


@pytest.mark.parametrize("wrap", ["<ul><li>{}</li></ul>", "<table><tr><td>{}</td></tr></table>"])
def test_a_heading_inside_a_list_or_a_table_starts_its_section_too(wrap: str) -> None:
    body = wrap.format("before<h2 id=a>A</h2>after")

    assert sections_of(body) == [((), "", "before"), (("A",), "a", "after")]


def test_a_heading_without_text_starts_nothing() -> None:
    assert sections_of("<h1 id=a>A</h1>x<h2 id=b><a href=#b>#</a></h2>y") == [
        (("A",), "a", "x / y")
    ]


def test_a_described_object_is_a_section_with_its_signature_first() -> None:
    body = f"<h1>API</h1>{METHOD.replace('BODY', '<p>Go.</p>')}<p>after</p>"

    assert sections_of(body) == [
        (("API",), "", "after"),
        (
            ("API", "pkg.Rocket.launch"),
            "pkg.Rocket.launch",
            "Rocket.launch(at: int, *) -> bool / Go.",
        ),
    ]


def test_an_object_without_a_body_is_a_line_of_its_page() -> None:
    body = f"<h1>API</h1>{METHOD.replace('BODY', '')}"

    assert sections_of(body) == [(("API",), "", "Rocket.launch(at: int, *) -> bool")]


def test_a_page_about_one_object_names_it_once_in_the_path() -> None:
    body = f"<h1 id=top>pkg.Rocket.launch</h1>{METHOD.replace('BODY', '<p>Go.</p>')}"

    paths = [(path, anchor) for path, anchor, _ in sections_of(body)]

    name = "pkg.Rocket.launch"
    assert paths == [((name,), "top"), ((name,), name)]


def test_objects_nest_and_the_text_behind_one_belongs_to_the_object_around_it() -> None:
    body = """<h1>API</h1><dl class=py><dt class=sig id=m.A>A</dt><dd>one
        <dl class=py><dt class=sig id=m.A.f>f</dt><dd>two</dd></dl>three</dd></dl>
        <h2>Next</h2>four"""

    assert sections_of(body) == [
        (("API",), "", ""),
        (("API", "m.A"), "m.A", "A / one / three"),
        (("API", "m.A", "m.A.f"), "m.A.f", "f / two"),
        (("API", "Next"), "", "four"),
    ]


def test_a_signature_set_over_several_lines_reads_as_one() -> None:
    body = """<dl class=py><dt class=sig id=f><span class=sig-name>f</span>(<dl>
        <dd><em>a=1</em>,</dd><dd><em>b=(2, 3)</em>,</dd></dl>) -> int</dt><dd>x</dd></dl>"""

    assert sections_of(body)[0][2] == "f(a=1, b=(2, 3)) -> int / x"


@pytest.mark.parametrize(
    ("page", "title"),
    [
        ("<title>Site</title><h2>x</h2><h1>Own <em>name</em></h1>", "Own name"),
        ("<title>Install - Rocket</title><h2>Install</h2>", "Install"),
        ("<meta property=og:site_name content=Rocket><title>Go | Rocket</title><p>x", "Go"),
        ("<title>Lift - off</title><p>x", "Lift - off"),
        ("<header><h1>Site</h1><nav>x</nav></header><h1>Page</h1>", "Page"),
        ("<p>x", ""),
    ],
)
def test_the_title_is_the_pages_own_first(page: str, title: str) -> None:
    assert parse_html(page).title == title


def test_a_title_beside_the_only_article_is_not_lost() -> None:
    page = parse_html("<main><h1>T</h1><article><p>x</p></article></main>")

    assert shape_of(page) == [(("T",), "", "x")]


def test_what_stands_beside_the_only_article_of_a_main_is_left_out() -> None:
    page = parse_html("<main><p>aside</p><article><h1>T</h1><p>x</p></article></main>")

    assert shape_of(page) == [(("T",), "", "x")]


def test_a_title_or_a_heading_without_end_is_cut() -> None:
    page = parse_html(f"<title>{'x - ' * 900}</title><h2>{'y ' * 900}</h2>")

    assert len(page.title) <= 500
    assert len(page.sections[0].heading) <= 500


def test_an_empty_main_gives_way_to_the_body() -> None:
    page = parse_html("<body><main><nav>n</nav></main><div>x</div></body>")

    assert shape_of(page) == [((), "", "x")]


@pytest.mark.parametrize(
    ("page", "listed"),
    [
        ("<p>x", True),
        ("<p>robots noindex data-pagefind-ignore", True),
        ("<meta name=robots content='index, follow'>", True),
        ("<meta name=ROBOTS content='NoIndex,follow'>", False),
        ("<meta name=robots content=none>", False),
        ("<body data-pagefind-ignore>x", False),
        ("<body><p data-pagefind-ignore>x", True),
    ],
)
def test_a_page_is_listed_unless_it_says_otherwise(page: str, listed: bool) -> None:
    assert is_listed(page) is listed


PIECES = st.sampled_from(
    re.split(
        "[|\n]",
        """<h1>|<h2 id=a>|<h3 id='b c'>|</h1>|</h2>|</h3>|<section id=s>|<section>|</section>|<p>
text|<a name=n>|<a id=i></a>|<span id=j></span>|<ul><li>|</ul>|<dt id=g>g</dt>|</dl>|<aside>
<dl class=py><dt id=m.f>f</dt><dd>|<table><tr><td>|</table>|</aside>|<div hidden id=h>|</div>
<pre>|</pre>|<b>|</a>|<!--|-->|<script>|&#0;|&lt;|\x00|\ud800|<br>|<main>|</main>|<article>|<td>
<li>|<header>|</header>|<nav>|</nav>|<details class=note>|<summary>|<svg>|<template>|<form>|<""",
    )
)


@given(st.lists(PIECES, max_size=40))
def test_every_anchor_is_an_id_or_a_name_of_the_page(pieces: list[str]) -> None:
    page = "".join(pieces)

    anchors = {section.anchor for section in parse_html(page).sections} - {""}

    marks = {a or b for a, b in re.findall(r"(?:id|name)=(?:'([^']*)'|([^\s>]*))", page)}
    assert anchors <= marks


@given(st.lists(PIECES, max_size=40))
def test_no_block_is_blank_and_each_path_ends_with_its_heading(pieces: list[str]) -> None:
    page = parse_html("".join(pieces))

    for section in page.sections:
        assert section.path[-1:] == ((section.heading,) if section.heading else ())
        assert all(block.text.strip() for block in section.blocks)


@given(st.text(max_size=300))
def test_any_text_is_a_page(text: str) -> None:
    assert parse_html(text) == parse_html(text)
