"""The documentation hangs together: links lead somewhere, and commands exist."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from markdown_it import MarkdownIt

from headwater.main import app
from index.core.formats.dialects import detect_dialect
from index.core.formats.markdown import parse_markdown
from schemas.formats import Dialect

ROOT = Path(__file__).parents[3]
DOCS = sorted((ROOT / "docs").rglob("*.md"))
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", ROOT / "CHANGELOG.md", *DOCS]
_ABSOLUTE = re.compile(r"[a-z][a-z0-9+.-]*:|//")


def name_of(path: Path) -> str:
    return str(path.relative_to(ROOT))


def links_of(page: Path) -> Iterator[str]:
    for block in MarkdownIt("commonmark").enable("table").parse(page.read_text("utf-8")):
        for token in block.children or ():
            href = token.attrGet("href") if token.type == "link_open" else None
            if isinstance(href, str) and not _ABSOLUTE.match(href):
                yield href


def anchors_of(page: Path) -> set[str]:
    parsed = parse_markdown(page.read_text("utf-8"), dialect=Dialect.GITHUB)
    return {section.anchor for section in parsed.sections}


def console_commands(page: Path, program: str) -> list[str]:
    return re.findall(rf"^\$ (?:.*\|\s*)?{program} ([a-z]+)", page.read_text("utf-8"), re.MULTILINE)


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_every_relative_link_leads_to_a_file_and_an_anchor(page: Path) -> None:
    for link in links_of(page):
        path, _, anchor = link.partition("#")

        target = (page.parent / path).resolve() if path else page

        assert target.is_file(), f"{name_of(page)}: {link}"
        assert not anchor or anchor in anchors_of(target), f"{name_of(page)}: {link}"


@pytest.mark.parametrize("page", DOCS, ids=name_of)
def test_every_page_is_read_as_the_markdown_it_is_published_as(page: Path) -> None:
    text = page.read_text("utf-8")

    dialect = detect_dialect(text)

    assert dialect is Dialect.GITHUB


def test_every_page_can_be_reached_from_the_index() -> None:
    reached, waiting = set[Path](), [ROOT / "docs" / "index.md"]

    while waiting:
        page = waiting.pop()
        if page not in reached and page in DOCS:
            reached.add(page)
            waiting += [(page.parent / link.partition("#")[0]).resolve() for link in links_of(page)]

    assert reached == set(DOCS)


def test_every_command_that_is_shown_exists() -> None:
    known = {command.name for command in app.registered_commands}
    known |= {group.name for group in app.registered_groups}

    shown = {command for page in PAGES for command in console_commands(page, "headwater")}

    assert shown
    assert shown <= known


def test_every_recipe_that_is_shown_exists() -> None:
    makefile = (ROOT / "Makefile").read_text("utf-8")
    known = set(re.findall(r"^([a-z]+):", makefile, re.MULTILINE))

    shown = {recipe for page in PAGES for recipe in console_commands(page, "make")}

    assert shown
    assert shown <= known
