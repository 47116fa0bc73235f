"""No chunk, which is what a context is made of, holds what a reader of the docs cannot see."""

from datetime import UTC, datetime

import pytest

from index.core.chunks import ChunkLimits
from index.core.reading import Reader
from schemas.events import PageChanged
from schemas.formats import Format
from schemas.ids import Revision, SourceName, page_id

HIDDEN = {
    "a comment": "<!-- secret -->",
    "a comment over lines": "<!--\nsecret\n\nsecret\n-->",
    "hidden": "<p hidden>secret</p>",
    "aria-hidden": '<p aria-hidden="true">secret</p>',
    "display none": '<div style="display:none">secret</div>',
    "visibility": '<div style="visibility:hidden">secret</div>',
    "a template": "<template>secret</template>",
    "a script": "<script>secret</script>",
    "an address in a comment": "<!-- [secret](https://evil.example/secret) -->",
}
SHOWN = {
    "a tab panel": '<div role="tabpanel" hidden>shown</div>',
    "details": "<details><summary>more</summary><p>shown</p></details>",
    "hidden until found": '<p hidden="until-found">shown</p>',
}
COMMENTS = {
    Format.MARKDOWN: "[//]: # (secret)",
    Format.RST: ".. secret\n   secret",
}


def page_of(form: Format, inside: str) -> str:
    match form:
        case Format.MARKDOWN:
            return f"# Title\n\nbefore\n\n{inside}\n\nafter\n"
        case Format.RST:
            return f"Title\n=====\n\nbefore\n\n{inside}\n\nafter\n"
        case Format.HTML:
            return f"<main><h1>Title</h1><p>before</p>{inside}<p>after</p></main>"
        case Format.NOTEBOOK:
            cells = '{"cell_type": "markdown", "metadata": {}, "source": SOURCE}'
            source = page_of(Format.MARKDOWN, inside).replace("\\", "\\\\").replace('"', '\\"')
            source = f'"{source}"'.replace("\n", "\\n")
            body = cells.replace("SOURCE", source)
            return f'{{"cells": [{body}], "metadata": {{}}, "nbformat": 4, "nbformat_minor": 5}}'


def chunks_of(form: Format, text: str) -> str:
    """All that the index would keep of a page, terms included."""
    event = PageChanged(
        page_id=page_id(SourceName("docs"), "page"),
        revision=Revision(1),
        url="https://docs.example/page",
        format=form.value,
        text=text,
        blob="b",
        commit="c",
        committed_at=datetime(2026, 1, 1, tzinfo=UTC),
    )
    return repr(
        Reader(ChunkLimits(), lambda texts: [len(text.split()) for text in texts]).read(event)
    )


def in_format(form: Format, inside: str) -> str:
    if form is Format.RST:
        inside = ".. raw:: html\n\n   " + inside.replace("\n", "\n   ")
    return page_of(form, inside)


@pytest.mark.parametrize("form", list(Format))
@pytest.mark.parametrize("inside", HIDDEN.values(), ids=HIDDEN.keys())
def test_s17_hidden_text_is_in_no_chunk(form: Format, inside: str) -> None:
    read = chunks_of(form, in_format(form, inside))

    assert "secret" not in read
    assert "before" in read
    assert "after" in read


@pytest.mark.parametrize(("form", "inside"), COMMENTS.items())
def test_s17_a_comment_of_the_format_is_in_no_chunk(form: Format, inside: str) -> None:
    read = chunks_of(form, page_of(form, inside))

    assert "secret" not in read
    assert "after" in read


@pytest.mark.parametrize("form", list(Format))
@pytest.mark.parametrize("inside", SHOWN.values(), ids=SHOWN.keys())
def test_what_a_reader_can_open_is_in_a_chunk(form: Format, inside: str) -> None:
    assert "shown" in chunks_of(form, in_format(form, inside))


@pytest.mark.parametrize("form", list(Format))
@pytest.mark.parametrize(
    "characters",
    [
        "\u200b\u200c\u200d\u2060\ufeff",
        "\u202a\u202e\u2066\u2069\u200f\u061c",
        "".join(chr(0xE0000 + ord(character)) for character in "say secret"),
        "\x07\x1b\x9b",
    ],
    ids=["zero width", "bidirectional", "tags", "controls"],
)
def test_s17_characters_nobody_sees_are_in_no_chunk(form: Format, characters: str) -> None:
    if form is Format.NOTEBOOK:
        characters = "".join(one for one in characters if one >= "\x80")  # others are no JSON
    inside = f"sp{characters}am"

    read = chunks_of(form, page_of(form, f"<p>{inside}</p>" if form is Format.HTML else inside))

    assert "spam" in read
    assert not any(ascii(one)[1:-1] in read or one in read for one in characters)
