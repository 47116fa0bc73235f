from collections.abc import Sequence

import pytest
from docutils.nodes import fully_normalize_name, make_id
from hypothesis import given
from hypothesis import strategies as st

from index.core.formats.anchors import (
    DocutilsAnchors,
    SluggerAnchors,
    TocAnchors,
    anchors_of,
    docutils_id,
    github_slug,
    toc_slug,
)
from schemas.formats import Dialect

headings = st.lists(
    st.sampled_from(["Setup", "setup", "Setup 1", "setup_1", "id1", "", "日本", "Set-up"])
)


@given(st.text())
def test_a_docutils_id_is_the_one_docutils_makes(text: str) -> None:
    assert docutils_id(text) == make_id(fully_normalize_name(text))


@pytest.mark.parametrize(
    ("text", "slug"),
    [
        ("What's new?", "whats-new"),
        ("A  B", "a--b"),
        ("C++ / Rust", "c--rust"),
        ("snake_case `x`", "snake_case-x"),
        ("Über 日本", "über-日本"),
        ("⚙\ufe0f Setup", "\ufe0f-setup"),
        ("a\u200bb", "ab"),
    ],
)
def test_a_github_slug_keeps_words_of_any_script(text: str, slug: str) -> None:
    assert github_slug(text) == slug


@pytest.mark.parametrize(
    ("text", "slug"),
    [("What's new?", "whats-new"), ("A - B", "a-b"), ("Über_x", "uber_x"), ("日本", "")],
)
def test_a_toc_slug_is_ascii(text: str, slug: str) -> None:
    assert toc_slug(text) == slug


def _anchors(dialect: Dialect, texts: Sequence[str]) -> list[str]:
    anchors = anchors_of(dialect)
    return [anchors.of_heading(text) for text in texts]


@pytest.mark.parametrize(
    ("dialect", "expected"),
    [
        (Dialect.MYST, ["setup", "id1", "id2"]),
        (Dialect.MKDOCS, ["setup", "setup_1", "setup_2"]),
        (Dialect.DOCUSAURUS, ["setup", "setup-1", "setup-2"]),
        (Dialect.GITHUB, ["setup", "setup-1", "setup-2"]),
    ],
)
def test_a_repeated_heading_is_counted_as_its_generator_does(
    dialect: Dialect, expected: list[str]
) -> None:
    assert _anchors(dialect, ["Setup"] * 3) == expected


@given(st.sampled_from([Dialect.MYST, Dialect.MKDOCS, Dialect.GITHUB]), headings)
def test_no_two_headings_of_a_page_share_an_anchor(dialect: Dialect, texts: list[str]) -> None:
    anchors = _anchors(dialect, texts)

    assert len(set(anchors)) == len(anchors)


def test_sphinx_puts_the_slug_on_the_section_and_a_label_beside_it() -> None:
    anchors = DocutilsAnchors()
    anchors.add_label("my_label")

    assert anchors.of_heading("Setup", labels=["my_label"]) == "setup"


def test_sphinx_prefers_a_label_to_a_number() -> None:
    anchors = DocutilsAnchors()
    anchors.of_heading("Setup")
    anchors.add_label("Second_setup")

    assert anchors.of_heading("Setup", labels=["Second_setup"]) == "second-setup"


def test_a_label_equal_to_its_heading_is_the_anchor_and_uses_a_number_up() -> None:
    anchors = DocutilsAnchors()
    anchors.add_label("setup")

    assert anchors.of_heading("Setup", labels=["setup"]) == "setup"
    assert anchors.of_heading("Setup") == "id2"


def test_mkdocs_counts_past_ids_set_anywhere_on_the_page() -> None:
    anchors = TocAnchors()
    anchors.reserve(["setup"])

    assert anchors.of_heading("Setup") == "setup_1"
    assert anchors.of_heading("Other", explicit="setup") == "setup"


def test_an_id_set_by_hand_leaves_the_slug_free_in_docusaurus() -> None:
    anchors = SluggerAnchors()

    assert anchors.of_heading("Other", explicit="setup") == "setup"
    assert anchors.of_heading("Setup") == "setup"
