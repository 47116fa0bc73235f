"""Pages made, or grown, to make a reader slow: read in a time that grows with their length."""

import time
from collections.abc import Callable

import pytest

from index.core.formats.html import parse_html
from index.core.formats.html_guard import MAX_DEPTH, defuse

BOMBS: dict[str, Callable[[int], str]] = {
    "nested blocks": lambda n: "<div>" * n + "word",
    "nested capitals": lambda n: "<DIV>" * n + "word",
    "nested and closed": lambda n: "<div>" * n + "word" + "</div>" * n,
    "nested lists": lambda n: "<ul><li>" * n + "word",
    "nested quotes": lambda n: "<blockquote>" * n + "word",
    "nested sections": lambda n: "<section id=s><h2>h</h2>" * n + "word",
    "nested tables": lambda n: "<table><tr><td>" * n + "word",
    "nested objects": lambda n: "<dl class=py><dt id=a>f</dt><dd>" * n + "word",
    "attributes": lambda n: "<p " + " ".join(f"a{i}=1" for i in range(n)) + ">word",
    "one attribute": lambda n: f"<p class='{'a ' * n}'>word",
    "unclosed formatting": lambda n: "".join(f"<p><b id=b{i}>" for i in range(n // 10)) + "word",
    "open quotes": lambda n: "word" + "<a '" * n,
    "open comments": lambda n: "word" + "<!--" * n,
    "open scripts": lambda n: "word" + "<script>" * n,
    "angles": lambda n: "word" + "<" * n,
    "separators in a title": lambda n: f"<title>{' - x' * n}</title>word",
    "articles": lambda n: "<article></article>" * n + "word",
    "spaces": lambda n: "word" + "<b> </b>" * n,
    "hidden blocks": lambda n: "word" + "<div hidden>" * n,
    "shown blocks": lambda n: "<div aria-hidden=false>" * n + "word",
    "breaks": lambda n: "word" + "<br> " * n,
}


@pytest.mark.parametrize("name", BOMBS)
@pytest.mark.timeout(30)
def test_no_page_makes_the_reader_slow_or_loses_its_text(name: str) -> None:
    page = BOMBS[name](30_000)

    started_s = time.process_time()
    parsed = parse_html(page)
    took_s = time.process_time() - started_s

    assert any("word" in block.text for section in parsed.sections for block in section.blocks)
    assert took_s < 3.0


def test_an_honest_page_is_not_touched() -> None:
    page = (
        "<!-- <div> --><div class=x><p>one<p>two<li>three<br></div><script>if (a<b) {}</script>"
        * 300
    )

    assert defuse(page) is page


def test_drawings_do_not_nest() -> None:
    page = "<h2>One</h2><svg viewbox=x><path d=x /><circle r=1/></svg>" * 500

    assert defuse(page) is page


def test_capitals_and_missing_end_tags_are_honest_too() -> None:
    page = "<P>one<P>two<LI>three<TD>four<BR><Div>five</DIV>" * 300

    assert defuse(page) is page


def test_formatting_that_each_paragraph_would_open_again_is_dropped() -> None:
    page = "".join(f"<b id=b{i}>" for i in range(100)) + "<p>x" * 2000

    assert defuse(page) == "<p>x" * 2000


def test_what_nests_too_deep_loses_its_tags_and_keeps_its_text() -> None:
    deep = 2 * MAX_DEPTH

    cut = defuse("<div>" * deep + "word" + "</div>" * deep + "<p>end</p>")

    assert cut == "<div>" * MAX_DEPTH + "word" + "</div>" * MAX_DEPTH + "<p>end</p>"


def test_an_endless_attribute_list_goes_with_the_tag_kept() -> None:
    assert defuse(f"<p class='{'a ' * 5000}'>word</p>") == "<p>word</p>"
