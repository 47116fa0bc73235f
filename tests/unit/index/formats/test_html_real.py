"""The API pages of a real project, when they are there."""

import re
import tarfile
from functools import cache
from pathlib import Path

import pytest

from index.core.formats.html import is_listed, parse_html

ARCHIVE = Path(__file__).parents[4].parent / "shared" / "data" / "ray-docs" / "api-html.tar.gz"
EVERY = 50  # one page in so many, to stay quick

pytestmark = pytest.mark.skipif(
    not ARCHIVE.exists(), reason="needs ray-docs/api-html.tar.gz in ../shared/data"
)


@cache
def sample() -> dict[str, str]:
    with tarfile.open(ARCHIVE) as archive:
        members = sorted((m for m in archive if m.isfile()), key=lambda member: member.name)
        files = {member.name: archive.extractfile(member) for member in members[::EVERY]}
        return {name: file.read().decode() for name, file in files.items() if file is not None}


def test_each_page_is_listed_and_titled_by_its_symbol() -> None:
    for name, text in sample().items():
        symbol = name.rsplit("/", 1)[-1].removesuffix(".html")

        assert is_listed(text)
        assert parse_html(text).title == symbol


def test_each_anchor_is_an_id_of_its_page() -> None:
    for text in sample().values():
        anchors = [section.anchor for section in parse_html(text).sections]

        assert anchors
        assert all(f'id="{anchor}"' in text for anchor in anchors)


def test_no_furniture_is_read() -> None:
    furniture = re.compile("Suggest edit|Copyright|Skip to|Repository|By The Ray Team|Back to top")
    for text in sample().values():
        blocks = [block for section in parse_html(text).sections for block in section.blocks]

        assert blocks
        assert not any(furniture.search(block.text) for block in blocks)


def test_each_word_of_a_description_is_kept() -> None:
    for text in sample().values():
        body = text[text.index("<dd>") : text.index("</article>")]
        shown = re.sub(r'<a class="headerlink".*?</a>|<[^>]*>|&[^;]*;', " ", body)
        read = {
            word
            for section in parse_html(text).sections
            for block in section.blocks
            for word in re.findall("[A-Za-z]+", f"{section.heading} {block.text}")
        }

        assert set(re.findall("[A-Za-z]{4,}", shown)) <= read
