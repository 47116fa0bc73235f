"""The contracts of `PageStore`, `GenerationStore` and `ParkStore`, kept by memory and Postgres alike."""

import asyncio

import pytest

from index.core.plan import Outcome
from index.core.ports import ByHand
from ingest.core.audit import dump_of
from schemas.errors import GenerationGone, WrongUse
from schemas.ids import INTAKE, Generation, Revision
from tests.support.events import (
    DIM,
    SOURCE,
    changed,
    deleted,
    hash_of,
    page,
    planned,
    put,
    vectors_of,
)
from tests.support.reading import ReadHere
from tests.support.shelves import Shelf

LONG = "# Title\n\nIntro.\n\n## One\n\nFirst part.\n\n## Two\n\nSecond part.\n"
OTHER = "# Title\n\nIntro.\n\n## Two\n\nSecond part.\n\n## Three\n\nThird part.\n"


@pytest.fixture
def generation(shelf: Shelf, runner: asyncio.Runner) -> Generation:
    info = runner.run(shelf.generations.create(fingerprint="f", model="m", dim=DIM))
    return info.generation


def test_a_page_never_applied_is_none(
    shelf: Shelf, generation: Generation, runner: asyncio.Runner
) -> None:
    assert runner.run(shelf.pages.page(generation, page("a.md"))) is None


@pytest.mark.parametrize("before", ["# Other\n", LONG, OTHER, OTHER + LONG])
def test_an_applied_page_is_what_the_event_says(
    before: str, shelf: Shelf, generation: Generation, runner: asyncio.Runner
) -> None:
    event = changed("a.md", 2, LONG)
    runner.run(put(changed("a.md", 1, before), generation, shelf.pages))

    outcome = runner.run(put(event, generation, shelf.pages))

    shown = runner.run(shelf.generations.dump(generation, SOURCE))
    assert outcome is Outcome.APPLIED
    assert shown == {"a.md": dump_of("a.md", event.url, ReadHere().read(event))}


def test_a_page_that_says_the_same_but_shows_it_as_code_is_stored_anew_without_a_vector(
    shelf: Shelf, generation: Generation, runner: asyncio.Runner
) -> None:
    plain, marked = (
        changed("a.md", 1, "# T\n\nCall init now.\n"),
        changed("a.md", 2, "# T\n\nCall `init` now.\n"),
    )
    runner.run(put(plain, generation, shelf.pages))

    runner.run(put(marked, generation, shelf.pages))

    before, after = (ReadHere().read(event) for event in (plain, marked))
    assert [one.text_hash for one in before.chunks] == [one.text_hash for one in after.chunks]
    shown = runner.run(shelf.generations.dump(generation, SOURCE))
    assert (
        shown
        == {"a.md": dump_of("a.md", marked.url, after)}
        != {"a.md": dump_of("a.md", marked.url, before)}
    )


def test_an_equal_page_moves_on_to_its_revision_alone(
    shelf: Shelf, generation: Generation, runner: asyncio.Runner
) -> None:
    runner.run(put(changed("a.md", 1, LONG), generation, shelf.pages))
    before = runner.run(shelf.pages.page(generation, page("a.md")))

    runner.run(put(changed("a.md", 2, LONG), generation, shelf.pages))

    after = runner.run(shelf.pages.page(generation, page("a.md")))
    assert before is not None
    assert after is not None
    assert (after.revision, after.sections, after.chunks) == (2, before.sections, before.chunks)


@pytest.mark.parametrize("revision", [1, 2])
def test_a_revision_at_or_below_the_stored_one_is_stale(
    revision: int, shelf: Shelf, generation: Generation, runner: asyncio.Runner
) -> None:
    late = runner.run(planned(changed("a.md", revision, OTHER), generation, shelf.pages))
    runner.run(put(changed("a.md", 2, LONG), generation, shelf.pages))
    before = runner.run(shelf.generations.dump(generation, SOURCE))

    outcome = runner.run(shelf.pages.apply(generation, late))

    assert outcome is Outcome.STALE
    assert runner.run(shelf.generations.dump(generation, SOURCE)) == before


def test_a_plan_made_before_another_write_is_to_be_made_again(
    shelf: Shelf, generation: Generation, runner: asyncio.Runner
) -> None:
    slow = runner.run(planned(changed("a.md", 3, OTHER), generation, shelf.pages))
    runner.run(put(changed("a.md", 2, LONG), generation, shelf.pages))
    before = runner.run(shelf.generations.dump(generation, SOURCE))

    outcome = runner.run(shelf.pages.apply(generation, slow))

    assert outcome is Outcome.AGAIN
    assert runner.run(shelf.generations.dump(generation, SOURCE)) == before


def test_a_deletion_leaves_a_tombstone(
    shelf: Shelf, generation: Generation, runner: asyncio.Runner
) -> None:
    runner.run(put(changed("a.md", 1, LONG), generation, shelf.pages))

    runner.run(put(deleted("a.md", 2), generation, shelf.pages))

    stored = runner.run(shelf.pages.page(generation, page("a.md")))
    assert stored is not None
    assert (stored.revision, stored.is_deleted, stored.chunks) == (2, True, ())
    assert runner.run(shelf.generations.dump(generation, SOURCE)) == {}


def test_r10_a_late_upsert_is_ignored(
    shelf: Shelf, generation: Generation, runner: asyncio.Runner
) -> None:
    late = runner.run(planned(changed("a.md", 1, LONG), generation, shelf.pages))
    runner.run(put(deleted("a.md", 2), generation, shelf.pages))

    outcome = runner.run(shelf.pages.apply(generation, late))

    assert outcome is Outcome.STALE
    assert runner.run(shelf.generations.dump(generation, SOURCE)) == {}


def test_r11_a_page_made_again_has_no_old_chunks(
    shelf: Shelf, generation: Generation, runner: asyncio.Runner
) -> None:
    event = changed("a.md", 3, "# Short\n")
    runner.run(put(changed("a.md", 1, LONG), generation, shelf.pages))
    runner.run(put(deleted("a.md", 2), generation, shelf.pages))

    runner.run(put(event, generation, shelf.pages))

    shown = runner.run(shelf.generations.dump(generation, SOURCE))
    assert shown == {"a.md": dump_of("a.md", event.url, ReadHere().read(event))}


def test_r03_a_page_applied_twice_is_stale_the_second_time(
    shelf: Shelf, generation: Generation, runner: asyncio.Runner
) -> None:
    event = changed("a.md", 1, LONG)
    first = runner.run(put(event, generation, shelf.pages))

    second = runner.run(put(event, generation, shelf.pages))

    assert (first, second) == (Outcome.APPLIED, Outcome.STALE)


@pytest.mark.parametrize(("old", "new"), [("a.md", "b.md"), ("b.md", "a.md")])
def test_a_move_takes_the_old_page_away_in_the_same_step(
    old: str, new: str, shelf: Shelf, generation: Generation, runner: asyncio.Runner
) -> None:
    runner.run(put(changed(old, 1, LONG), generation, shelf.pages))

    runner.run(put(changed(new, 2, LONG, moved_from=old), generation, shelf.pages))

    stored = runner.run(shelf.pages.page(generation, page(old)))
    assert stored is not None
    assert (stored.revision, stored.is_deleted) == (2, True)
    assert runner.run(shelf.generations.dump(generation, SOURCE)).keys() == {new}


@pytest.mark.parametrize(("old", "new"), [("a.md", "b.md"), ("b.md", "a.md")])
def test_a_late_move_leaves_a_newer_page_in_its_old_place(
    old: str, new: str, shelf: Shelf, generation: Generation, runner: asyncio.Runner
) -> None:
    runner.run(put(changed(old, 3, OTHER), generation, shelf.pages))

    runner.run(put(changed(new, 2, LONG, moved_from=old), generation, shelf.pages))

    assert runner.run(shelf.generations.dump(generation, SOURCE)).keys() == {old, new}


@pytest.mark.parametrize(("old", "new"), [("a.md", "b.md"), ("b.md", "a.md")])
def test_a_move_that_is_stale_takes_nothing_away(
    old: str, new: str, shelf: Shelf, generation: Generation, runner: asyncio.Runner
) -> None:
    late = runner.run(planned(changed(new, 2, moved_from=old), generation, shelf.pages))
    runner.run(put(changed(new, 3, LONG), generation, shelf.pages))
    runner.run(put(changed(old, 1, OTHER), generation, shelf.pages))

    outcome = runner.run(shelf.pages.apply(generation, late))

    assert outcome is Outcome.STALE
    assert runner.run(shelf.generations.dump(generation, SOURCE)).keys() == {old, new}


def test_a_text_keeps_its_first_vector_and_is_missing_no_more(
    shelf: Shelf, generation: Generation, runner: asyncio.Runner
) -> None:
    one, two = hash_of("one"), hash_of("two")
    vectors = runner.run(vectors_of(["one"]))
    runner.run(shelf.pages.add_vectors(generation, [one], vectors))

    runner.run(shelf.pages.add_vectors(generation, [one], -vectors))

    assert runner.run(shelf.pages.without_vector(generation, [one, two])) == {two}
    assert runner.run(shelf.pages.without_vector(generation, [])) == set()


def test_a_page_with_a_text_that_has_no_vector_is_not_applied(
    shelf: Shelf, generation: Generation, runner: asyncio.Runner
) -> None:
    other = runner.run(shelf.generations.create(fingerprint="g", model="m", dim=DIM)).generation
    plan = runner.run(planned(changed("a.md", 1, LONG), generation, shelf.pages))

    outcome = runner.run(shelf.pages.apply(other, plan))

    assert outcome is Outcome.AGAIN
    assert runner.run(shelf.pages.page(other, page("a.md"))) is None
    assert runner.run(shelf.generations.dump(other, SOURCE)) == {}


def test_generations_keep_their_pages_apart(
    shelf: Shelf, generation: Generation, runner: asyncio.Runner
) -> None:
    other = runner.run(shelf.generations.create(fingerprint="g", model="m", dim=DIM)).generation

    runner.run(put(changed("a.md", 1), generation, shelf.pages))

    assert runner.run(shelf.pages.page(other, page("a.md"))) is None


def test_at_most_one_generation_is_live_and_those_being_built_stay(
    shelf: Shelf, generation: Generation, runner: asyncio.Runner
) -> None:
    second, third = (
        runner.run(shelf.generations.create(fingerprint=name, model="m", dim=DIM)).generation
        for name in "gh"
    )
    runner.run(shelf.generations.promote(generation))

    runner.run(shelf.generations.promote(second))

    known = runner.run(shelf.generations.generations())
    assert [(info.generation, info.is_live) for info in known] == [(second, True), (third, False)]


def test_a_generation_takes_over_once_it_has_all_that_the_live_one_has_as_new_or_newer(
    shelf: Shelf, generation: Generation, runner: asyncio.Runner
) -> None:
    second = runner.run(shelf.generations.create(fingerprint="g", model="m", dim=DIM)).generation
    runner.run(shelf.generations.promote(generation))
    for event in (changed("a.md", 2), changed("b.md", 3), changed("c.md", 2), deleted("d.md", 2)):
        runner.run(put(event, generation, shelf.pages))
    for event in (changed("b.md", 2), deleted("c.md", 2)):
        runner.run(put(event, second, shelf.pages))
    seen = [runner.run(shelf.generations.promote(second))]

    runner.run(put(changed("a.md", 2), second, shelf.pages))
    runner.run(shelf.generations.park(second, page("b.md"), Revision(2), "older"))
    seen.append(runner.run(shelf.generations.promote(second)))
    still = [info.is_live for info in runner.run(shelf.generations.generations())]
    runner.run(shelf.generations.park(second, page("b.md"), Revision(3), "bad"))
    seen.append(runner.run(shelf.generations.promote(second)))

    assert seen == [{SOURCE: 2}, {SOURCE: 1}, {}]
    assert still == [True, False]
    assert [info.generation for info in runner.run(shelf.generations.generations())] == [second]


def test_by_hand_the_former_live_one_is_kept_and_no_process_switches_away_from_a_pin(
    shelf: Shelf, generation: Generation, runner: asyncio.Runner
) -> None:
    runner.run(shelf.generations.promote(generation))
    second = runner.run(shelf.generations.create(fingerprint="g", model="m", dim=DIM)).generation

    runner.run(shelf.generations.promote(second, ByHand(is_pinned=True)))
    runner.run(shelf.generations.promote(generation))
    pinned = runner.run(shelf.generations.generations())
    runner.run(shelf.generations.promote(generation, ByHand()))
    back = runner.run(shelf.generations.generations())

    assert [(one.is_live, one.is_kept, one.is_pinned) for one in pinned] == [
        (False, True, False),
        (True, False, True),
    ]
    assert [(one.is_live, one.is_kept, one.is_pinned) for one in back] == [
        (True, False, False),
        (False, True, False),
    ]


def test_a_forced_switch_asks_for_nothing(
    shelf: Shelf, generation: Generation, runner: asyncio.Runner
) -> None:
    runner.run(shelf.generations.promote(generation))
    runner.run(put(changed("a.md", 1), generation, shelf.pages))
    second = runner.run(shelf.generations.create(fingerprint="g", model="m", dim=DIM)).generation

    asked = runner.run(shelf.generations.promote(second, ByHand()))
    forced = runner.run(shelf.generations.promote(second, ByHand(is_forced=True)))

    assert (asked, forced) == ({SOURCE: 1}, {})


def test_who_writes_to_a_dropped_generation_is_told_so(
    shelf: Shelf, generation: Generation, runner: asyncio.Runner
) -> None:
    plan = runner.run(planned(changed("a.md", 1), generation, shelf.pages))
    hashes = [text_hash for text_hash, _ in plan.texts]
    runner.run(shelf.generations.drop(generation))

    for writing in (
        lambda: shelf.pages.apply(generation, plan),
        lambda: shelf.pages.without_vector(generation, hashes),
        lambda: shelf.generations.park(generation, page("a.md"), Revision(1), "bad"),
        lambda: shelf.generations.promote(generation, ByHand(is_forced=True)),
    ):
        with pytest.raises(GenerationGone):
            runner.run(writing())


def test_a_dropped_generation_is_gone_and_its_number_is_not_used_again(
    shelf: Shelf, generation: Generation, runner: asyncio.Runner
) -> None:
    runner.run(shelf.generations.park(generation, page("a.md"), Revision(1), "bad"))

    runner.run(shelf.generations.drop(generation))
    runner.run(shelf.generations.drop(generation))

    after = runner.run(shelf.generations.create(fingerprint="g", model="m", dim=DIM)).generation
    assert after > generation
    assert runner.run(shelf.rows(SOURCE)).parked == frozenset()


def test_the_live_generation_cannot_be_dropped(
    shelf: Shelf, generation: Generation, runner: asyncio.Runner
) -> None:
    runner.run(shelf.generations.promote(generation))

    with pytest.raises(WrongUse):
        runner.run(shelf.generations.drop(generation))


@pytest.mark.parametrize("where", [INTAKE, Generation(1)])
def test_parking_twice_is_parking_once(
    where: Generation, shelf: Shelf, generation: Generation, runner: asyncio.Runner
) -> None:
    for reason in ("bad", "bad \x00 again"):
        runner.run(shelf.generations.park(where, page("a.md"), Revision(3), reason))

    assert runner.run(shelf.rows(SOURCE)).parked == {(where, "a.md", 3)}


def test_pages_asked_for_together_are_as_each_alone(
    shelf: Shelf, generation: Generation, runner: asyncio.Runner
) -> None:
    runner.run(put(changed("a.md", 1, LONG), generation, shelf.pages))
    runner.run(put(changed("b.md", 2, OTHER), generation, shelf.pages))
    runner.run(put(deleted("c.md", 3), generation, shelf.pages))
    asked = [page(f"{name}.md") for name in "abcd"]

    together = runner.run(shelf.pages.pages(generation, asked))

    alone = {one: runner.run(shelf.pages.page(generation, one)) for one in asked}
    assert {one: together.get(one) for one in asked} == alone
    assert together.keys() == set(asked[:3])
    assert runner.run(shelf.pages.pages(generation, [])) == {}
