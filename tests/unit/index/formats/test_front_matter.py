import pytest
from hypothesis import given
from hypothesis import strategies as st

from index.core.formats.front_matter import MAX_FRONT_MATTER_CHARS, split_front_matter


def test_yaml_fields_are_taken_off_the_body() -> None:
    front = split_front_matter("---\ntitle: A page\nslug: /start\n---\n# Heading\n")

    assert (front.title, front.slug) == ("A page", "/start")
    assert (front.body, front.line) == ("# Heading\n", 4)


def test_toml_fields_are_taken_off_the_body() -> None:
    front = split_front_matter('+++\ntitle = "A page"\ndraft = true\n+++\nText')

    assert (front.title, front.is_listed) == ("A page", False)
    assert front.body == "Text"


def test_a_page_without_front_matter_is_all_body() -> None:
    front = split_front_matter("# Heading\n\n---\n")

    assert (front.body, front.line, front.title, front.slug) == ("# Heading\n\n---\n", 0, "", None)


@pytest.mark.parametrize(
    "text",
    [
        "---\nonly words\n---\nbody",
        "---\ntitle: never closed\n",
        "+++\n= broken\n+++\nbody",
        "+++\na = " + "[" * 20_000 + "\n+++\nbody",
        "---\nlong: " + "x" * MAX_FRONT_MATTER_CHARS + "\n---\nbody",
    ],
    ids=lambda text: text[:30],
)
def test_front_matter_that_cannot_be_read_stays_text(text: str) -> None:
    front = split_front_matter(text)

    assert front.body == text
    assert front.fields == {}


@pytest.mark.parametrize(
    "slip",
    [
        "title: [1, 2",
        "title: &t Launch\nsidebar_label: *t",
        "a: !!python/object:os.system {}",
        "title: !ENV NAME",
        "date: 2024-99-99",
        "title: Foo: bar",
        "a: " + "[" * 20_000,
        "a:\t- b",
    ],
    ids=lambda text: text[:30],
)
def test_a_draft_with_a_slip_in_its_front_matter_stays_a_draft(slip: str) -> None:
    front = split_front_matter(f"---\n{slip}\ndraft: true  # soon\n---\nbody")

    assert front.body == "body"
    assert not front.is_listed


def test_an_empty_block_is_dropped() -> None:
    front = split_front_matter("---\n---\nbody")

    assert (front.body, front.fields) == ("body", {})


@pytest.mark.parametrize(
    "field",
    [
        "draft: true",
        "unlisted: true",
        "nosearch: true",
        "published: false",
        "search_exclude: true",
        "search: {exclude: true}",
        "search: false",
        'search: "false"',
        'published: "false"',
    ],
)
def test_a_page_its_generator_hides_is_not_listed(field: str) -> None:
    assert not split_front_matter(f"---\n{field}\n---\n").is_listed


@pytest.mark.parametrize(
    "field", ["orphan: true", "draft: false", "search: {boost: 2}", "search: true", "x: 1"]
)
def test_every_other_page_is_listed(field: str) -> None:
    assert split_front_matter(f"---\n{field}\n---\n").is_listed


@given(st.text(alphabet="-+:=[]{}&*ab \n\"'!", max_size=60))
def test_the_body_is_always_the_end_of_the_text(inside: str) -> None:
    text = f"---\n{inside}\n---\nbody"

    front = split_front_matter(text)

    assert text.endswith(front.body)
    assert text[: len(text) - len(front.body)].count("\n") == front.line
