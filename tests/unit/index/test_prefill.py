"""Filling vectors ahead of a load: each lacking text once, only when it is worth it, and nothing but vectors."""

import asyncio
from collections.abc import AsyncIterator, Sequence

import numpy as np
import pytest

from index.adapters.embed.hashed import HashedEmbedder
from index.adapters.memory import MemoryIndex
from index.core.pages import ReadPage
from index.core.plan import texts_of
from index.core.prefill import Distinct, Take, Texts, may_hold
from index.handlers.prefill import Filled, Prefiller, prefill
from schemas.errors import BadVectors, EmbedderUnavailable
from schemas.ids import Generation, TextHash
from tests.support.events import changed, page
from tests.support.reading import ReadHere

ONE = Generation(1)


class Bulk:
    """`EmbedBulk` in this process; what it is asked stays in `asked`."""

    def __init__(self, *, fails_after: int | None = None, scale: float = 1.0) -> None:
        self.asked: list[TextHash] = []
        self._embed = HashedEmbedder()
        self._fails_after = fails_after
        self._scale = np.float32(scale)

    async def __call__(self, texts: AsyncIterator[Texts], take: Take) -> None:
        async for window in texts:
            for key, text in window:
                if len(self.asked) == self._fails_after:
                    raise EmbedderUnavailable("the cluster has gone")
                self.asked.append(key)
                await take([key], await self._embed([text]) * self._scale)


async def a_store() -> MemoryIndex:
    """An index with one empty generation."""
    store = MemoryIndex()
    await store.create(fingerprint="f", model="hashed", dim=HashedEmbedder().model.dim)
    return store


async def read(paths: Sequence[str]) -> list[ReadPage]:
    """Pages of two chunks, one of which all of them share."""
    reader = ReadHere()
    text = "# A\n\nThis is said on every page.\n\n## B\n\nOnly {path} says so.\n"
    return [await reader(changed(path, 1, text.format(path=path))) for path in paths]


async def stream(pages: Sequence[ReadPage]) -> AsyncIterator[ReadPage]:
    for one in pages:
        yield one


async def filled(
    pages: Sequence[ReadPage], store: MemoryIndex, bulk: Bulk, *, at_least: int = 1
) -> int:
    so_far = Filled()
    to = Prefiller(ONE, HashedEmbedder().model.dim, at_least, store, bulk)
    await prefill(stream(pages), to, so_far)
    return so_far.texts


def test_each_text_is_embedded_once_and_no_page_is_touched() -> None:
    async def play() -> None:
        store, bulk = await a_store(), Bulk()
        pages = await read(["a.md", "b.md", "c.md"])
        texts = {key for one in pages for key, _ in texts_of(one)}

        count = await filled(pages, store, bulk)

        assert sorted(bulk.asked) == sorted(texts)
        assert count == len(texts)
        assert await store.without_vector(ONE, list(texts)) == set()
        assert await store.page(ONE, page("a.md")) is None

    asyncio.run(play())


def test_what_has_a_vector_is_left_alone() -> None:
    async def play() -> None:
        store, again = await a_store(), Bulk()
        pages = await read(["a.md", "b.md"])
        await filled(pages[:1], store, Bulk())

        await filled(pages, store, again)

        known = {key for key, _ in texts_of(pages[0])}
        assert again.asked
        assert not known & set(again.asked)

    asyncio.run(play())


@pytest.mark.parametrize(("short_by", "is_done"), [(0, True), (1, False)])
def test_a_few_texts_are_left_to_the_workers(short_by: int, is_done: bool) -> None:
    async def play() -> None:
        bulk = Bulk()
        pages = await read(["a.md", "b.md"])
        distinct = len({key for one in pages for key, _ in texts_of(one)})

        await filled(pages, await a_store(), bulk, at_least=distinct + short_by)

        assert bool(bulk.asked) is is_done

    asyncio.run(play())


def test_what_came_before_a_failure_is_kept_and_counted() -> None:
    async def play() -> None:
        store, so_far = await a_store(), Filled()
        pages = await read(["a.md", "b.md", "c.md"])
        bulk = Bulk(fails_after=2)
        to = Prefiller(ONE, HashedEmbedder().model.dim, 1, store, bulk)

        with pytest.raises(EmbedderUnavailable):
            await prefill(stream(pages), to, so_far)

        assert so_far.texts == len(bulk.asked)
        assert await store.without_vector(ONE, bulk.asked) == set()

    asyncio.run(play())


def test_r27_bad_vectors_do_not_reach_the_store() -> None:
    async def play() -> None:
        store, bulk = await a_store(), Bulk(scale=2.0)
        pages = await read(["a.md"])

        with pytest.raises(BadVectors):
            await filled(pages, store, bulk)

        texts = [key for key, _ in texts_of(pages[0])]
        assert await store.without_vector(ONE, texts) == set(texts)

    asyncio.run(play())


def test_a_text_of_an_earlier_window_does_not_pass_again() -> None:
    distinct = Distinct()
    first, second = TextHash(b"1" * 32), TextHash(b"2" * 32)

    assert distinct.new_of({first: "one"}) == {first: "one"}
    assert distinct.new_of({first: "one", second: "two"}) == {second: "two"}


def test_files_too_small_for_so_many_texts_need_not_be_read() -> None:
    assert may_hold(50_000, 50_000 * 939)
    assert not may_hold(50_000, 7_507 * 939)
    assert may_hold(0, 0)
