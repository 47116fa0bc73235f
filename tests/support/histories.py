"""Histories of a source as a machine that Hypothesis drives: edits, syncs, and all that goes wrong on the way."""

import asyncio
import contextlib
import random
from collections.abc import Callable, Coroutine, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import TypeVar

from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    rule,
)

from ingest.adapters.memory import MemoryReader
from ingest.settings import SourceSettings
from schemas.errors import Fenced, StoreUnavailable
from schemas.events import PageEvent
from schemas.formats import Dialect
from schemas.ids import Generation, Revision, SourceName
from tests.support.docs import (
    INCLUDES,
    PAGES,
    PATTERNS,
    Doc,
    File,
    Piece,
    Poison,
    Tree,
    bytes_of,
    expected_of,
    healed,
)
from tests.support.pipeline import POINTS, Crash, Pipeline, StuckLog, UnrulyLog
from tests.support.reading import ReadHere
from tests.support.shelves import Shelf
from tests.support.witness import Witness, check_reconciled, rebuild

T = TypeVar("T")

NUMBERS = st.integers(0, 30)
EXCLUDES = ((), ("d/**",), ("inc/**", "f.rst"))
docs = st.builds(
    Doc,
    title=st.integers(0, 3),
    sections=st.lists(NUMBERS, max_size=4).map(tuple),
    include=st.sampled_from(("", *INCLUDES)),
    slug=st.sampled_from(("", "", "/a", "/taken")),
    is_draft=st.sampled_from((False, False, False, True)),
)
crash_points = st.tuples(
    st.sampled_from([f"{when} {point}" for point in POINTS for when in ("before", "after")]),
    st.integers(0, 5),
)
picks = st.integers(0, 100)
# Seeded, not drawn: how much has been sent depends on timing, and what is drawn must not.
orders = st.integers(0, 2**16).map(random.Random)
FIRST: Tree = {
    "home.md": Doc(0, (1,)),
    "a.md": Doc(1, (2, 3), include="inc/one.txt"),
    "b.md": Doc(2, (4, 4), slug="/taken"),
    "d/e.md": Doc(2, (7,), slug="/taken"),
    "f.rst": Doc(3, (5,), include="inc/part.rst"),
    "inc/one.txt": Piece(6),
}
TWEAKS: Mapping[str, Callable[[Doc], Doc]] = {
    "the other way round": lambda doc: replace(doc, sections=doc.sections[::-1]),
    "a slug": lambda doc: replace(doc, slug="/taken"),
    "no slug": lambda doc: replace(doc, slug=""),
    "draft or not": lambda doc: replace(doc, is_draft=not doc.is_draft),
    "include": lambda doc: replace(doc, include="inc/one.txt"),
    **{poison: partial(replace, poison=poison) for poison in Poison},
}


class Histories(RuleBasedStateMachine):
    """What is committed is only seen by the next sync. `home.md` never changes, since an empty source is an error."""

    def __init__(self, shelf: Shelf, source: SourceName, runner: asyncio.Runner) -> None:
        super().__init__()
        self.runner, self.shelf, self.source = runner, shelf, source
        self.reader, self.read = MemoryReader(), ReadHere()
        self.tree: dict[str, File] = dict(FIRST)
        self.trees: list[tuple[str, dict[str, File]]] = []
        self.witness = Witness(shelf, source, self.read)
        settings = SourceSettings(name=source, location="/docs")
        self.pipeline = Pipeline(
            shelf, source, self.reader, settings, self.witness.watch, self.read, self.witness.sent
        )
        self.zombie: Zombie | None = None
        self.building: Generation | None = None
        self.reconciled: tuple[int, Tree, SourceSettings] = (-1, {}, settings)

    def _run(self, work: Coroutine[object, object, T]) -> T:
        return self.runner.run(work)

    @initialize()
    def begin(self) -> None:
        generation = self._run(self.pipeline.add_generation())
        self._run(self.shelf.generations.promote(generation))

    # What authors do.

    @rule(path=st.sampled_from(PAGES), doc=docs)
    def write(self, path: str, doc: Doc) -> None:
        self.tree[path] = doc

    @rule(pick=picks, number=NUMBERS, at=st.integers(0, 4))
    def edit(self, pick: int, number: int, at: int) -> None:
        self._change(pick, lambda doc: _edited(doc, number, at))

    @rule(pick=picks, tweak=st.sampled_from(sorted(TWEAKS)))
    def tweak(self, pick: int, tweak: str) -> None:
        self._change(pick, TWEAKS[tweak])

    @rule()
    def heal(self) -> None:
        for path, file in self.tree.items():
            self.tree[path] = healed(file) if isinstance(file, Doc) else file

    @rule(pick=picks)
    def delete(self, pick: int) -> None:
        if paths := self._pages():
            del self.tree[paths[pick % len(paths)]]

    @rule(pick=picks, to=st.sampled_from(PAGES), number=st.none() | NUMBERS)
    def rename(self, pick: int, to: str, number: int | None) -> None:
        if paths := self._pages():
            doc = self.tree.pop(paths[pick % len(paths)])
            is_edited = number is not None and isinstance(doc, Doc)
            self.tree[to] = _edited(doc, number, 0) if is_edited else doc  # type: ignore[arg-type]

    @rule(pick=picks, place=picks)
    def move(self, pick: int, place: int) -> None:
        """A plain rename: the same bytes under a new path, and nothing else."""
        if paths := [path for path in self._pages() if path.endswith(".md")]:
            free = [path for path in PAGES if path.endswith(".md") and path not in self.tree]
            if free:
                self.tree[free[place % len(free)]] = self.tree.pop(paths[pick % len(paths)])

    @rule(first=picks, second=picks)
    def swap(self, first: int, second: int) -> None:
        if paths := self._pages():
            one, two = paths[first % len(paths)], paths[second % len(paths)]
            self.tree[one], self.tree[two] = self.tree[two], self.tree[one]

    @rule(pick=picks, to=st.sampled_from(PAGES))
    def chain(self, pick: int, to: str) -> None:
        """One page takes the place of another, which moves on."""
        if len(paths := self._pages()) > 1:
            first, second = paths[pick % len(paths)], paths[(pick + 1) % len(paths)]
            moved = self.tree[second]
            self.tree[second] = self.tree.pop(first)
            self.tree[to] = moved

    @rule(path=st.sampled_from(INCLUDES), number=NUMBERS, is_huge=st.booleans())
    def write_include(self, path: str, number: int, is_huge: bool) -> None:
        self.tree[path] = Piece(number, is_huge) if path.endswith(".txt") else Doc(1, (number,))

    @rule(path=st.sampled_from(INCLUDES))
    def delete_include(self, path: str) -> None:
        self.tree.pop(path, None)

    @rule(pick=picks, is_forgotten=st.booleans())
    def go_back(self, pick: int, is_forgotten: bool) -> None:
        """A force push to an older tree; the mirror may have lost what it replaces."""
        if not self.trees:
            return
        kept, tree = self.trees[pick % len(self.trees)]
        self.reader.reset(kept)
        self.tree = dict(tree)
        if is_forgotten:
            for commit in {commit for commit, _ in self.trees} - {kept}:
                self.reader.forget(commit)
            self.trees = []
        self.trees.append((kept, tree))

    @rule(
        pattern=st.sampled_from(PATTERNS),
        exclude=st.sampled_from(EXCLUDES),
        dialect=st.sampled_from((Dialect.AUTO, Dialect.MKDOCS)),
    )
    def configure(self, pattern: str, exclude: tuple[str, ...], dialect: Dialect) -> None:
        self.pipeline.settings = SourceSettings(
            name=self.source, location="/docs", url=pattern, exclude=exclude, dialect=dialect
        )

    # What machines do.

    @rule()
    def sync(self) -> None:
        self._commit()
        self._run(self._reconcile())

    @rule()
    def sync_again(self) -> None:
        self.sync()

    @rule()
    def sync_once_more(self) -> None:
        self.sync()

    @rule(point=crash_points)
    def sync_and_crash(self, point: tuple[str, int]) -> None:
        self._commit()
        self.pipeline.crash_at(*point)
        try:
            self._run(self.pipeline.sync())
        except Crash:
            return

    @rule(slices=st.integers(1, 3))
    def sync_and_be_hinted(self, slices: int) -> None:
        """A newer commit is announced while a sync is on its way."""
        self._commit()
        self.pipeline.hint_after(slices)
        self._run(self.pipeline.sync())

    @rule(order=orders, drops=st.booleans())
    def sync_over_an_unruly_log(self, order: random.Random, drops: bool) -> None:
        """Events come late, twice and in any order, old ones among them; some never do."""
        self._commit()
        log = UnrulyLog(self.pipeline.consume, lambda events: self._shuffled(events, order, drops))
        try:
            self._run(self.pipeline.sync_through(log))
        except StoreUnavailable:
            assert drops

    @rule(order=orders, pick=picks, number=NUMBERS)
    def sync_twice_before_anything_arrives(
        self, order: random.Random, pick: int, number: int
    ) -> None:
        """The events of one sync are still on their way when the next one sends newer ones."""
        self._commit()
        with contextlib.suppress(StoreUnavailable):
            self._run(self.pipeline.sync_through(UnrulyLog(self.pipeline.consume, lambda _: [])))
        self._change(pick, lambda doc: _edited(doc, number, 0))
        self.sync_over_an_unruly_log(order=order, drops=False)

    @rule(order=orders)
    def replay(self, order: random.Random) -> None:
        """Everything ever sent is delivered again."""
        batches = self._shuffled([], order, False)
        self._run(self._consume(batches))

    @rule(stop_at=st.integers(0, 3))
    def suspend_a_sync(self, stop_at: int) -> None:
        if self.zombie is not None:
            return
        self._commit()
        log = StuckLog(self.pipeline.consume, stop_at)
        self.zombie = self._run(self._suspend(log))

    @rule()
    def wake_the_zombie(self) -> None:
        zombie, self.zombie = self.zombie, None
        if zombie is not None:
            self._run(self._wake(zombie))

    @rule(point=st.none() | crash_points, hint_after=st.none() | st.integers(1, 3))
    def build_a_generation(self, point: tuple[str, int] | None, hint_after: int | None) -> None:
        """A generation is built beside the live one, from whatever state things are in, and takes over."""
        self._commit()
        if hint_after is not None:
            self.pipeline.hint_after(hint_after)
        if point is not None:
            self.pipeline.crash_at(*point)
        try:
            self._run(self._build())
        except Crash:
            return

    @invariant()
    def readers_saw_nothing_wrong(self) -> None:
        assert self.witness.violations == []

    def teardown(self) -> None:
        if self.zombie is not None:
            self.zombie.task.cancel()
            self._run(asyncio.wait({self.zombie.task}))

    def _pages(self) -> list[str]:
        return sorted(path for path in self.tree if path in PAGES)

    def _change(self, pick: int, change: Callable[[Doc], Doc]) -> None:
        if paths := self._pages():
            path = paths[pick % len(paths)]
            doc = self.tree[path]
            self.tree[path] = change(doc) if isinstance(doc, Doc) else doc

    def _commit(self) -> None:
        """Commit what authors did; after a force push to a tree that nobody has edited since, there is nothing."""
        if not self.trees or self.trees[-1][1] != self.tree:
            self.trees.append((self.reader.commit(bytes_of(self.tree)), dict(self.tree)))

    def _shuffled(
        self, events: list[PageEvent], order: random.Random, drops: bool
    ) -> list[list[PageEvent]]:
        anything = order.sample(self.pipeline.sent, min(len(self.pipeline.sent), 4))
        delivered = [*events, *events, *self.pipeline.sent[-8:], *anything]
        order.shuffle(delivered)
        if drops and delivered:
            lost = order.choice(delivered).page_id
            delivered = [event for event in delivered if event.page_id != lost]
        size = order.randint(1, 8)
        return [delivered[start : start + size] for start in range(0, len(delivered), size)]

    async def _consume(self, batches: list[list[PageEvent]]) -> None:
        for batch in batches:
            await self.pipeline.consume(batch)

    async def _reconcile(self) -> None:
        self.witness.moving = await self._plain_moves()
        await self.pipeline.sync()
        self.witness.moving = []
        generations = await self.shelf.generations.generations()
        await self._check([g.generation for g in generations if g.generation != self.building])
        state = await self.shelf.ledger.source(self.source)
        self.reconciled = (state.revision, dict(self.tree), self.pipeline.settings)

    async def _plain_moves(self) -> list[tuple[str, str]]:
        """Pages that are at another path than when all was last in step, with the same bytes."""
        state = await self.shelf.ledger.source(self.source)
        revision, tree, settings = self.reconciled
        if revision != state.revision or settings != self.pipeline.settings or self.building:
            return []
        before, after = expected_of(tree, settings).live, expected_of(self.tree, settings).live
        files, new_files = bytes_of(tree), bytes_of(self.tree)
        return [
            (old, new)
            for old in before.keys() - self.tree.keys()
            for new in after.keys() - tree.keys()
            if [files[old]] == [data for path, data in files.items() if data == new_files[new]]
            and list(new_files.values()).count(files[old]) == 1
        ]

    async def _build(self) -> None:
        generations = await self.shelf.generations.generations()
        (live,) = (info.generation for info in generations if info.is_live)
        if self.building is None:
            self.building = await self.pipeline.add_generation()
        while not (await self.pipeline.sync(everything=True)).is_complete:
            pass  # a hint ended it: whoever follows begins anew
        assert await self.shelf.ledger.behind(self.source, everything=True) == []
        await self._check([live, self.building])
        assert await self.shelf.generations.promote(self.building) == {}
        await self.shelf.generations.drop(live)
        self.building = None

    async def _check(self, generations: Sequence[Generation]) -> None:
        expected = expected_of(self.tree, self.pipeline.settings)
        rebuilt = await rebuild(self.source, self.reader, self.pipeline.settings, self.read)
        for generation in generations:
            await check_reconciled(self.shelf, self.source, generation, expected, rebuilt)

    async def _suspend(self, log: StuckLog) -> "Zombie | None":
        task: asyncio.Task[object] = asyncio.create_task(self.pipeline.sync_through(log))
        stuck = asyncio.create_task(log.is_stuck.wait())
        await asyncio.wait({task, stuck}, return_when=asyncio.FIRST_COMPLETED)
        stuck.cancel()
        if task.done():
            task.result()
            return None
        return Zombie(task, log, (await self.shelf.ledger.source(self.source)).revision)

    async def _wake(self, zombie: "Zombie") -> None:
        before = (await self.shelf.rows(self.source)).published
        is_overtaken = (await self.shelf.ledger.source(self.source)).revision > zombie.revision
        zombie.log.may_go_on.set()
        await asyncio.wait({zombie.task})
        if is_overtaken:
            assert isinstance(zombie.task.exception(), Fenced)
            assert (await self.shelf.rows(self.source)).published == before
        else:
            zombie.task.result()


@dataclass(frozen=True, slots=True)
class Zombie:
    """A sync suspended in the middle, with the revision it took."""

    task: asyncio.Task[object]
    log: StuckLog
    revision: Revision


def _edited(doc: Doc, number: int, at: int) -> Doc:
    """Another text in one place: in a section there is, or in a new one."""
    return replace(doc, sections=(*doc.sections[:at], number, *doc.sections[at + 1 :]))
