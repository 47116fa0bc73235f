import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from index.core.formats.notebook import MAX_OUTPUT_CHARS, parse_notebook
from index.core.pages import Block, BlockKind, ParsedPage
from schemas.errors import UnreadablePage
from schemas.formats import Dialect


def _notebook(*cells: dict[str, object]) -> str:
    return json.dumps({"cells": cells, "metadata": {}, "nbformat": 4, "nbformat_minor": 5})


def _markdown(source: str | list[str], **metadata: object) -> dict[str, object]:
    return {"cell_type": "markdown", "source": source, "metadata": metadata}


def _code(source: str, *outputs: object, tags: tuple[str, ...] = ()) -> dict[str, object]:
    metadata = {"tags": list(tags)}
    return {"cell_type": "code", "source": source, "metadata": metadata, "outputs": outputs}


def _printed(text: str, name: str = "stdout") -> dict[str, object]:
    return {"output_type": "stream", "name": name, "text": [text]}


def _parse(*cells: dict[str, object], dialect: Dialect = Dialect.MYST) -> ParsedPage:
    return parse_notebook(_notebook(*cells), dialect=dialect)


def _texts(page: ParsedPage) -> list[str]:
    return [block.text for section in page.sections for block in section.blocks]


def test_a_section_goes_on_from_cell_to_cell() -> None:
    page = _parse(
        _markdown(["# Title\n", "first"]), _code("x  = 1\n"), _markdown("second\n## Below")
    )

    assert page.title == "Title"
    assert [section.path for section in page.sections] == [("Title",), ("Title", "Below")]
    assert page.sections[0].blocks == (
        Block(BlockKind.PROSE, "first"),
        Block(BlockKind.CODE, "x  = 1\n"),
        Block(BlockKind.PROSE, "second"),
    )


def test_repeated_headings_are_counted_across_cells() -> None:
    page = _parse(_markdown("# Run"), _markdown("# Run"), dialect=Dialect.AUTO)

    assert [section.anchor for section in page.sections] == ["run", "run-1"]


def test_what_a_cell_leaves_open_ends_with_it() -> None:
    page = _parse(_markdown("```\nopen"), _markdown("<div hidden>"), _markdown("shown"))

    assert _texts(page) == ["open", "shown"]


def test_short_text_outputs_are_kept_and_the_rest_is_not() -> None:
    shown = {"output_type": "execute_result", "data": {"text/plain": ["42"]}}
    plot = {
        "output_type": "execute_result",
        "data": {"text/plain": "<Figure>", "image/png": "aGk="},
    }
    outputs = (_printed("\x1b[31mhi\x1b[0m\n"), shown, plot, _printed("warned", "stderr"))

    page = _parse(_code("run()", *outputs, _printed("x" * (MAX_OUTPUT_CHARS + 1))))

    assert _texts(page) == ["run()", "hi", "42"]


@pytest.mark.parametrize(
    ("tag", "texts"),
    [
        ("remove-cell", []),
        ("remove_cell", []),
        ("remove-input", ["out"]),
        ("remove-output", ["code"]),
        ("hide-input", ["code", "out"]),
        ("hide-cell", ["code", "out"]),
    ],
)
def test_tags_remove_what_the_published_page_lacks(tag: str, texts: list[str]) -> None:
    page = _parse(_code("code", _printed("out"), tags=(tag,)))

    assert _texts(page) == texts


def test_raw_cells_are_read_only_as_markdown_or_rst() -> None:
    raw = {"cell_type": "raw", "source": "*a*"}

    page = _parse(
        {**raw, "metadata": {"raw_mimetype": "text/x-rst"}},
        {**raw, "metadata": {"format": "text/markdown"}},
        {**raw, "metadata": {"raw_mimetype": "text/html"}},
        {**raw, "metadata": {}},
    )

    assert _texts(page) == ["a", "a"]


def test_front_matter_in_the_first_cell_names_the_page() -> None:
    page = _parse(_markdown("---\ntitle: Named\n---\n# Heading"), _markdown("text"))

    assert page.title == "Named"
    assert [section.heading for section in page.sections] == ["Heading"]


def test_a_notebook_of_version_3_is_read_as_well() -> None:
    heading = {"cell_type": "heading", "level": 2, "source": ["Old"], "metadata": {}}
    code = {"cell_type": "code", "input": ["a = 1"], "language": "python", "outputs": []}
    sheet = {"cells": [heading, {**code, "collapsed": False, "metadata": {}}], "metadata": {}}
    text = json.dumps({"nbformat": 3, "nbformat_minor": 0, "metadata": {}, "worksheets": [sheet]})

    page = parse_notebook(text, dialect=Dialect.MYST)

    assert [(section.heading, section.anchor) for section in page.sections] == [("Old", "old")]
    assert _texts(page) == ["a = 1"]


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{",
        "[]",
        "{}",
        '{"cells": null}',
        '{"cells": [1]}',
        '{"x": ' + "[" * 100_000,
        '{"nbformat": 3, "worksheets": [{"cells": [{"cell_type": "code"}]}]}',
        '{"nbformat": "no", "worksheets": [{}]}',
    ],
    ids=lambda text: text[:40],
)
def test_what_is_no_notebook_is_unreadable(text: str) -> None:
    with pytest.raises(UnreadablePage):
        parse_notebook(text, dialect=Dialect.MYST)


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3)
    ),
    max_leaves=5,
)


@given(st.sampled_from(["markdown", "code", "raw", "?"]), json_values, json_values, json_values)
def test_odd_fields_of_a_cell_do_not_stop_the_page(
    kind: str, source: object, metadata: object, outputs: object
) -> None:
    odd = {"cell_type": kind, "source": source, "metadata": metadata, "outputs": outputs}

    page = _parse(_markdown("# Title"), odd)

    assert page.title == "Title"
