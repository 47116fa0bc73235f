"""Laws of the addresses of pages."""

import json
from pathlib import Path

import pytest

from ingest.core.urls import UrlPattern
from schemas.errors import BadConfiguration

RAY = "https://docs.ray.io/en/master/{stem}.html"
DIRECTORIES = "https://x.io/docs/{pretty}"
DATA = Path(__file__).parents[3].parent / "shared" / "data" / "ray-docs"


@pytest.mark.parametrize(
    ("pattern", "path", "url"),
    [
        (RAY, "data/a.rst", "https://docs.ray.io/en/master/data/a.html"),
        (RAY, "v1.2.md", "https://docs.ray.io/en/master/v1.2.html"),
        ("https://x.io/{path}", "a/b.md", "https://x.io/a/b.md"),
        ("https://x.io/{dir}/", "a/b.md", None),
        ("https://x.io/{dir}/{path}", "b.md", "https://x.io/b.md"),
        (DIRECTORIES, "a/index.md", "https://x.io/docs/a/"),
        (DIRECTORIES, "a.md", "https://x.io/docs/a/"),
        (DIRECTORIES, "a/README.md", "https://x.io/docs/a/"),
        (DIRECTORIES, "index.md", "https://x.io/docs/"),
        (DIRECTORIES + "/", "a.md", "https://x.io/docs/a/"),
        ("https://x.io/{path}", "a b/é#1?.md", "https://x.io/a%20b/%C3%A9%231%3F.md"),
        (None, "a/b.md", "a/b.md"),
        ("", "a b.md", "a%20b.md"),
    ],
)
def test_a_path_has_one_address(pattern: str | None, path: str, url: str | None) -> None:
    if url is None:
        with pytest.raises(BadConfiguration):
            UrlPattern(pattern)
        return

    assert UrlPattern(pattern).url_of(path) == url


@pytest.mark.parametrize(
    ("pattern", "path", "slug", "url"),
    [
        (DIRECTORIES, "a/b.md", "/start", "https://x.io/docs/start/"),
        (DIRECTORIES, "a/b.md", "/", "https://x.io/docs/"),
        (DIRECTORIES, "a/b.md", "start", "https://x.io/docs/a/start/"),
        (DIRECTORIES, "a/b.md", "../up", "https://x.io/docs/up/"),
        (DIRECTORIES, "a/b.md", "../../../out", "https://x.io/docs/out/"),
        ("https://x.io/{stem}", "a/b.md", "c d", "https://x.io/a/c%20d"),
        (RAY, "a/b.md", "/c", "https://docs.ray.io/en/master/c.html"),
        (DIRECTORIES, "a/b.md", "https://x.io/other", "https://x.io/other"),
        (DIRECTORIES, "a/b.md", "https://evil.example/", "https://x.io/docs/a/b/"),
        (DIRECTORIES, "a/b.md", "javascript:alert(1)", "https://x.io/docs/a/b/"),
        (DIRECTORIES, "a/b.md", "//evil.example/x", "https://x.io/docs/a/b/"),
        (None, "a/b.md", "/c", "c"),
    ],
)
def test_a_slug_names_the_address_below_the_site_base(
    pattern: str | None, path: str, slug: str, url: str
) -> None:
    assert UrlPattern(pattern).url_with_slug(path, slug) == url


@pytest.mark.parametrize("slug", ["http://[x", "https://x.io:port/[", "//]["])
def test_a_slug_that_is_no_address_leaves_the_page_its_own(slug: str) -> None:
    pattern = UrlPattern("https://x.io/{stem}")

    assert pattern.url_with_slug("a/b.md", slug) == pattern.url_of("a/b.md")


@pytest.mark.parametrize("pattern", ["https://x.io/{page}", "https://x.io/{path", "https://x.io/a"])
def test_a_pattern_that_makes_no_sense_is_refused_at_the_start(pattern: str) -> None:
    with pytest.raises(BadConfiguration):
        UrlPattern(pattern)


def test_the_addresses_of_real_questions_are_those_of_real_files() -> None:
    questions = DATA / "questions-dev.jsonl"
    if not questions.exists():
        pytest.skip("the questions over the Ray documentation are not beside the repository")
    labels = {
        json.loads(line)["source"].split("#")[0] for line in questions.read_text().splitlines()
    }
    pattern = UrlPattern(RAY)

    assert pattern.url_of("data/transforming-data.rst") in labels
