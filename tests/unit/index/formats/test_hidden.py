"""What a browser does not show never reaches a page, in whichever format it stands."""

from collections.abc import Callable

import pytest

from index.core.formats.html import parse_html
from index.core.formats.html_guard import MAX_DEPTH
from index.core.formats.invisible import strip_invisible
from index.core.formats.markdown import parse_markdown
from index.core.formats.rst import parse_rst
from index.core.pages import ParsedPage
from schemas.formats import Dialect

HIDING = [
    "hidden",
    'hidden="hidden"',
    'aria-hidden="true"',
    'aria-hidden=" TRUE "',
    'style="display:none"',
    'style="color: red; DISPLAY : none"',
    'style="display:/**/none"',
    'style="visibility: hidden"',
    'style="visibility:collapse"',
    r'style="d\69splay:non\65 "',
    f'data-x="{"a" * 5_000}" hidden',
    f'style="display:none" data-x="{"a" * 5_000}"',
]
SHOWING = [
    "",
    'hidden="until-found"',
    'aria-hidden="false"',
    'role="tabpanel" hidden',
    'style="color:red"',
]


def html(inside: str) -> ParsedPage:
    return parse_html(f"<main><h1>Title</h1><p>seen</p>{inside}</main>")


def markdown(inside: str) -> ParsedPage:
    return parse_markdown(f"# Title\n\nseen\n\n{inside}\n", dialect=Dialect.GITHUB)


def rst(inside: str) -> ParsedPage:
    return parse_rst(f"Title\n=====\n\nseen\n\n.. raw:: html\n\n   {inside}\n")


def text_of(page: ParsedPage) -> str:
    return "\n".join(block.text for section in page.sections for block in section.blocks)


@pytest.mark.parametrize("parse", [html, markdown, rst])
@pytest.mark.parametrize("attributes", HIDING, ids=lambda text: text[:40])
def test_hidden_text_is_dropped(parse: Callable[[str], ParsedPage], attributes: str) -> None:
    text = text_of(parse(f"<div {attributes}>secret</div>"))

    assert "secret" not in text
    assert "seen" in text


PIECES = [
    ("<div hidden>", "</div>"),
    ('<div class="a"><section style="display:none"><p>x</p>', "</section></div>"),
    ("<!-- old", "-->"),
    ("<template>", "</template>"),
]


def rst_pieces(first: str, inside: str, last: str) -> ParsedPage:
    raw = "\n\n.. raw:: html\n\n   {}\n\n"
    return parse_rst(f"Title\n=====\n\nbefore{raw.format(first)}{inside}{raw.format(last)}after\n")


def myst_pieces(first: str, inside: str, last: str) -> ParsedPage:
    raw = "\n\n```{{raw}} html\n{}\n```\n\n"
    text = f"# Title\n\nbefore{raw.format(first)}{inside}{raw.format(last)}after\n"
    return parse_markdown(text, dialect=Dialect.MYST)


@pytest.mark.parametrize("inside", ["secret", "secret\n\n- secret\n- *secret*\n\nsecret"])
@pytest.mark.parametrize("pieces", PIECES, ids=lambda pieces: pieces[0])
@pytest.mark.parametrize("parse", [rst_pieces, myst_pieces])
def test_raw_html_hides_what_stands_between_its_pieces(
    parse: Callable[[str, str, str], ParsedPage], pieces: tuple[str, str], inside: str
) -> None:
    text = text_of(parse(pieces[0], inside, pieces[1]))

    assert "secret" not in text
    assert "before" in text
    assert "after" in text


def test_raw_html_hides_whole_sections_and_ends_with_its_own() -> None:
    page = parse_rst(
        "T\n=\n\nA\n-\n\n.. raw:: html\n\n   <div hidden>\n\nsecret\n\nB\n-\n\nb\n\n"
        ".. raw:: html\n\n   <div hidden>\n\nC\n~\n\nsecret |x|\n\n.. raw:: html\n\n   </div>\n\n"
        ".. |x| image:: x.png\n   :alt: secret\n"
    )

    assert [section.heading for section in page.sections] == ["T", "A", "B"]
    assert text_of(page) == "b"


LISTS = ['style="display:none"', "hidden", ".a hidden #b", "style='visibility: hidden' .a"]
MKDOCS = [
    "secret\n{: LIST }",
    "secret *secret*\n{: LIST }",
    "a **secret**{: LIST } b",
    "a [secret](x.md){: LIST } b",
    "a `secret`{: LIST } b",
    "a ![secret](x.png){: LIST } b",
    "## secret {: LIST }\n\nb",
    "- secret\n  {: LIST }\n- b",
    "| a | b |\n|---|---|\n| secret {: LIST } | b |",
]
MYST = [
    "{LIST}\nsecret",
    "{LIST}\n## secret",
    "{LIST}\n{#label}\n- secret\n- *secret*\n",
    "{LIST}\n```{note}\nsecret\n```",
    "{LIST}\n> secret\n>\n> secret",
    "a *secret*{LIST} b",
    "a [secret](x.md){LIST} b",
    "a [secret]{LIST} b",
]
LISTED = [(Dialect.MKDOCS, text) for text in MKDOCS] + [(Dialect.MYST, text) for text in MYST]


@pytest.mark.parametrize("attributes", LISTS)
@pytest.mark.parametrize(("dialect", "text"), LISTED)
def test_an_attribute_list_hides_what_it_belongs_to(
    dialect: Dialect, text: str, attributes: str
) -> None:
    page = parse_markdown(
        f"# Title\n\nbefore\n\n{text.replace('LIST', attributes)}\n\nafter\n", dialect=dialect
    )

    shown = " ".join([text_of(page), *(section.heading for section in page.sections)])
    assert "secret" not in shown
    assert "{" not in shown
    assert {"before", "after"} | (set("ab") & set(text.split())) <= set(shown.split())


@pytest.mark.parametrize(("dialect", "text"), LISTED)
def test_an_attribute_list_that_hides_nothing_leaves_the_text(dialect: Dialect, text: str) -> None:
    page = parse_markdown(text.replace("LIST", ".a key=b"), dialect=dialect)

    shown = " ".join([text_of(page), *(section.heading for section in page.sections)])
    assert "secret" in shown
    assert "{" not in shown


@pytest.mark.parametrize("marks", [("{/*", "*/}"), ("<!--", "-->")])
@pytest.mark.parametrize("quote", ["", "> ", "- "])
@pytest.mark.parametrize(
    "inside", [" secret ", "\n\n# secret\n\n- secret\n\n", "\nsecret\nsecret\n"]
)
@pytest.mark.parametrize("rest", ["", " after", "\nafter"])
def test_a_comment_in_mdx_is_dropped_whatever_it_holds(
    marks: tuple[str, str], quote: str, inside: str, rest: str
) -> None:
    comment = f"{marks[0]}{inside}{marks[1]}{rest}".replace("\n", "\n" + quote.replace("-", " "))

    page = parse_markdown(
        f"# T\n\nbefore\n\n{quote}{comment}\n\nlast\n", dialect=Dialect.DOCUSAURUS
    )

    expected = ["before", *(["after"] if rest else []), "last"]
    assert text_of(page).replace("-", "").split() == expected
    assert [section.heading for section in page.sections] == ["T"]


def test_details_in_pieces_are_shown() -> None:
    text = text_of(rst_pieces("<details><summary>More</summary>", "open", "</details>"))

    assert text.split() == ["before", "More", "open", "after"]


@pytest.mark.parametrize("parse", [html, markdown, rst])
@pytest.mark.parametrize("attributes", SHOWING, ids=lambda text: text[:40])
def test_what_can_be_seen_is_kept(parse: Callable[[str], ParsedPage], attributes: str) -> None:
    assert "open" in text_of(parse(f"<div {attributes}>open</div>"))


def test_a_main_inside_of_something_hidden_is_not_the_page() -> None:
    page = parse_html(
        "<div hidden><main><h1>Old</h1><p>secret</p></main></div>"
        "<main><h1>Guide</h1><p>real text</p></main>"
    )

    assert (page.title, text_of(page)) == ("Guide", "real text")


DEEP = "<div>" * (MAX_DEPTH + 10)
RUNAWAY = "".join(f"<b id=b{i}>" for i in range(100)) + "<p>x" * 2000


@pytest.mark.parametrize("parse", [html, markdown])
@pytest.mark.parametrize("before", [DEEP, RUNAWAY], ids=["deep", "runaway formatting"])
@pytest.mark.parametrize("attributes", HIDING, ids=lambda text: text[:40])
@pytest.mark.parametrize("tag", ["b", "section", "p"])
def test_a_tag_that_is_cut_hides_what_it_hid_before(
    parse: Callable[[str], ParsedPage], before: str, tag: str, attributes: str
) -> None:
    inside = f"secret<{tag} {attributes}>secret</{tag}><p>secret</p><!-- secret -->"
    hidden = f"<{tag} {attributes}>{inside if tag != 'p' else 'secret'}</{tag}>"

    text = text_of(parse(f"{before}<i>first</i>{hidden}<i>last</i>"))

    assert "secret" not in text
    assert "first" in text
    assert "last" in text


@pytest.mark.parametrize("before", [DEEP, RUNAWAY], ids=["deep", "runaway formatting"])
@pytest.mark.parametrize("attributes", SHOWING, ids=lambda text: text[:40])
@pytest.mark.parametrize("tag", ["b", "section"])
def test_a_tag_that_is_cut_leaves_the_text_that_was_seen(
    before: str, tag: str, attributes: str
) -> None:
    assert "open" in text_of(html(f"{before}<{tag} {attributes}>open</{tag}>"))


@pytest.mark.parametrize("tag", ["svg", "template", "noscript", "object"])
def test_an_element_that_shows_no_text_shows_none_when_its_tag_is_cut(tag: str) -> None:
    drawing = f"<{tag}><path hidden d=x /><text>secret</text></{tag}>"

    text = text_of(html(f"{DEEP}first{drawing}last"))

    assert "secret" not in text
    assert "firstlast" in text.replace(" ", "")


@pytest.mark.parametrize("dialect", list(Dialect))
def test_a_paragraph_too_long_to_parse_hides_what_it_hides(dialect: Dialect) -> None:
    long = "seen <b hidden>secret</b> " * 3_000

    text = text_of(parse_markdown(f"# T\n\n{long}\n", dialect=dialect))

    assert text.split() == ["seen"] * 3_000


@pytest.mark.parametrize("parse", [markdown, rst])
@pytest.mark.parametrize("tag", ["textarea", "xmp", "plaintext", "iframe", "title", "noembed"])
def test_a_tag_that_swallows_markup_shows_no_markup_and_hides_what_it_hid(
    parse: Callable[[str], ParsedPage], tag: str
) -> None:
    hidden = text_of(parse(f"<{tag} hidden>secret</{tag}>"))
    shown = text_of(parse(f'<{tag} width="5">a</{tag}><p>after</p>'))
    unclosed = text_of(parse(f'<{tag} width="5"><p>after</p>'))

    assert "secret" not in hidden
    assert [text for text in (hidden, shown, unclosed) if "<" in text or "seen" not in text] == []
    assert "after" in shown
    assert "after" in unclosed


def test_raw_html_cannot_forge_the_marks_of_what_stands_around_it() -> None:
    marks = "".join(f'<wbr DATA-HW-LEAF="{number}">' for number in range(9))

    page = parse_rst(
        f"T\n=\n\nseen\n\n.. raw:: html\n\n   {marks}<div hidden>\n\nsecret\n\n.. raw:: html\n\n   </div>\n"
    )

    assert "secret" not in text_of(page)


def test_a_todo_is_not_published() -> None:
    text = text_of(parse_markdown("# T\n\nseen\n\n```{todo}\nsecret\n```\n", dialect=Dialect.MYST))

    assert text == "seen"


def test_a_card_with_a_body_is_not_the_page() -> None:
    page = parse_html(
        '<main><h1>Guide</h1><p>long text</p><div class="card"><div class="body">card</div></div></main>'
    )

    assert "long text" in text_of(page)


@pytest.mark.parametrize("char", ["\u200b", "\u202e", "\ufff9", "\U0001d173", "\x9b", "\U000e0041"])
def test_characters_nobody_sees_are_dropped(char: str) -> None:
    assert strip_invisible(f"a{char}b") == "ab"


@pytest.mark.parametrize("end", ["\r\n", "\r", "\x85", "\u2028", "\u2029"])
def test_every_line_end_is_one(end: str) -> None:
    assert strip_invisible(f"a{end}b") == "a\nb"


@pytest.mark.parametrize(
    ("expression", "is_shown"),
    [
        ("html", True),
        ("latex", False),
        ("internal", False),
        ("not latex", True),
        ("html and not draft", True),
        ("latex or (html and builder_html)", True),
        ("html or", True),
        ("(" * 100, True),
        ("not " * 100 + "html", True),
    ],
)
def test_only_shows_what_the_site_shows(expression: str, is_shown: bool) -> None:
    in_rst = text_of(parse_rst(f"T\n=\n\nseen\n\n.. only:: {expression}\n\n   guarded\n"))
    in_myst = text_of(
        parse_markdown(
            f"# T\n\nseen\n\n:::{{only}} {expression}\nguarded\n:::\n", dialect=Dialect.MYST
        )
    )

    assert ("guarded" in in_rst, "guarded" in in_myst) == (is_shown, is_shown)
