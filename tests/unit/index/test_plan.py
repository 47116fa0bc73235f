"""The laws of planning a page: carried out, a plan gives the new page and writes no more than it must."""

import random
from collections.abc import Sequence
from dataclasses import replace

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from index.core.chunks import ChunkLimits, split_page
from index.core.pages import Block, BlockKind, ReadPage, Section
from index.core.plan import (
    ChunkWrite,
    PagePlan,
    SectionWrite,
    StoredChunk,
    StoredPage,
    plan_deletion,
    plan_page,
    texts_of,
)
from index.core.terms import count_terms
from schemas.ids import Revision
from tests.support.events import changed, deleted, page
from tests.support.reading import count_words

PATH = "a.md"
LIMITS = ChunkLimits(target_chars=60, max_tokens=40)

bodies = st.lists(st.sampled_from(["One text.", "Another text.", "word " * 30]), max_size=3)
sections = st.builds(
    lambda heading, anchor, body: Section(
        heading, (heading,), anchor, tuple(Block(BlockKind.PROSE, text) for text in body)
    ),
    st.sampled_from(["Install", "Use"]),
    st.sampled_from(["install", "use", "use-1"]),
    bodies,
)


def read_page(title: str, body: Sequence[Section]) -> ReadPage:
    chunks = split_page(title, body, limits=LIMITS, count_tokens=count_words)
    terms = count_terms(title, PATH, ((body[chunk.section].path, chunk.text) for chunk in chunks))
    return ReadPage(title, tuple(body), chunks, terms)


pages = st.builds(read_page, st.sampled_from(["Guide", "guide"]), st.lists(sections, max_size=5))
Rows = tuple[list[SectionWrite], list[ChunkWrite]]


def planned(read: ReadPage, stored: StoredPage | None, revision: int = 2) -> PagePlan:
    plan = plan_page(changed(PATH, revision), read, stored)
    assert plan is not None
    return plan


def rows_of(read: ReadPage) -> Rows:
    """All rows of a page as a first load writes them."""
    plan = planned(read, None)
    return list(plan.sections), list(plan.chunks)


def stored_of(rows: Rows) -> StoredPage:
    """What a store tells of those rows."""
    chunks = (StoredChunk(chunk.section, chunk.text_hash, chunk.shown) for chunk in rows[1])
    return StoredPage(
        Revision(1), False, tuple(section.digest for section in rows[0]), tuple(chunks)
    )


def carried_out(plan: PagePlan, rows: Rows) -> Rows:
    """The rows after the plan: kept sections at their new places, written ones, and no chunk past the last."""
    old = {section.ordinal: section for section in rows[0]}
    kept = {new: _at(old[before], new) for before, new in plan.kept}
    sections = kept | {section.ordinal: section for section in plan.sections}
    chunks = {chunk.ordinal: chunk for chunk in rows[1] if chunk.ordinal < plan.chunk_count}
    chunks |= {chunk.ordinal: chunk for chunk in plan.chunks}
    return [sections[i] for i in sorted(sections)], [chunks[i] for i in sorted(chunks)]


def _at(section: SectionWrite, ordinal: int) -> SectionWrite:
    return replace(section, ordinal=ordinal)


@given(pages)
def test_a_first_load_writes_everything_the_page_holds(read: ReadPage) -> None:
    written, chunks = rows_of(read)

    assert [(row.heading, row.path, row.anchor) for row in written] == [
        (section.heading, section.path, section.anchor) for section in read.sections
    ]
    assert [piece for row in written for piece in row.pieces] == list(read.terms)
    assert [(row.section, row.text, row.text_hash) for row in chunks] == [
        (chunk.section, chunk.text, chunk.text_hash) for chunk in read.chunks
    ]


@given(pages, pages)
def test_a_plan_carried_out_gives_exactly_the_new_page(old: ReadPage, new: ReadPage) -> None:
    before = rows_of(old)

    after = carried_out(planned(new, stored_of(before)), before)

    assert after == rows_of(new)


@given(pages)
def test_an_equal_page_writes_no_section_and_no_chunk(read: ReadPage) -> None:
    plan = planned(read, stored_of(rows_of(read)))

    assert (plan.sections, plan.chunks) == ((), ())
    assert plan.kept == tuple((ordinal, ordinal) for ordinal in range(len(read.sections)))
    assert plan.texts == texts_of(read)


@given(pages, st.integers(0, 5), sections)
def test_only_what_differs_is_written(read: ReadPage, place: int, other: Section) -> None:
    body = [other if ordinal == place else old for ordinal, old in enumerate(read.sections)]
    edited = read_page(read.title, body)

    plan = planned(edited, stored_of(rows_of(read)))

    assert len(plan.sections) <= 1


@given(pages, st.randoms(use_true_random=False))
def test_sections_that_only_change_places_keep_their_rows(
    read: ReadPage, order: random.Random
) -> None:
    body = list(read.sections)
    order.shuffle(body)

    plan = planned(read_page(read.title, body), stored_of(rows_of(read)))

    assert plan.sections == ()


@given(pages, pages)
def test_a_page_that_is_to_be_rewritten_is_written_whole(old: ReadPage, new: ReadPage) -> None:
    event = msgspec.structs.replace(changed(PATH, 2), rewrite=True)

    plan = plan_page(event, new, stored_of(rows_of(old)))

    assert plan is not None
    assert plan.based_on == 1
    assert (list(plan.sections), list(plan.chunks)) == rows_of(new)


@given(pages, st.integers(1, 3), st.integers(1, 3))
def test_what_is_not_newer_is_not_planned(read: ReadPage, stored: int, revision: int) -> None:
    state = StoredPage(Revision(stored), is_deleted=False)

    plans = (
        plan_page(changed(PATH, revision), read, state),
        plan_deletion(deleted(PATH, revision), state),
    )

    for plan in plans:
        assert (plan is None) == (revision <= stored)
        assert plan is None or (plan.based_on, plan.revision) == (stored, revision)


def test_a_deletion_leaves_nothing_and_a_move_names_the_page_it_replaces() -> None:
    gone = plan_deletion(deleted(PATH, 2), None)
    moved = plan_page(changed(PATH, 2, moved_from="old.md"), read_page("T", []), None)

    assert gone == PagePlan(page(PATH), Revision(2), None)
    assert moved is not None
    assert moved.moved_from == page("old.md")
