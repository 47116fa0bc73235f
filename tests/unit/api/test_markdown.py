"""Quoted text shows itself and nothing else, in a renderer that allows everything."""

import re
from collections.abc import Iterator

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from markdown_it import MarkdownIt
from markdown_it.token import Token

from api.core.markdown import (
    code_markdown,
    item_markdown,
    plain_text,
    prose_markdown,
    table_markdown,
    with_code_spans,
)

RENDERER = MarkdownIt("commonmark", {"html": True}).enable(["table", "strikethrough"])
LINKED = re.compile(r"(?i)https?://\w|\bwww\.\w|\w@\w+\.\w")
INERT = {"text", "code_inline"}
hostile = st.lists(
    st.sampled_from(
        [
            *"!&()*+-.:;<=>[]\\_`{|}~#'\"\n\t 1a",
            *("http://evil.example/?q=", "www.evil.example", "<img src=x onerror=a()>", "![x](y)"),
            *(
                "[a]: http://evil.example",
                "javascript:",
                "a@evil.example",
                "```",
                "&lt;",
                "# ",
                "- ",
            ),
            *("word", "__init__", "`code`", "| a | b |", "---", "> ", "1. ", "    "),
        ]
    ),
    max_size=25,
).map("".join)


def leaves(tokens: list[Token]) -> Iterator[Token]:
    for token in tokens:
        yield from token.children or [token]


def shown(markdown: str) -> list[Token]:
    return list(leaves(RENDERER.parse(markdown)))


@given(hostile | st.text())
@example("<script>alert(1)</script>")
@example("![x](http://evil.example/?q=secret)")
@example("[x]: http://evil.example")
@example("`` ` <b> ``")
@example("a `b\\` c` <i>")
@example("Ask </a@evil.example>now.")
def test_s18_prose_is_one_paragraph_of_text_and_code(text: str) -> None:
    kinds = {token.type for token in shown(prose_markdown(text))}

    assert kinds <= INERT | {"paragraph_open", "paragraph_close"}


@given(hostile.filter(lambda text: "`" not in text))
def test_what_is_shown_is_the_text_itself(text: str) -> None:
    tokens = shown(prose_markdown(text))

    assert "".join(token.content for token in tokens) == " ".join(text.split())


@given(
    hostile
    | st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"])),  # none is stored
    st.lists(st.integers(0, 60), max_size=6),
)
@example("see https://evil.example/?q=x and [1]", [4, 12, 15, 20, 34, 36])
@example("a|b", [0, 3])
def test_s18_what_is_code_on_the_page_is_code_and_nothing_more(text: str, ends: list[int]) -> None:
    """Told at any place, in text that means no good."""
    bounds = sorted({min(end, len(text)) for end in ends})
    spans = tuple(zip(bounds[::2], bounds[1::2], strict=False))

    tokens = shown(prose_markdown(with_code_spans(text, spans)))

    assert {token.type for token in tokens} <= INERT | {"paragraph_open", "paragraph_close"}
    plain = "\0".join(token.content for token in tokens if token.type == "text")
    assert not LINKED.search(plain)
    assert not re.search(r"[\[【［〔]\s*\d+\s*[\]】］〕]", plain)
    if not set("`\0") & set(text):  # a renderer shows NUL as a sign of its own
        said = "".join(token.content for token in tokens)
        assert "".join(said.split()) == "".join(text.split())


@pytest.mark.parametrize(
    ("text", "code", "shown_as"),
    [
        ("Call ray.init() first.", "ray.init()", "Call `ray.init()` first."),
        ("Datasets and the map_batches call", "Dataset", "`Dataset`s and the map_batches call"),
        ("init first", "init", "`init` first"),
        ("See https://x.example/docs now.", "docs", "See `https://x.example/docs` now."),
        ("Take [1] of a list.", "1", "Take `[1]` of a list."),
        ("Take items[1] of a list.", "items[1]", "Take `items[1]` of a list."),
        ("Either a ` or init.", "init", "Either a \\` or init."),
    ],
)
def test_code_within_a_line_is_shown_as_code_but_for_a_piece_of_an_address_or_a_citation(
    text: str, code: str, shown_as: str
) -> None:
    start = text.index(code)

    assert prose_markdown(with_code_spans(text, ((start, start + len(code)),))) == shown_as


@given(hostile.filter(lambda text: "`" not in text))
@example("[a]: http://evil.example[1. ![x](y)")
def test_a_terminal_shows_the_text_itself(text: str) -> None:
    """An address stands in quotes of code there too."""
    assert plain_text(prose_markdown(text)).replace("`", "") == " ".join(text.split())


@pytest.mark.parametrize("code", [r"~/a\_b", r"\~ &lt; <b>", r"a \| b"])
def test_a_terminal_shows_code_to_the_letter(code: str) -> None:
    answer = f"{prose_markdown(f'Take ~ or `{code}` there.')}\n\n{code_markdown(code)}"

    assert plain_text(answer) == f"Take ~ or `{code}` there.\n\n```\n{code}\n```"


@given(st.lists(st.lists(hostile, min_size=2, max_size=2), min_size=2, max_size=4))
def test_s18_a_table_is_one_table_of_text_and_code(rows: list[list[str]]) -> None:
    lines = [" | ".join(" ".join(cell.replace("|", "").split()) for cell in row) for row in rows]

    tokens = RENDERER.parse(table_markdown(lines))

    assert tokens[0].type == "table_open"
    assert tokens[-1].type == "table_close"
    assert sum(token.type in ("th_open", "td_open") for token in tokens) == 2 * len(rows)
    assert {leaf.type for token in tokens for leaf in token.children or ()} <= INERT


@given(hostile | st.text())
@example("http://evil.example```!```")
def test_s18_no_address_is_left_for_a_renderer_to_link(text: str) -> None:
    tokens = shown(prose_markdown(text))

    plain = "\0".join(token.content for token in tokens if token.type == "text")
    assert not LINKED.search(plain)


@given(hostile | st.text())
def test_s18_an_item_is_one_item_of_text_and_code(text: str) -> None:
    tokens = shown(item_markdown(text))

    frame = {"bullet_list", "list_item", "paragraph"}
    assert {token.type for token in tokens} <= INERT | {
        f"{name}_{end}" for name in frame for end in ("open", "close")
    }


@given(hostile | st.text())
@example("```\n<img src=x>")
@example("\n````\n![x](y)")
def test_s18_code_is_one_fence_that_holds_it_to_the_letter(text: str) -> None:
    code = text.replace("\r", "").replace("\0", "")

    tokens = shown(code_markdown(f"x = 1\n{code}"))

    assert [token.type for token in tokens] == ["fence"]
    assert tokens[0].content == f"x = 1\n{code}".strip("\n") + "\n"


def test_the_fence_of_a_block_gives_its_language_and_nothing_more() -> None:
    [token] = shown(code_markdown('```python title="<b>"\nray.init()\n```'))

    assert (token.info, token.content) == ("python", "ray.init()\n")


@pytest.mark.parametrize(
    "text",
    [
        "Use `ray.init()` and a_b_c with 3 < 4 > 2.",
        "It costs 5-10% (see Tune) - or less!",
        "Call `serve.run(app)`; then wait.",
    ],
)
def test_ordinary_text_is_left_alone(text: str) -> None:
    assert prose_markdown(text) == text
