"""What a sync publishes: the laws of its plan, and syncs that were cut short."""

import asyncio
from collections.abc import Mapping
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from index.core.ledger import Claim, Publication, PublicationKind
from index.core.stored import DumpedPage
from ingest.adapters.memory import MemoryReader
from ingest.core.outbox import Stamp, events_of, parked_of, publications_of
from ingest.core.sync import (
    Absent,
    Action,
    Change,
    Desired,
    Live,
    Refused,
    choose_owner,
    in_slices,
    plan_sync,
)
from ingest.core.tree import Head
from ingest.settings import SourceSettings
from schemas.errors import BadSource, StoreUnavailable
from schemas.events import PageChanged
from schemas.formats import Dialect
from schemas.ids import Generation, Revision, SourceName
from tests.support.docs import Doc, File, Piece, bytes_of
from tests.support.pipeline import Crash, Pipeline, UnrulyLog
from tests.support.shelves import MemoryShelf

SOURCE = SourceName("docs")
WHEN = datetime(2026, 1, 1, tzinfo=UTC)
PATHS = [f"{name}.md" for name in "abcdef"]

lives = st.builds(lambda number: Live(f"f{number}", f"b{number}", f"/{number}"), st.integers(0, 3))
refusals = st.builds(
    Refused, st.sampled_from(["binary", "too large"]), st.sampled_from(["b0", "b1"]), st.booleans()
)
wishes = st.dictionaries(st.sampled_from(PATHS), lives | refusals | st.builds(Absent))


def stamp(revision: int) -> Stamp:
    return Stamp(SOURCE, Revision(revision), Head(f"c{revision}", WHEN), WHEN, Dialect.AUTO)


def published_after(
    before: Mapping[str, Publication], changes: list[Change], revision: int
) -> dict[str, Publication]:
    """The newest publication of each page once the changes are on record."""
    rows = publications_of(changes, stamp(revision))
    return dict(before) | {row.path: row for row in rows}


def whole(desired: Mapping[str, Desired]) -> dict[str, Desired]:
    """What is wished for, with every other path absent, as a sync of a whole source sees it."""
    return {path: desired.get(path, Absent()) for path in PATHS}


@given(wishes, wishes)
def test_after_a_sync_the_next_one_has_nothing_to_say(
    first: Mapping[str, Desired], second: Mapping[str, Desired]
) -> None:
    ledger = published_after({}, plan_sync(whole(first), {}), 1)

    changes = plan_sync(whole(second), ledger)

    after = published_after(ledger, changes, 2)
    assert plan_sync(whole(second), after) == []


@given(wishes, wishes)
def test_the_ledger_ends_at_what_is_there(
    first: Mapping[str, Desired], second: Mapping[str, Desired]
) -> None:
    ledger = published_after({}, plan_sync(whole(first), {}), 1)

    after = published_after(ledger, plan_sync(whole(second), ledger), 2)

    live = {path: row.fingerprint for path, row in after.items() if row.kind == "changed"}
    assert live == {
        path: want.fingerprint for path, want in second.items() if isinstance(want, Live)
    }


@given(wishes, wishes)
def test_a_move_takes_one_old_page_to_one_new_one_with_the_same_file(
    first: Mapping[str, Desired], second: Mapping[str, Desired]
) -> None:
    ledger = published_after({}, plan_sync(whole(first), {}), 1)

    changes = plan_sync(whole(second), ledger)

    moves = {change.moved_from: change for change in changes if change.action is Action.MOVE}
    parted = {change.path: change for change in changes if change.moved_to is not None}
    assert len(moves) == sum(change.action is Action.MOVE for change in changes)
    assert moves.keys() == parted.keys()
    for old, change in moves.items():
        assert isinstance(change.desired, Live)
        assert old is not None
        assert parted[old].moved_to == change.path
        assert ledger[old].blob == change.desired.blob
        assert isinstance(whole(second)[old], Absent | Refused)


@given(wishes, wishes, st.integers(1, 3))
def test_deletions_go_first_and_a_move_is_never_parted(
    first: Mapping[str, Desired], second: Mapping[str, Desired], size: int
) -> None:
    ledger = published_after({}, plan_sync(whole(first), {}), 1)
    changes = plan_sync(whole(second), ledger)

    slices = list(in_slices(changes, size=size))

    assert [change for batch in slices for change in batch] == changes
    assert all(len(batch) <= max(2, size) for batch in slices)
    ranks = [change.action is not Action.DELETE for change in changes if not change.moved_to]
    plain = [
        is_other
        for change, is_other in zip(
            [change for change in changes if not change.moved_to], ranks, strict=True
        )
        if change.action is not Action.PARK
    ]
    assert plain == sorted(plain)
    for batch in slices:
        moved = {change.moved_from for change in batch if change.action is Action.MOVE}
        assert moved == {change.path for change in batch if change.moved_to}


@given(wishes, st.sets(st.sampled_from(PATHS)))
def test_a_page_that_is_behind_is_sent_again_at_its_own_revision(
    desired: Mapping[str, Desired], behind: set[str]
) -> None:
    ledger = published_after({}, plan_sync(whole(desired), {}), 1)

    changes = plan_sync(whole(desired), ledger, behind)

    unparked = {path for path, row in ledger.items() if row.kind is not PublicationKind.PARKED}
    assert {change.path for change in changes} == behind & unparked
    assert all(change.action is Action.RESEND and change.revision == 1 for change in changes)
    assert publications_of(changes, stamp(2)) == ()


@given(wishes)
def test_every_page_is_announced_and_then_sent_or_parked(desired: Mapping[str, Desired]) -> None:
    changes = plan_sync(whole(desired), {})

    rows = publications_of(changes, stamp(1))
    events = events_of(changes, dict.fromkeys(PATHS, "text"), stamp(1), {})
    parked = dict(parked_of(changes))

    sent = {event.page_id.split("/", 1)[1] for event in events}
    assert (
        {row.path for row in rows}
        == sent | parked.keys()
        == desired.keys() - {path for path, want in desired.items() if isinstance(want, Absent)}
    )
    for event in events:
        is_live = isinstance(desired[event.page_id.split("/", 1)[1]], Live)
        assert isinstance(event, PageChanged) == is_live


def test_a_page_broken_in_the_index_is_published_anew_though_the_ledger_has_it_right() -> None:
    desired: dict[str, Desired] = {
        "a.md": Live("f", "b", "/a"),
        "b.md": Absent(),
        "c.md": Refused("binary", "c"),
    }
    ledger = published_after({}, plan_sync(desired, {}), 1)

    changes = plan_sync(desired, ledger, broken=desired)

    assert [(change.path, change.action, change.is_repair) for change in changes] == [
        ("b.md", Action.DELETE, True),
        ("c.md", Action.PARK, True),
        ("a.md", Action.CHANGE, True),
    ]
    assert parked_of(changes) == (("c.md", "binary"),)


@pytest.mark.parametrize(
    ("claims", "owner"),
    [
        ([("b.md", False), ("a.md", False)], "a.md"),
        ([("b.md", True), ("a.md", False)], "b.md"),
        ([("b.md", True), ("a.md", True)], "a.md"),
    ],
)
def test_a_url_belongs_to_a_slug_first_and_then_to_the_first_path(
    claims: list[tuple[str, bool]], owner: str
) -> None:
    rivals = [Claim(path, "blob", "/same", is_slug) for path, is_slug in claims]

    assert choose_owner(rivals) == owner


def test_a_refused_page_whose_file_goes_is_not_shown_as_parked_any_more() -> None:
    refused = {"a.md": Refused("b.md has the same URL, /x", "blob", keeps_last=False)}
    ledger = published_after({}, plan_sync(refused, {}), 1)

    changes = plan_sync({"a.md": Absent()}, ledger)

    assert [change.action for change in changes] == [Action.DELETE]
    assert plan_sync({"a.md": Absent()}, published_after(ledger, changes, 2)) == []


class Play:
    """One source synced into memory, a page a slice."""

    def __init__(self) -> None:
        self.shelf, self.reader = MemoryShelf(), MemoryReader()
        settings = SourceSettings(name=SOURCE, location="/docs")
        self.pipeline = Pipeline(self.shelf, SOURCE, self.reader, settings, self._nobody)
        self.generation = Generation(0)

    async def begin(self, tree: Mapping[str, File]) -> None:
        self.generation = await self.pipeline.add_generation()
        await self.sync(tree)

    async def sync(self, tree: Mapping[str, File]) -> None:
        self.reader.commit(bytes_of(tree))
        await self.pipeline.sync()

    async def shown(self) -> set[str]:
        return set(await self.shelf.generations.dump(self.generation, SOURCE))

    async def _nobody(self, _: str) -> None:
        return None


@pytest.mark.parametrize("slices", range(5))
def test_a_page_that_waits_for_a_url_gets_it_however_the_sync_that_freed_it_died(
    slices: int,
) -> None:
    async def play() -> set[str]:
        play = Play()
        winner, loser = Doc(1, (2,), slug="/taken"), Doc(1, (3,), slug="/taken")
        await play.begin({"home.md": Doc(0, (1,)), "a.md": winner, "b.md": loser})
        play.pipeline.crash_at("before announce", slices)
        try:
            await play.sync({"home.md": Doc(0, (1,)), "b.md": loser})
        except Crash:
            await play.pipeline.sync()
        return await play.shown()

    assert asyncio.run(play()) == {"home.md", "b.md"}


@pytest.mark.parametrize("kept_chars", [0, 40, 10**6])
def test_a_source_is_published_whole_however_much_of_its_text_is_kept(
    kept_chars: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ingest.handlers.sync._KEPT_CHARS", kept_chars)
    tree: dict[str, File] = {f"{n}.md": Doc(n, (1, 2)) for n in range(6)}

    async def play() -> tuple[set[str], Revision]:
        play = Play()
        await play.begin(tree)
        await play.pipeline.sync(everything=True)
        return await play.shown(), max(event.revision for event in play.pipeline.sent)

    assert asyncio.run(play()) == (set(tree), 1)


def test_a_page_too_large_with_its_includes_comes_back_when_an_include_shrinks() -> None:
    async def play() -> list[set[str]]:
        play = Play()
        page = Doc(1, (2,), include="inc/one.txt")
        tree = {"home.md": Doc(0, (1,)), "a.md": page}
        await play.begin({**tree, "inc/one.txt": Piece(3, is_huge=True)})
        before = await play.shown()
        await play.sync({**tree, "inc/one.txt": Piece(3)})
        return [before, await play.shown()]

    assert asyncio.run(play()) == [{"home.md"}, {"home.md", "a.md"}]


def test_r12_a_tree_that_was_gone_back_to_after_half_a_sync_is_published_whole() -> None:
    first: dict[str, File] = {"home.md": Doc(0, (1,)), "a.md": Doc(1, (2,)), "b.md": Doc(1, (3,))}

    async def play() -> list[Mapping[str, DumpedPage]]:
        play = Play()
        await play.begin(first)
        kept = (await play.reader.head()).commit
        before = await play.shelf.generations.dump(play.generation, SOURCE)
        play.pipeline.crash_at("after apply", 1)
        with pytest.raises(Crash):
            await play.sync({"home.md": Doc(4, (5,)), "c.md": Doc(1, (2,))})
        play.reader.reset(kept)
        await play.pipeline.sync()
        after = await play.shelf.generations.dump(play.generation, SOURCE)
        return [before, after]

    before, after = asyncio.run(play())

    assert after == before


@pytest.mark.parametrize("is_forgotten", [False, True])
def test_r12_what_is_published_holds_no_commit_that_was_taken_back(is_forgotten: bool) -> None:
    """Also where the mirror was made again and does not know it any more."""

    async def play() -> tuple[list[set[str]], list[str]]:
        play = Play()
        held = []
        heads = []

        async def note() -> None:
            heads.append((await play.reader.head()).commit)
            ledger = play.shelf.ledger
            held.append({commit for source, commit in ledger.covered if source == SOURCE})

        await play.begin({"home.md": Doc(0, (1,))})
        await note()
        await play.sync({"home.md": Doc(0, (2,))})
        await note()
        play.reader.reset(heads[0])
        if is_forgotten:
            play.reader.forget(heads[1])
        await play.pipeline.sync()
        await note()
        await play.sync({"home.md": Doc(0, (3,))})
        await note()
        return held, heads

    held, (first, second, _, third) = asyncio.run(play())

    assert held == [{first}, {first, second}, {first}, {first, third}]


def test_a_source_without_any_page_is_an_error_and_takes_nothing_away() -> None:
    async def play() -> set[str]:
        play = Play()
        await play.begin({"home.md": Doc(0, (1,)), "a.md": Doc(1, (2,))})
        with pytest.raises(BadSource):
            await play.sync({"inc/one.txt": Piece(1)})
        return await play.shown()

    assert asyncio.run(play()) == {"home.md", "a.md"}


def test_the_published_pointer_stays_while_a_page_is_neither_applied_nor_parked() -> None:
    async def play() -> tuple[int, int]:
        play = Play()
        await play.begin({"home.md": Doc(0, (1,))})
        play.reader.commit(bytes_of({"home.md": Doc(0, (2,))}))
        with pytest.raises(StoreUnavailable):
            await play.pipeline.sync_through(UnrulyLog(play.pipeline.consume, lambda _: []))
        state = await play.shelf.ledger.source(SOURCE)
        return state.revision, state.published_revision

    assert asyncio.run(play()) == (2, 1)


def test_r08_a_second_sync_of_the_same_commit_takes_no_revision() -> None:
    async def play() -> int:
        play = Play()
        await play.begin({"home.md": Doc(0, (1,))})
        await play.pipeline.sync()
        return (await play.shelf.ledger.source(SOURCE)).revision

    assert asyncio.run(play()) == 1
