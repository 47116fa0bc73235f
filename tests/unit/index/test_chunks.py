"""The laws of cutting a page into chunks."""

from collections.abc import Callable, Sequence
from itertools import pairwise

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from index.core.chunks import ChunkLimits, prefix_of, split_page
from index.core.pages import Block, BlockKind, Chunk, Section
from tests.support.reading import count_words

TITLE = "Guide"


def count_characters(texts: Sequence[str]) -> list[int]:
    """A tokeniser at its worst: every character that shows is a token."""
    return [sum(not char.isspace() for char in text) + 2 for text in texts]


words = st.text("abcé.!?:;#", min_size=1, max_size=12) | st.just("x" * 90)
lines = st.lists(words, max_size=14).map(" ".join)
texts = st.lists(lines, min_size=1, max_size=5).map("\n".join) | st.text("ab \n\t.", max_size=60)
blocks = st.builds(Block, st.sampled_from(BlockKind), texts)
headings = st.sampled_from(["One", "Two", "A heading of many words " * 4])
sections = st.builds(
    lambda heading, body: Section(heading, (TITLE, heading), heading.lower(), tuple(body)),
    headings,
    st.lists(blocks, max_size=5),
)
pages = st.lists(sections, max_size=4)
all_limits = st.builds(ChunkLimits, st.integers(20, 200), st.integers(12, 60))
counters = pytest.mark.parametrize("count", [count_words, count_characters])
Count = Callable[[Sequence[str]], list[int]]


def chunks_of(page: Sequence[Section], limits: ChunkLimits, count: Count) -> tuple[Chunk, ...]:
    return split_page(TITLE, page, limits=limits, count_tokens=count)


def shown(text: str) -> str:
    """What shows of a text: everything but white space, which may change where it is cut."""
    return "".join(text.split())


@counters
@given(page=pages, limits=all_limits)
def test_no_chunk_is_longer_than_the_models_window(
    count: Count, page: Sequence[Section], limits: ChunkLimits
) -> None:
    chunks = chunks_of(page, limits, count)

    assert all(tokens <= limits.max_tokens for tokens in count([c.embedded for c in chunks]))


@counters
@given(page=pages, limits=all_limits)
def test_every_section_is_kept_whole_in_its_own_chunks(
    count: Count, page: Sequence[Section], limits: ChunkLimits
) -> None:
    chunks = chunks_of(page, limits, count)

    for ordinal, section in enumerate(page):
        kept = "".join(chunk.text for chunk in chunks if chunk.section == ordinal)
        assert shown(kept) == shown("".join(block.text for block in section.blocks))


@given(page=pages, limits=all_limits)
def test_no_word_is_cut_that_fits(page: Sequence[Section], limits: ChunkLimits) -> None:
    """Where each word is one token, no place inside a word is needed to cut at."""
    chunks = chunks_of(page, limits, count_words)

    kept = [word for chunk in chunks for word in chunk.text.split()]
    assert kept == [word for s in page for block in s.blocks for word in block.text.split()]


def test_a_long_paragraph_without_spaces_is_cut_between_its_sentences() -> None:
    sentence = "失敗したジョブは（三回。）再試行されます。"
    section = Section("H", ("H",), "h", (Block(BlockKind.PROSE, sentence * 20),))

    chunks = chunks_of([section], ChunkLimits(100, 60), count_characters)

    assert len(chunks) > 5
    assert all(chunk.text.endswith("されます。") for chunk in chunks)
    assert "".join(chunk.text for chunk in chunks) == sentence * 20


BLANK_START = Section("", (), "", (Block(BlockKind.CODE, "  \n\n \n" + "x " * 30),))


@counters
@given(page=pages, limits=all_limits)
@example(page=[BLANK_START], limits=ChunkLimits(20, 12))
def test_chunks_come_in_reading_order_and_none_is_blank(
    count: Count, page: Sequence[Section], limits: ChunkLimits
) -> None:
    chunks = chunks_of(page, limits, count)

    assert all(one.section <= two.section for one, two in pairwise(chunks))
    assert all(chunk.text.strip() for chunk in chunks)


@given(page=pages, other=sections, place=st.integers(0, 3), limits=all_limits)
def test_editing_one_section_leaves_the_chunks_of_the_others_alone(
    page: Sequence[Section], other: Section, place: int, limits: ChunkLimits
) -> None:
    edited = [other if ordinal == place else section for ordinal, section in enumerate(page)]

    before, after = (chunks_of(version, limits, count_words) for version in (page, edited))

    assert [chunk for chunk in before if chunk.section != place] == [
        chunk for chunk in after if chunk.section != place
    ]


@given(page=pages, limits=all_limits)
def test_a_block_that_fits_stays_whole(page: Sequence[Section], limits: ChunkLimits) -> None:
    chunks = chunks_of(page, limits, count_words)

    for ordinal, section in enumerate(page):
        room = limits.max_tokens * 0.6 - 2
        bodies = [chunk.text for chunk in chunks if chunk.section == ordinal]
        for block in section.blocks:
            text = block.text.strip("\n")
            if text.strip() and len(text) <= limits.target_chars and len(text.split()) + 2 <= room:
                assert any(text in body for body in bodies)


@given(page=pages, limits=all_limits)
def test_what_is_embedded_ends_in_what_is_shown_and_begins_with_where_it_stands(
    page: Sequence[Section], limits: ChunkLimits
) -> None:
    roomy = ChunkLimits(limits.target_chars, 10_000)

    for chunk in chunks_of(page, roomy, count_words):
        prefix = prefix_of(TITLE, page[chunk.section].path)
        assert chunk.embedded == f"{prefix}\n{chunk.text}"


@given(page=pages, limits=all_limits)
def test_equal_pages_give_equal_chunks_and_equal_texts_equal_hashes(
    page: Sequence[Section], limits: ChunkLimits
) -> None:
    chunks = chunks_of(page, limits, count_words)

    assert chunks == chunks_of(list(page), limits, count_words)
    by_text = {chunk.embedded: chunk.text_hash for chunk in chunks}
    assert all(by_text[chunk.embedded] == chunk.text_hash for chunk in chunks)
    assert len(set(by_text.values())) == len(by_text)


@pytest.mark.parametrize(
    ("path", "prefix"),
    [
        ((), "Guide"),
        (("Guide",), "Guide"),
        (("Guide", "One"), "Guide > One"),
        (("Other", "One"), "Guide > Other > One"),
        (("", "One"), "Guide > One"),
    ],
)
def test_a_prefix_names_the_title_once(path: tuple[str, ...], prefix: str) -> None:
    assert prefix_of("Guide", path) == prefix


@pytest.mark.parametrize("kind", list(BlockKind))
def test_no_chunk_is_huge_where_a_tokenizer_takes_long_words_for_one_token(kind: BlockKind) -> None:
    words = " ".join("0123456789abcdef" * 8 for _ in range(500))
    page = [Section("", (), "", (Block(kind, words), Block(kind, "f" * 50_000)))]

    chunks = chunks_of(page, ChunkLimits(500, 256), lambda texts: [len(t.split()) for t in texts])

    assert max(len(chunk.text) for chunk in chunks) <= 4_000
    assert "".join(shown(chunk.text) for chunk in chunks) == shown(words + "f" * 50_000)
