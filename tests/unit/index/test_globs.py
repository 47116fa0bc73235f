"""Laws of the include and exclude patterns."""

import time

import pytest

from index.core.globs import Globs
from schemas.errors import BadConfiguration


@pytest.mark.parametrize(
    ("glob", "path"),
    [
        ("**/*.md", "a.md"),
        ("**/*.md", "a/b/c.md"),
        ("**", "a/b"),
        ("**", "a"),
        ("*.md", "a.md"),
        ("docs/**", "docs/a/b.md"),
        ("docs/", "docs/a/b.md"),
        ("./docs/*.md", "docs/a.md"),
        ("/docs/*.md", "docs/a.md"),
        ("**/_templates/**", "_templates/a.rst"),
        ("**/_templates/**", "x/y/_templates/z/a.rst"),
        ("a/**/b.md", "a/b.md"),
        ("a/**/b.md", "a/x/y/b.md"),
        ("a/**/b/**/c", "a/b/b/c"),
        ("a/**/x*/y/**/*.md", "a/xx/q/xy/y/d.md"),
        ("**/*.{md,rst}", "x/a.rst"),
        ("{docs,guide/{a,b}}/*.md", "guide/b/x.md"),
        ("v?.md", "v1.md"),
        ("v[0-9].md", "v1.md"),
        ("v[!0-9].md", "vx.md"),
        ("[*]a*.md", "*abc.md"),
        ("a[]].md", "a].md"),
        ("a*b*c.md", "aXbXbYc.md"),
        ("a**b.md", "axxb.md"),
        ("**/a+b (1).md", "a+b (1).md"),
        ("**/*.md", "día/línea nueva.md"),
        ("**/**/a.md", "a.md"),
    ],
)
def test_a_pattern_takes_in_what_it_says(glob: str, path: str) -> None:
    assert Globs([glob]).matches(path)


@pytest.mark.parametrize(
    ("glob", "path"),
    [
        ("*.md", "a/b.md"),
        ("**/*.md", "a.MD"),
        ("**/*.md", "a.mdx"),
        ("docs/**", "docs"),
        ("docs/**", "xdocs/a"),
        ("a/**/b.md", "a/xb.md"),
        ("a/**/b.md", "ab.md"),
        ("v?.md", "v/.md"),
        ("v[!a].md", "v/.md"),
        ("v[0-9].md", "v10.md"),
        ("a.md", "aXmd"),
        ("a*b", "a/b"),
        ("**/_templates/**", "my_templates/a.rst"),
    ],
)
def test_a_pattern_leaves_out_the_rest(glob: str, path: str) -> None:
    assert not Globs([glob]).matches(path)


def test_an_exclusion_goes_before_an_inclusion() -> None:
    globs = Globs(["**/*.md", "**/*.rst"], ["**/_*/**", "**/draft.md"])

    assert globs.matches("a/b.rst")
    assert not globs.matches("a/_includes/b.rst")
    assert not globs.matches("draft.md")


def test_nothing_is_taken_in_without_a_pattern() -> None:
    assert not Globs([]).matches("a.md")


@pytest.mark.parametrize("glob", ["", "  ", "a[b", "{a,b", "a}", "[z-a]", "{a,b}" * 9, "x" * 501])
def test_a_pattern_that_makes_no_sense_is_refused_at_the_start(glob: str) -> None:
    with pytest.raises(BadConfiguration):
        Globs([glob])


@pytest.mark.parametrize(
    ("glob", "path"),
    [
        ("*a" * 60 + "b", "a" * 4000),
        ("**/" * 40 + "b", "a/" * 1500 + "c"),
        ("**/*a*/" * 20 + "b", "aaaa/" * 800 + "c"),
    ],
)
def test_a_hostile_path_does_not_make_matching_slow(glob: str, path: str) -> None:
    globs = Globs([glob])

    started = time.perf_counter()
    matched = globs.matches(path)

    assert not matched
    assert time.perf_counter() - started < 0.5
