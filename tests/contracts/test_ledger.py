"""The contract of `Ledger`, kept by memory and Postgres alike."""

import asyncio

import pytest

from index.core.ledger import Announcement, PublicationKind
from index.core.plan import Outcome
from schemas.errors import Fenced
from schemas.ids import INTAKE, Revision, SourceName
from tests.support.events import DIM, SOURCE, WHEN, changed, claimed, deleted, page, published, put
from tests.support.shelves import Shelf

OTHER = SourceName("other")


async def begun(shelf: Shelf, source: SourceName = SOURCE) -> Revision:
    return await shelf.ledger.begin(source, commit="head", config_hash="h")


async def synced(shelf: Shelf, announcement: Announcement) -> Revision:
    """A sync that says one thing and finishes."""
    revision = await begun(shelf)
    await shelf.ledger.announce(SOURCE, revision, announcement)
    await finished(shelf, revision)
    return revision


async def finished(shelf: Shelf, revision: Revision) -> None:
    await shelf.ledger.finish(
        SOURCE,
        revision,
        commit="head",
        committed_at=WHEN,
        covered=("head", "older"),
        checked_at=WHEN,
    )


def test_a_source_never_heard_of_is_at_the_beginning(shelf: Shelf, runner: asyncio.Runner) -> None:
    state = runner.run(shelf.ledger.source(SOURCE))

    assert (state.revision, state.published_revision, state.config_hash) == (0, 0, "")
    assert state.published_commit is None
    assert runner.run(shelf.ledger.newest(SOURCE, None)) == {}
    assert runner.run(shelf.ledger.unfinished(SOURCE)) == frozenset()


def test_revisions_of_a_source_only_grow(shelf: Shelf, runner: asyncio.Runner) -> None:
    revisions = [runner.run(begun(shelf)) for _ in range(3)]

    assert revisions == [1, 2, 3]
    assert runner.run(begun(shelf, OTHER)) == 1


def test_the_published_pointer_moves_when_a_sync_finishes(
    shelf: Shelf, runner: asyncio.Runner
) -> None:
    revision = runner.run(begun(shelf))
    before = runner.run(shelf.ledger.source(SOURCE))

    runner.run(finished(shelf, revision))

    after = runner.run(shelf.ledger.source(SOURCE))
    assert (before.revision, before.published_revision) == (1, 0)
    assert (after.revision, after.published_revision) == (1, 1)
    assert (after.published_commit, after.config_hash) == ("head", "h")


def test_a_sync_that_another_has_overtaken_can_say_and_finish_nothing(
    shelf: Shelf, runner: asyncio.Runner
) -> None:
    old = runner.run(begun(shelf))
    runner.run(begun(shelf))
    said = Announcement(
        (published("a.md", old),), (claimed("a.md", "/a"),), parked=(("a.md", "x"),)
    )

    with pytest.raises(Fenced):
        runner.run(shelf.ledger.announce(SOURCE, old, said))
    with pytest.raises(Fenced):
        runner.run(finished(shelf, old))

    assert runner.run(shelf.ledger.newest(SOURCE, None)) == {}
    assert runner.run(shelf.ledger.claims(SOURCE)) == {}
    assert runner.run(shelf.rows(SOURCE)).parked == frozenset()
    assert runner.run(shelf.ledger.source(SOURCE)).published_revision == 0


def test_a_sync_that_never_began_can_say_nothing(shelf: Shelf, runner: asyncio.Runner) -> None:
    with pytest.raises(Fenced):
        runner.run(shelf.ledger.announce(SOURCE, Revision(1), Announcement()))


def test_the_newest_publication_of_each_page_is_kept_whole(
    shelf: Shelf, runner: asyncio.Runner
) -> None:
    newest = published("b.md", 2, PublicationKind.DELETED, moved_from="c.md")
    runner.run(synced(shelf, Announcement((published("a.md", 1), published("b.md", 1)))))

    runner.run(synced(shelf, Announcement((newest,))))

    everything = runner.run(shelf.ledger.newest(SOURCE, None))
    assert everything == {"a.md": published("a.md", 1), "b.md": newest}
    assert runner.run(shelf.ledger.newest(SOURCE, ["b.md", "x.md"])) == {"b.md": newest}
    assert runner.run(shelf.ledger.newest(SOURCE, [])) == {}
    assert runner.run(shelf.ledger.newest(OTHER, None)) == {}


def test_what_a_dead_sync_wrote_is_unfinished_until_another_has_finished(
    shelf: Shelf, runner: asyncio.Runner
) -> None:
    runner.run(synced(shelf, Announcement((published("old.md", 1),), (claimed("old.md", "/o"),))))
    revision = runner.run(begun(shelf))
    said = Announcement((published("a.md", 2),), (claimed("b.md", "/b"),), gone=("c.md",))
    runner.run(shelf.ledger.announce(SOURCE, revision, said))

    left = runner.run(shelf.ledger.unfinished(SOURCE))

    runner.run(synced(shelf, Announcement()))
    assert left == {"a.md", "b.md", "c.md"}
    assert runner.run(shelf.ledger.unfinished(SOURCE)) == frozenset()


def test_claims_are_found_by_path_and_by_url(shelf: Shelf, runner: asyncio.Runner) -> None:
    one, two = claimed("a.md", "/same", is_slug=True), claimed("b.md", "/same")
    three = claimed("c.md", "/c")

    runner.run(synced(shelf, Announcement(claims=(one, two, three))))

    ledger = shelf.ledger
    assert runner.run(ledger.claims(SOURCE)) == {"a.md": one, "b.md": two, "c.md": three}
    assert runner.run(ledger.claims(SOURCE, paths=["a.md"])) == {"a.md": one}
    assert runner.run(ledger.claims(SOURCE, paths=(), urls=["/same"])).keys() == {"a.md", "b.md"}
    assert runner.run(ledger.claims(SOURCE, paths=["c.md"], urls=["/same"])).keys() == {
        "a.md",
        "b.md",
        "c.md",
    }
    assert runner.run(ledger.claims(SOURCE, paths=())) == {}
    assert runner.run(ledger.claims(OTHER)) == {}


def test_a_new_claim_takes_the_place_of_the_old_one(shelf: Shelf, runner: asyncio.Runner) -> None:
    runner.run(synced(shelf, Announcement(claims=(claimed("a.md", "/a", "x.txt", "y.txt"),))))

    runner.run(synced(shelf, Announcement(claims=(claimed("a.md", "/b", "y.txt"),))))

    assert runner.run(shelf.ledger.claims(SOURCE)) == {"a.md": claimed("a.md", "/b")}
    assert runner.run(shelf.ledger.dependents(SOURCE, ["x.txt"])) == frozenset()
    assert runner.run(shelf.ledger.dependents(SOURCE, ["y.txt", "z.txt"])) == {"a.md"}


def test_a_page_that_is_gone_claims_nothing_and_depends_on_nothing(
    shelf: Shelf, runner: asyncio.Runner
) -> None:
    runner.run(synced(shelf, Announcement(claims=(claimed("a.md", "/a", "x.txt"),))))

    runner.run(synced(shelf, Announcement(gone=("a.md",))))

    assert runner.run(shelf.ledger.claims(SOURCE)) == {}
    assert runner.run(shelf.ledger.claims(SOURCE, paths=["a.md"], urls=["", "/a"])) == {}
    assert runner.run(shelf.ledger.dependents(SOURCE, ["x.txt"])) == frozenset()


def test_a_page_is_behind_until_it_is_applied_or_parked_everywhere(
    shelf: Shelf, runner: asyncio.Runner
) -> None:
    one, two = (
        runner.run(shelf.generations.create(fingerprint=name, model="m", dim=DIM)).generation
        for name in "fg"
    )
    revision = runner.run(begun(shelf))
    said = Announcement((published("a.md", revision), published("b.md", revision)))
    runner.run(shelf.ledger.announce(SOURCE, revision, said))
    seen = [_behind(shelf, runner)]

    for generation in (one, two):
        assert runner.run(put(changed("a.md", 1), generation, shelf.pages)) is Outcome.APPLIED
        seen.append(_behind(shelf, runner))
    for generation in (one, two):
        runner.run(shelf.generations.park(generation, page("b.md"), revision, "bad"))
        seen.append(_behind(shelf, runner))

    assert seen == [["a.md", "b.md"], ["a.md", "b.md"], ["b.md"], ["b.md"], []]


@pytest.mark.parametrize("parked_at", [1, 2, 3])
def test_a_page_parked_before_its_newest_publication_is_still_behind(
    parked_at: int, shelf: Shelf, runner: asyncio.Runner
) -> None:
    runner.run(shelf.generations.create(fingerprint="f", model="m", dim=DIM))
    runner.run(begun(shelf))
    revision = runner.run(begun(shelf))
    runner.run(shelf.ledger.announce(SOURCE, revision, Announcement((published("a.md", 2),))))

    runner.run(shelf.generations.park(INTAKE, page("a.md"), Revision(parked_at), "bad"))

    assert _behind(shelf, runner) == (["a.md"] if parked_at < revision else [])


def test_a_page_parked_at_intake_is_behind_nowhere(shelf: Shelf, runner: asyncio.Runner) -> None:
    runner.run(shelf.generations.create(fingerprint="f", model="m", dim=DIM))
    revision = runner.run(begun(shelf))
    refused = published("a.md", revision, PublicationKind.PARKED)

    runner.run(
        shelf.ledger.announce(
            SOURCE, revision, Announcement((refused,), parked=(("a.md", "binary"),))
        )
    )

    assert _behind(shelf, runner) == []
    assert runner.run(shelf.rows(SOURCE)).parked == {(INTAKE, "a.md", revision)}


def test_a_newer_publication_makes_a_page_behind_again_and_a_bound_leaves_it_out(
    shelf: Shelf, runner: asyncio.Runner
) -> None:
    generation = runner.run(
        shelf.generations.create(fingerprint="f", model="m", dim=DIM)
    ).generation
    runner.run(put(deleted("a.md", 1), generation, shelf.pages))
    runner.run(begun(shelf))
    runner.run(shelf.ledger.announce(SOURCE, Revision(1), Announcement((published("a.md", 1),))))
    revision = runner.run(begun(shelf))
    runner.run(shelf.ledger.announce(SOURCE, revision, Announcement((published("a.md", 2),))))

    everything = runner.run(shelf.ledger.behind(SOURCE))
    bounded = runner.run(shelf.ledger.behind(SOURCE, up_to=Revision(1)))

    assert [(row.page_id, row.revision) for row in everything] == [(page("a.md"), 2)]
    assert list(bounded) == []


def test_a_generation_added_later_lacks_what_was_finished_before(
    shelf: Shelf, runner: asyncio.Runner
) -> None:
    runner.run(synced(shelf, Announcement((published("a.md", 1),))))

    runner.run(shelf.generations.create(fingerprint="f", model="m", dim=DIM))

    everything = runner.run(shelf.ledger.behind(SOURCE, everything=True))
    assert list(runner.run(shelf.ledger.behind(SOURCE))) == []
    assert [row.page_id for row in everything] == [page("a.md")]


def test_noting_a_look_changes_nothing_else(shelf: Shelf, runner: asyncio.Runner) -> None:
    runner.run(synced(shelf, Announcement()))
    before = runner.run(shelf.ledger.source(SOURCE))

    runner.run(shelf.ledger.checked(SOURCE, before.read_at))
    runner.run(shelf.ledger.checked(SOURCE, WHEN))

    after = runner.run(shelf.ledger.source(SOURCE))
    assert after == before
    assert (before.checked_at, after.checked_at) == (WHEN, before.read_at)


def _behind(shelf: Shelf, runner: asyncio.Runner) -> list[str]:
    return [row.page_id.split("/", 1)[1] for row in runner.run(shelf.ledger.behind(SOURCE))]
