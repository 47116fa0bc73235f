"""Sections, titles, anchors and page fields of reStructuredText pages."""

import pytest

from index.core.formats.rst import page_fields, parse_rst
from index.core.pages import Block, BlockKind, ParsedPage, Section
from schemas.errors import UnreadablePage


def prose(text: str) -> Block:
    return Block(BlockKind.PROSE, text)


def anchors(text: str) -> list[str]:
    return [section.anchor for section in parse_rst(text).sections]


def test_a_page_is_its_sections_in_reading_order_each_with_its_own_text_only() -> None:
    text = "Above.\n\nTop\n===\n\nIntro.\n\nSub\n---\n\nBody.\n\nDeep\n~~~~\n\nDeepest.\n\nLast\n----\n\nEnd.\n"

    page = parse_rst(text)

    assert page == ParsedPage(
        "Top",
        (
            Section("", (), "", (prose("Above."),)),
            Section("Top", ("Top",), "top", (prose("Intro."),)),
            Section("Sub", ("Top", "Sub"), "sub", (prose("Body."),)),
            Section("Deep", ("Top", "Sub", "Deep"), "deep", (prose("Deepest."),)),
            Section("Last", ("Top", "Last"), "last", (prose("End."),)),
        ),
    )


def test_a_second_heading_of_the_top_level_begins_a_path_of_its_own() -> None:
    page = parse_rst("One\n===\n\na\n\nTwo\n===\n\nb\n")

    assert [section.path for section in page.sections] == [("One",), ("Two",)]
    assert page.title == "One"


def test_a_page_without_headings_has_no_title() -> None:
    page = parse_rst("Only text.\n")

    assert page == ParsedPage("", (Section("", (), "", (prose("Only text."),)),))


@pytest.mark.parametrize("text", ["", "\n\n", ".. a comment\n", ".. _label:\n", ":orphan:\n"])
def test_a_page_without_text_has_no_sections(text: str) -> None:
    assert parse_rst(text) == ParsedPage("", ())


def test_a_heading_without_text_is_still_a_section() -> None:
    page = parse_rst("Top\n===\n\nSub\n---\n\nx\n")

    assert page.sections[0] == Section("Top", ("Top",), "top", ())


def test_inline_markup_of_a_heading_is_resolved() -> None:
    page = parse_rst("The :class:`~a.b.Sink` of *data*\n================================\n\nx\n")

    assert (page.title, page.sections[0].anchor) == ("The Sink of data", "the-sink-of-data")


def test_the_anchor_is_the_sections_own_id_even_below_a_label() -> None:
    assert anchors(".. _serve-configure:\n\nConfigure it\n============\n\nx\n") == ["configure-it"]


def test_repeated_headings_are_numbered() -> None:
    assert anchors("A\n=\n\nB\n-\n\nC\n-\n\nB\n-\n\nB\n-\n") == ["a", "b", "c", "id1", "id2"]


def test_a_label_that_takes_the_headings_id_becomes_the_anchor() -> None:
    text = ".. _resources:\n\nResources\n=========\n\nx\n"

    assert anchors(text) == ["resources"]


def test_the_nearest_label_stands_in_for_a_numbered_id() -> None:
    text = "A\n=\n\nB\n-\n\n.. _far:\n.. _near:\n\nB\n-\n"

    assert anchors(text) == ["a", "b", "near"]


def test_a_label_parted_from_the_heading_by_text_does_not_count() -> None:
    text = "A\n=\n\nB\n-\n\n.. _label:\n\nText.\n\nB\n-\n"

    assert anchors(text) == ["a", "b", "id1"]


def test_a_label_at_the_end_of_a_deeper_section_belongs_to_the_next_heading() -> None:
    text = "A\n=\n\nB\n-\n\n* item\n\n.. _label:\n\nB\n=\n"

    assert anchors(text) == ["a", "b", "label"]


def test_a_label_inside_a_section_starts_none() -> None:
    page = parse_rst("A\n=\n\nx\n\n.. _middle:\n\ny\n")

    assert page.sections == (Section("A", ("A",), "a", (prose("x"), prose("y"))),)


def test_a_name_option_uses_up_its_id() -> None:
    text = "A\n=\n\n.. figure:: f.png\n   :name: Over view\n\nOver view\n---------\n"

    assert anchors(text) == ["a", "id1"]


def test_footnotes_use_up_numbers_as_they_do_when_published() -> None:
    text = "A\n=\n\nx [1]_\n\n.. [1] note\n\nA\n-\n"

    assert anchors(text) == ["a", "id3"]


def test_headings_in_another_script_are_numbered_too() -> None:
    page = parse_rst("設定\n====\n\n本文。\n")

    assert page.sections == (Section("設定", ("設定",), "id1", (prose("本文。"),)),)


def test_a_heading_where_none_may_stand_is_a_line_of_text() -> None:
    page = parse_rst("A\n=\n\n.. note::\n\n   Head\n   ----\n\n   x\n")

    assert page.sections[0].blocks == (Block(BlockKind.ADMONITION, "Note\nHead\nx"),)


def test_a_heading_that_skips_a_level_stays_in_the_text() -> None:
    page = parse_rst("A\n=\n\nB\n-\n\nC\n~\n\nD\n=\n\nE\n~\n\nx\n")

    assert [section.heading for section in page.sections] == ["A", "B", "C", "D"]
    assert page.sections[-1].blocks == (prose("E"), prose("x"))


def test_headings_under_only_are_sections_of_the_page() -> None:
    page = parse_rst("A\n=\n\n.. only:: html\n\n   B\n   -\n\n   x\n\nC\n-\n\ny\n")

    assert [section.path for section in page.sections] == [("A",), ("A", "B"), ("A", "C")]


@pytest.mark.parametrize("text", ["A\r\n=\r\n\r\nx\r\n", "\ufeffA\n=\n\nx\n", "A\n=\n\n\u200bx\n"])
def test_line_ends_and_invisible_characters_do_not_matter(text: str) -> None:
    assert parse_rst(text) == parse_rst("A\n=\n\nx\n")


def test_tabs_indent() -> None:
    page = parse_rst(".. note::\n\tx\n\n\ty\n")

    assert page.sections[0].blocks == (Block(BlockKind.ADMONITION, "Note\nx\ny"),)


def test_fields_that_open_a_page_are_no_text() -> None:
    page = parse_rst(".. a comment\n\n:orphan:\n:author: me\n\nA\n=\n\n:kept: x\n")

    assert page.sections == (Section("A", ("A",), "a", (Block(BlockKind.LIST, "- kept: x"),)),)


@pytest.mark.parametrize(
    ("text", "fields"),
    [
        (":orphan:\n\nA\n=\n", {"orphan": ""}),
        ("\ufeff\n:nosearch:\r\n:Author: me\r\n   too\r\n", {"nosearch": "", "author": "me too"}),
        (".. c\n   :not: x\n\n.. _l:\n\n:orphan: yes\n", {"orphan": "yes"}),
        ("..\n   c\n\n:orphan:\n", {"orphan": ""}),
        ("A\n=\n\n:orphan:\n", {}),
        (":ref:`x` opens a paragraph\n", {}),
        ("", {}),
    ],
)
def test_page_fields_are_those_at_the_very_top(text: str, fields: dict[str, str]) -> None:
    assert page_fields(text) == fields


def test_deep_nesting_is_read_and_bottomless_nesting_is_unreadable() -> None:
    nested = "".join(f"{'  ' * depth}* a\n\n" for depth in range(30))
    bottomless = "".join(f"{'  ' * depth}* a\n\n" for depth in range(400))

    assert parse_rst(nested).sections[0].blocks[0].text.count("- a") == 30
    with pytest.raises(UnreadablePage):
        parse_rst(bottomless)


def test_an_item_number_of_thousands_of_digits_is_unreadable() -> None:
    with pytest.raises(UnreadablePage):
        parse_rst("9" * 5000 + ". x\n")


def test_roles_and_substitutions_of_one_page_are_unknown_on_the_next() -> None:
    parse_rst(".. role:: loud(samp)\n.. default-role:: samp\n.. |x| replace:: y\n\n`{a}` |x|\n")

    page = parse_rst("`{a}` :loud:`{b}` |x|\n")

    assert page.sections[0].blocks == (prose("{a} {b} x"),)


def test_a_megabyte_in_one_line_is_read() -> None:
    page = parse_rst("word *b* " * 20_000)

    assert page.sections[0].blocks[0].text.count("word b") == 20_000


def test_substitutions_that_multiply_do_not_fill_the_memory() -> None:
    lines = [f".. |a{n}| replace:: |a{n + 1}| |a{n + 1}|" for n in range(40)]

    page = parse_rst("\n".join([*lines, ".. |a40| replace:: " + "x" * 100, "", "|a0|"]))

    assert len(page.sections[0].blocks[0].text) < 500_000
