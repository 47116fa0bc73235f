"""Which paths a pattern takes in, whatever stands in it."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from index.core.paths import path_regex

letters = st.text("ab/.*?[]()|\\^$+{}é _-\n%'", min_size=1, max_size=12)
paths = st.text("ab/.é(", min_size=1, max_size=10)
names = st.lists(st.text("abé(-", min_size=1, max_size=4), min_size=1, max_size=4)


def is_in(path: str, *patterns: str) -> bool:
    return re.fullmatch(path_regex(patterns), path, re.DOTALL) is not None


@pytest.mark.parametrize(
    ("pattern", "path", "expected"),
    [
        ("data/index.md", "data/index.md", True),
        ("data", "data/index.md", True),
        ("data", "data", True),
        ("data", "database/index.md", False),
        ("data/", "data/a/b.md", True),
        ("data/", "data", False),
        ("/data/", "data/a.md", True),
        ("./data/", "data/a.md", True),
        ("*.md", "a.md", True),
        ("*.md", "a/b.md", False),
        ("**/*.md", "a.md", True),
        ("**/*.md", "a/b/c.md", True),
        ("data/**", "data/a/b.md", True),
        ("data/**", "data", False),
        ("data/**/api.md", "data/api.md", True),
        ("data/**/api.md", "data/a/b/api.md", True),
        ("data/**/**/api.md", "data/api.md", True),
        ("data/a**b.md", "data/a/b.md", False),
        ("v?/a.md", "v1/a.md", True),
        ("v?/a.md", "v12/a.md", False),
        ("[id].md", "[id].md", True),
        ("[id].md", "i.md", False),
        ("a.md", "aXmd", False),
        ("Data", "data/a.md", False),
        ("*/guides/", "v2/guides/a/b.md", True),
        ("a|b", "b", False),
        ("***:b", "b", False),
    ],
)
def test_a_pattern_takes_in_what_it_says(pattern: str, path: str, *, expected: bool) -> None:
    assert is_in(path, pattern) is expected


def test_one_of_several_patterns_is_enough() -> None:
    assert is_in("b/c.md", "a/", "b/")
    assert not is_in("c/b.md", "a/", "b/")


@given(letters, paths)
def test_a_pattern_without_wildcards_is_a_prefix_at_a_folder(pattern: str, path: str) -> None:
    plain = re.sub(r"[*?]", "x", pattern).removeprefix("./").lstrip("/")
    name = plain.rstrip("/")
    if not name:
        return

    expected = path.startswith(f"{name}/") and len(path) > len(name) + 1
    if not plain.endswith("/"):
        expected = expected or path == name

    assert is_in(path, plain) is expected


@given(names)
def test_a_page_is_in_its_own_pattern_with_any_letter_replaced_by_a_mark(parts: list[str]) -> None:
    path = "/".join(parts)

    assert is_in(path, path.replace("a", "?"))
    assert is_in(path, "/".join("*" for _ in parts))
    assert is_in(path, f"**/{parts[-1]}")
    assert is_in(path, "**")
