"""Code within a line: parsers find it, chunks and hits tell where it is, and no text or vector is another for it."""

import asyncio
import time
from collections.abc import Sequence

import msgspec
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from index.core.chunks import ChunkLimits, split_page
from index.core.inline_code import as_code, read_signs, spans_in, with_signs, without_signs
from index.core.pages import Block, BlockKind, Chunk, Section
from index.core.rank import Around, RankWeights
from index.core.reading import parse_page
from index.core.stored import ShownPage, ShownSection
from index.handlers import Searcher, Within, search_index
from index.handlers.search import shown_page
from index.settings import ChunkingSettings
from schemas.answers import Spans
from schemas.events import PageChanged
from schemas.formats import Dialect, Format
from schemas.ids import SourceName
from tests.support.candidates import candidate
from tests.support.events import changed
from tests.support.found import FoundStore, some_vector
from tests.support.reading import count_words

PAGES = {
    Format.MARKDOWN: (
        "# The `T`\n\nUse `ray  start` or {class}`~ray.Actor`'s ` x `, **`bold`**.\n\n- `key`: value\n\n"
        "| a | `b` |\n|---|---|\n| 1 | c |\n\n```\ncode\n```\n"
    ),
    Format.RST: (
        "The ``T``\n=========\n\nUse ``ray  start`` or :class:`~ray.Actor`'s ``x``, :samp:`bold`.\n\n"
        "- ``key``: value\n\n"
        "===  =====\na    ``b``\n===  =====\n1    c\n===  =====\n\n::\n\n   code\n"
    ),
    Format.HTML: (
        "<main><h1>The <code>T</code></h1><p>Use <code><span>ray</span> <span>start</span></code> or"
        " <a href=x><code>Actor</code></a>'s <code> x </code>, <tt>bold</tt>.</p><ul><li><code>key</code>: value</ul>"
        "<table><tr><th>a<th><code>b</code></tr><tr><td>1<td>c</tr></table><pre><code>code</code></pre></main>"
    ),
}


def page_of(page_format: Format) -> PageChanged:
    page = changed("a", 1, PAGES[page_format])
    return msgspec.structs.replace(page, format=page_format, dialect=Dialect.MYST)


@pytest.mark.parametrize("page_format", PAGES)
def test_each_format_tells_what_is_code_within_a_line(page_format: Format) -> None:
    (section,) = parse_page(page_of(page_format)).sections

    code = [[block.text[a:b].split() for a, b in block.code] for block in section.blocks]
    assert section.heading == "The T"
    assert code == [[["ray", "start"], ["Actor"], ["x"], ["bold"]], [["key"]], [["b"]], []]
    assert [without_signs(block.text) for block in section.blocks] == [
        block.text for block in section.blocks
    ]


texts = st.text("ab.\n| ", max_size=40)
pieces = st.lists(st.tuples(texts, st.booleans()), max_size=8)


def signed(parts: Sequence[tuple[str, bool]]) -> str:
    return "".join(as_code(text) if is_code else text for text, is_code in parts)


@given(pieces)
@example([("a", True), ("b", True), (" c ", True)])
def test_signs_are_read_as_they_were_set_and_leave_the_text(parts: list[tuple[str, bool]]) -> None:
    text, spans = read_signs(signed(parts))

    assert text == "".join(piece for piece, _ in parts)
    assert read_signs(with_signs(text, spans)) == (text, spans)
    assert all(text[a:b].strip() == text[a:b] != "" for a, b in spans)
    ends = [end for span in spans for end in span]
    assert ends == sorted(set(ends))
    code = {at for start, end in spans for at in range(start, end)}
    assert {text[at] for at in code} <= {c for piece, is_code in parts if is_code for c in piece}


@given(st.text("ab \ufdd0\ufdd1\ufdd2", max_size=30))
def test_signs_that_a_page_has_itself_are_no_text(hostile: str) -> None:
    text, spans = read_signs(hostile)

    assert text == "".join(character for character in hostile if character in "ab ")
    assert all(0 <= a < b <= len(text) for a, b in spans)


pages = st.lists(st.tuples(st.sampled_from(BlockKind), pieces), max_size=5)


def chunks_of(blocks: Sequence[Block], limits: ChunkLimits) -> tuple[Chunk, ...]:
    section = Section("H", ("H",), "h", tuple(blocks))
    return split_page("T", [section], limits=limits, count_tokens=count_words)


def shown(texts: Sequence[tuple[str, Spans]]) -> list[tuple[str, bool]]:
    """Each character that shows, and whether it is code."""
    return [
        (character, any(a <= at < b for a, b in spans))
        for text, spans in texts
        for at, character in enumerate(text)
        if not character.isspace()
    ]


HIDDEN = "T\ufdd0i\ufdd1t\ufdd2l\ufdd3e"
TITLED = {
    Format.MARKDOWN: f"---\ntitle: {HIDDEN}\n---\nText.\n\n## {HIDDEN}\n\nMore.\n",
    Format.RST: f"{HIDDEN}\n==========\n\nText.\n",
    Format.HTML: f"<head><title>{HIDDEN}</title></head><main><p>Text.<h2>{HIDDEN}</h2><p>More.</main>",
}


@pytest.mark.parametrize("page_format", TITLED)
def test_signs_that_a_page_has_in_its_titles_are_left_out(page_format: Format) -> None:
    page = parse_page(msgspec.structs.replace(page_of(page_format), text=TITLED[page_format]))

    assert page.title == "Title"
    assert {name for section in page.sections for name in section.path} == {"Title"}


@given(pages, st.builds(ChunkLimits, st.integers(5, 60), st.integers(8, 30)))
def test_chunks_have_the_code_of_their_blocks_and_are_cut_and_embedded_as_without_it(
    parts: list[tuple[BlockKind, list[tuple[str, bool]]]], limits: ChunkLimits
) -> None:
    blocks = [Block(kind, signed(piece)).settled() for kind, piece in parts]

    chunks = chunks_of(blocks, limits)

    plain = chunks_of([Block(block.kind, block.text) for block in blocks], limits)
    assert [(c.text, c.embedded, c.text_hash) for c in chunks] == [
        (c.text, c.embedded, c.text_hash) for c in plain
    ]
    assert shown([(c.text, c.code) for c in chunks]) == shown([(b.text, b.code) for b in blocks])
    assert [read_signs(c.stored) for c in chunks] == [(c.text, c.code) for c in chunks]


def test_the_code_of_a_very_long_list_is_placed_before_its_page_is_given_up() -> None:
    lines = [f"name_{n} does this." for n in range(20_000)]
    signed_lines = [line.replace(line.split()[0], as_code(line.split()[0])) for line in lines]
    pieces = ["\n".join(lines[n : n + 20]) for n in range(0, len(lines), 20)]

    start_s = time.process_time()
    code = spans_in(pieces, [read_signs("\n".join(signed_lines))])

    assert time.process_time() - start_s < ChunkingSettings().read_timeout_s
    assert sum(map(len, code)) == len(lines)


def test_a_hit_has_texts_without_signs_and_tells_where_their_code_is() -> None:
    stored = with_signs("Call init first.", ((5, 9),))
    found = [
        candidate("a.md", 0.9, text=stored),
        candidate("b.md", 0.8, text="No code."),
    ]
    store = FoundStore(found, {found[0].key: Around(("Before.",), (stored,))})
    searcher = Searcher(store, some_vector, RankWeights(), 100)

    response = asyncio.run(search_index("init?", k=2, within=Within(), searcher=searcher))

    first, second = response.hits
    assert (first.before, first.text, first.after) == (
        ("Before.",),
        "Call init first.",
        ("Call init first.",),
    )
    assert first.code == ((), ((5, 9),), ((5, 9),))
    assert second.code == ()


def test_a_page_is_shown_without_signs() -> None:
    section = ShownSection("A", ("A",), "a", with_signs("Call init.", ((5, 9),)))
    page = ShownPage(SourceName("docs"), "a.md", "https://x/a", "A", "c0ffee", (section,), {})

    assert [one.text for one in shown_page(page).sections] == ["Call init."]
