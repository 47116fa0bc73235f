"""How the text of one page falls into blocks."""

import pytest

from index.core.formats.html import parse_html


def blocks_of(body: str) -> list[tuple[str, str]]:
    page = parse_html(f"<html><body>{body}</body></html>")
    return [(block.kind.value, block.text) for section in page.sections for block in section.blocks]


@pytest.mark.parametrize(
    ("markup", "text"),
    [
        ("<p><span>a</span><span>b</span></p>", "ab"),
        ("<p>a <b>b</b>\n\t c&nbsp;d</p>", "a b c d"),
        ("<p>one<br>two</p>", "one\ntwo"),
        ("<p>&lt;T&gt; &amp; &#x3bb; &copy;</p>", "<T> & λ ©"),
        ("<p>in\u200bvis\u00adible\u202e</p>", "invisible"),
        ("<p>a<!-- hidden -->b</p>", "ab"),
        ("<p>f<sub>x</sub>(<code>y</code>)</p>", "fx(y)"),
    ],
)
def test_inline_markup_joins_without_false_spaces(markup: str, text: str) -> None:
    assert blocks_of(markup) == [("prose", text)]


def test_block_elements_part_what_inline_elements_join() -> None:
    assert blocks_of("<div>a<p>b</p>c</div>d") == [
        ("prose", "a"),
        ("prose", "b"),
        ("prose", "c"),
        ("prose", "d"),
    ]


@pytest.mark.parametrize(
    "markup",
    [
        "<nav>no</nav>",
        "<script>no</script><style>no</style><template>no</template><noscript>no</noscript>",
        "<button>no</button>",
        "<p hidden>no</p>",
        "<p aria-hidden=true>no</p>",
        "<p style='color:red; display: none'>no</p>",
        "<p style='VISIBILITY:hidden'>no</p>",
        "<div class='a toc b'>no</div>",
        "<header><h1>no</h1><nav>no</nav></header>",
        "<header>no</header>",
        "<a class=headerlink href=#x>no</a>",
        "<div role=search>no</div>",
        "<div class='contents topic'><ul><li>no</li></ul></div>",
    ],
)
def test_furniture_and_hidden_text_is_left_out(markup: str) -> None:
    assert blocks_of(f"<p>yes</p>{markup}") == [("prose", "yes")]


@pytest.mark.parametrize(
    "markup",
    [
        "<div role=tabpanel hidden>yes</div>",
        "<div role=tabpanel style='display:none'>yes</div>",
        "<details><summary></summary>yes</details>",
        "<div hidden=until-found>yes</div>",
        "<p style='text-display:none'>yes</p>",
    ],
)
def test_text_one_click_away_is_kept(markup: str) -> None:
    assert blocks_of(markup) == [("prose", "yes")]


def test_the_labels_of_tabs_are_one_line() -> None:
    tabs = "<ul role=tablist><li role=tab>pip</li><li role=tab>conda</li></ul>"
    buttons = "<div role=tablist><button role=tab>pip</button><button role=tab>conda</button></div>"

    assert blocks_of(tabs) == blocks_of(buttons) == [("prose", "pip | conda")]


def test_a_list_is_one_block_with_what_is_nested_indented() -> None:
    markup = """<ul><li><p>one</p></li><li>two<ol><li>deep</li></ol></li>
        <li><p>three</p><pre>x = 1\n\n  y</pre></li><li></li></ul>"""

    assert blocks_of(markup) == [
        ("list", "- one\n- two\n  - deep\n- three\n  x = 1\n\n    y"),
    ]


def test_a_definition_list_reads_term_by_term() -> None:
    markup = """<dl class="field-list simple"><dt>Parameters<span class="colon">:</span></dt>
        <dd><ul><li><p><strong>x</strong> = a number</p></li><li><p>y</p></li></ul></dd>
        <dt>Returns:</dt><dd><p>text</p></dd><dt>a</dt><dt>b</dt><dd>both</dd><dt>bare</dt></dl>"""

    assert blocks_of(markup) == [
        ("list", "- Parameters:\n  - x = a number\n  - y\n- Returns: text\n- a, b: both\n- bare"),
    ]


def test_code_is_kept_to_the_character() -> None:
    markup = "<pre>\n  def f(a):\n\n\treturn&nbsp;a   # &lt;3\n</pre>"

    assert blocks_of(markup) == [("code", "  def f(a):\n\n\treturn\u00a0a   # <3")]


@pytest.mark.parametrize(
    "markup",
    [
        "<pre><span class=linenos>1</span>a\n<span class=linenos>2</span>b\n</pre>",
        "<pre><code><div>a</div><div>b</div></code></pre>",
        "<pre><code><span>a<br></span><span>b<br></span></code></pre>",
        "<table class=highlighttable><tr><td class=linenos><pre>1\n2</pre></td>"
        "<td class=code><pre>a\nb</pre></td></tr></table>",
        "<pre><table class=hljs-ln><tr><td class=hljs-ln-numbers>1</td><td>a</td></tr>"
        "<tr><td class=hljs-ln-numbers>2</td><td>b</td></tr></table></pre>",
    ],
)
def test_code_loses_its_line_numbers_and_keeps_its_lines(markup: str) -> None:
    assert blocks_of(markup) == [("code", "a\nb")]


def test_a_table_is_one_line_a_row() -> None:
    markup = """<table><caption>Sizes</caption><thead><tr><th>Name</th><th>Size</th></tr></thead>
        <tbody><tr><td><p>a</p><p>b</p></td><td></td></tr><tr><td></td><td></td></tr></tbody></table>"""

    assert blocks_of(markup) == [("table", "Sizes\nName | Size\na b |")]


@pytest.mark.parametrize(
    "markup",
    [
        "<div class='admonition note'><p class=admonition-title>Note</p><p>Mind.</p></div>",
        "<div class='admonitionblock note'><table><tr><td class=icon><div>Note</div></td>"
        "<td class=content>Mind.</td></tr></table></div>",
        "<aside><p>Note</p><p>Mind.</p></aside>",
        "<div class='theme-admonition alert alert--info'><div class=admonitionHeading_x><span><svg>"
        "</svg></span>Note</div><div class=admonitionContent_x><p>Mind.</p></div></div>",
        "<details class=note><summary>Note</summary><p>Mind.</p></details>",
        "<div class='alert'><h4>Note</h4>Mind.</div>",
        "<aside class=sidebar><p class=sidebar-title>Note</p><p>Mind.</p></aside>",
    ],
)
def test_an_admonition_is_its_title_line_and_its_body_whole(markup: str) -> None:
    assert blocks_of(markup) == [("admonition", "Note\nMind.")]


def test_a_footnote_is_prose() -> None:
    markup = "<aside class='footnote-list'><aside class=footnote id=f1>[1] See.</aside></aside>"

    assert blocks_of(markup) == [("prose", "[1] See.")]
