"""The reStructuredText pages of a real documentation, when they are there."""

import io
import json
import re
import subprocess
import tarfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from index.core.formats.rst import parse_rst

DATA = Path(__file__).parents[4].parent / "shared" / "data" / "ray-docs"
HISTORY = DATA / "history.bundle"
EVERY = 4  # one page in so many, to stay quick
QUESTIONS = DATA / "questions-dev.jsonl"
ADDRESS = re.compile(r"https://docs\.ray\.io/en/master/(.*)\.html#(.+)")
COMMENT = re.compile(r"^( *)\.\.(?: (?![\w:+-]+::|_|\[|\|).*)?\n(?:\1 +.*\n|\s*\n)*", re.MULTILINE)

pytestmark = pytest.mark.skipif(
    not HISTORY.exists(), reason="needs ray-docs/history.bundle in ../shared/data"
)


@pytest.fixture(scope="module")
def pages(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Path below `doc/source`, without its suffix -> text, as of the tag `eval`."""
    clone = tmp_path_factory.mktemp("docs") / "docs.git"
    subprocess.run(["git", "clone", "-q", "--bare", HISTORY, clone], check=True)
    command = ["git", "-C", str(clone), "archive", "eval", "doc/source"]
    packed = subprocess.run(command, check=True, capture_output=True).stdout
    return dict(rst_pages(packed))


def rst_pages(packed: bytes) -> Iterator[tuple[str, str]]:
    with tarfile.open(fileobj=io.BytesIO(packed)) as archive:
        for member in archive:
            file = archive.extractfile(member) if member.name.endswith(".rst") else None
            if file is not None:
                yield member.name.removeprefix("doc/source/")[:-4], file.read().decode()


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
