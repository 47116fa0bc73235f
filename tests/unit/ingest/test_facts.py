"""Laws of what a file says of itself."""

import pytest

from ingest.core.facts import facts_of
from schemas.formats import Dialect, Format, format_of


def is_listed(path: str, text: str, dialect: Dialect = Dialect.AUTO) -> bool:
    format = format_of(path)
    assert format is not None
    return facts_of(text, format=format, path=path, dialect=dialect).is_listed


@pytest.mark.parametrize(
    ("path", "text"),
    [
        ("a.md", "---\ndraft: true\n---\n# A"),
        ("a.md", "---\nunlisted: true\n---\n# A"),
        ("a.md", "---\nsearch:\n  exclude: true\n---\n# A"),
        ("a.rst", ":nosearch:\n\nTitle\n=====\n"),
        ("a.html", '<html><head><meta name="robots" content="noindex"></head></html>'),
        ("a.ipynb", '{"metadata": {"search": {"exclude": true}}, "cells": []}'),
        (
            "a.ipynb",
            '{"cells": [{"cell_type": "raw", "source": ["---\\n", "draft: true\\n", "---"]}]}',
        ),
        ("docs/_part.mdx", "# A"),
        ("docs/_parts/a.mdx", "# A"),
        ("docs/_part.md", "# A"),
        ("_includes/help.rst", "help"),
        ("x/_templates/a.html", "<p>x</p>"),
        ("a.md", "version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 5\n"),
    ],
)
def test_what_a_generator_keeps_out_makes_no_page(path: str, text: str) -> None:
    assert not is_listed(path, text)


@pytest.mark.parametrize(
    ("path", "text"),
    [
        ("a.md", "# A"),
        ("a.md", "---\ndraft: false\n---\n# A"),
        ("a.md", "text\n\n---\ndraft: true\n---\n"),
        ("a.rst", ":orphan:\n\nTitle\n=====\n"),
        ("a.rst", "Title\n=====\n\n:nosearch: in the text\n"),
        ("a.html", "<p>noindex</p>"),
        ("a.ipynb", '{"metadata": {}, "cells": []}'),
        ("a.ipynb", "no JSON at all"),
        ("a.ipynb", "[" * 100_000),
        ("content/_index.md", "# Hugo"),
        ("_posts/2024-01-01-a.md", "# Jekyll"),
        ("api/_private.rst", "Title\n=====\n"),
    ],
)
def test_everything_else_is_a_page(path: str, text: str) -> None:
    assert is_listed(path, text)


@pytest.mark.parametrize(
    ("path", "is_page"),
    [
        ("docs/_part.md", False),
        ("docs/_parts/a.md", False),
        ("docs/_parts/deep/a.mdx", False),
        ("_index.md", False),
        ("docs/a_part.md", True),
        ("docs/_parts/a.html", True),
    ],
)
def test_docusaurus_publishes_nothing_with_a_leading_underscore(path: str, is_page: bool) -> None:
    assert is_listed(path, "# A", Dialect.DOCUSAURUS) is is_page


@pytest.mark.parametrize(
    ("path", "text", "slug"),
    [
        ("a.md", "---\nslug: /start\n---\n", "/start"),
        ("a.mdx", "---\nslug: start\n---\n", "start"),
        ("a.md", "# A", None),
        ("a.rst", "Title\n=====\n", None),
        ("a.ipynb", '{"metadata": {"slug": "/nb"}, "cells": []}', "/nb"),
    ],
)
def test_a_slug_is_what_the_front_matter_asks_for(path: str, text: str, slug: str | None) -> None:
    format = format_of(path)
    assert format is not None

    assert facts_of(text, format=format, path=path, dialect=Dialect.AUTO).slug == slug


def test_the_facts_do_not_depend_on_the_line_ends() -> None:
    unix, dos = "---\ndraft: true\n---\n# A", "---\r\ndraft: true\r\n---\r\n# A"

    of_unix, of_dos = (
        facts_of(text, format=Format.MARKDOWN, path="a.md", dialect=Dialect.AUTO)
        for text in (unix, dos)
    )

    assert of_unix == of_dos
