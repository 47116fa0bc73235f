"""The reStructuredText pages of a real documentation, when they are there."""

import json
import re
from collections.abc import Mapping
from pathlib import Path

import pytest

from index.core.formats.rst import parse_rst

EVERY = 4  # one page in so many, to stay quick
QUESTIONS = (
    Path(__file__).parents[4].parent / "shared" / "data" / "ray-docs" / "questions-dev.jsonl"
)
ADDRESS = re.compile(r"https://docs\.ray\.io/en/master/(.*)\.html#(.+)")
COMMENT = re.compile(r"^( *)\.\.(?: (?![\w:+-]+::|_|\[|\|).*)?\n(?:\1 +.*\n|\s*\n)*", re.MULTILINE)


@pytest.fixture(scope="module")
def pages(ray_docs: Mapping[str, str]) -> dict[str, str]:
    """Path without its suffix -> text."""
    return {path[:-4]: text for path, text in ray_docs.items() if path.endswith(".rst")}


def words_of(text: str) -> set[str]:
    page = parse_rst(text)
    blocks = (block.text for section in page.sections for block in section.blocks)
    return set(re.findall(r"\w+", " ".join([*blocks, *(s.heading for s in page.sections)])))


def test_plain_words_of_each_page_are_kept(pages: dict[str, str]) -> None:
    paragraph = re.compile(r"(?:^[A-Z][\w ,']*\n)+(?=\n)", re.MULTILINE)
    for name in sorted(pages)[::EVERY]:
        said = "".join(paragraph.findall(COMMENT.sub("\n", pages[name])))

        assert set(re.findall(r"\w+", said)) <= words_of(pages[name]), name


def test_no_page_shows_markup_of_roles_or_directives(pages: dict[str, str]) -> None:
    markup = re.compile(
        r":(?:ref|doc|class|meth|func|term):`[^`]+`(?!s)|^\.\. [\w-]+::", re.MULTILINE
    )
    for name in sorted(pages)[::EVERY]:
        for section in parse_rst(pages[name]).sections:
            prose = "\n".join(block.text for block in section.blocks if block.kind != "code")

            assert not markup.search(prose), name


def test_anchors_of_a_page_are_unique(pages: dict[str, str]) -> None:
    for name in sorted(pages)[::EVERY]:
        anchors = [section.anchor for section in parse_rst(pages[name]).sections]

        assert len(anchors) == len(set(anchors)), name


def test_nearly_all_questions_name_the_anchor_of_a_section(pages: dict[str, str]) -> None:
    asked = [place for place in addresses(QUESTIONS) if place[0] in pages]
    named = {page: parse_rst(pages[page]).sections for page in {page for page, _ in asked}}
    anchors = {page: {section.anchor for section in sections} for page, sections in named.items()}
    found = sum(anchor in anchors[page] for page, anchor in asked)

    assert len(asked) > 40
    assert found / len(asked) > 0.95  # the others name sections that are made from docstrings


def addresses(questions: Path) -> list[tuple[str, str]]:
    sources = (json.loads(line)["source"] for line in questions.read_text().splitlines())
    return [(named[1], named[2]) for source in sources if (named := ADDRESS.fullmatch(source))]
