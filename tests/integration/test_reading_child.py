"""The child process that reads pages: it may hang, die or run wild, and the next page is read all the same."""

import asyncio
import os
import signal
import time
from collections.abc import Callable, Coroutine, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec
import pytest

from index.adapters.embed.models import find_model, tokenizer_file
from index.adapters.embed.tokens import TokenCounter
from index.adapters.reading_child import ReadingChild, reader_of
from index.adapters.reading_pool import ReadingPool
from index.core.chunks import ChunkLimits
from index.core.pages import ReadPage
from schemas.errors import ParseTimeout, ReaderUnavailable, UnreadablePage
from schemas.events import PageChanged
from schemas.formats import format_of
from schemas.ids import PageId, Revision
from tests.support.program import poll

LIMITS = ChunkLimits(target_chars=500, max_tokens=256)
EVERY = 4  # real page in so many, to stay quick
HEADINGS = "#\n" * 1_000_000


@pytest.fixture(scope="module")
def tokenizer(tmp_path_factory: pytest.TempPathFactory) -> Path:
    model = find_model("all-MiniLM-L6-v2", cache_dir=tmp_path_factory.mktemp("cache"))
    assert model is not None
    return tokenizer_file(model)


def event(text: str) -> PageChanged:
    return PageChanged(
        page_id=PageId("docs/a.md"),
        revision=Revision(1),
        url="a.md",
        format="markdown",
        dialect="myst",
        text=text,
        blob="",
        commit="",
        committed_at=datetime.fromtimestamp(0, UTC),
    )


def run(
    tokenizer: Path,
    use: Callable[[ReadingChild], Coroutine[Any, Any, None]],
    *,
    timeout_s: float = 60.0,
    prompt: str = "",
) -> None:
    async def live() -> None:
        async with ReadingChild(
            tokenizer, prompt=prompt, limits=LIMITS, timeout_s=timeout_s
        ) as child:
            await use(child)

    asyncio.run(live())


def process_of(child: ReadingChild) -> int:
    assert child.child.pid is not None
    return child.child.pid


def test_a_page_comes_back_as_sections_and_chunks(tokenizer: Path) -> None:
    async def use(child: ReadingChild) -> None:
        page = await child(event("# Title\n\nSome text.\n"))

        assert page.title == "Title"
        assert [chunk.text for chunk in page.chunks] == ["Some text."]

    run(tokenizer, use)


def test_a_page_that_takes_too_long_is_given_up_and_the_next_one_is_read(tokenizer: Path) -> None:
    async def use(child: ReadingChild) -> None:
        await child(event("# Warm\n"))
        first = process_of(child)
        with pytest.raises(ParseTimeout):
            await child(event(HEADINGS))
        page = await child(event("# Next\n"))

        assert page.title == "Next"
        assert not Path(f"/proc/{first}").exists()

    run(tokenizer, use, timeout_s=0.2)


def test_r25_time_in_which_the_worker_itself_was_stopped_is_no_pages_fault(
    tokenizer: Path,
) -> None:
    async def use(child: ReadingChild) -> None:
        await child(event("# Warm\n"))
        asyncio.get_running_loop().call_soon(time.sleep, 2.0)  # as SIGSTOP and SIGCONT would
        page = await child(event("# Read meanwhile\n"))

        assert page.title == "Read meanwhile"

    run(tokenizer, use, timeout_s=1.0)


def test_a_million_headings_are_refused(tokenizer: Path) -> None:
    async def use(child: ReadingChild) -> None:
        with pytest.raises(UnreadablePage, match="headings"):
            await child(event("# Heading\n" * 6_000))
        with pytest.raises((UnreadablePage, ParseTimeout)):
            await child(event(HEADINGS))

    run(tokenizer, use, timeout_s=5)


def test_a_child_that_somebody_killed_is_no_fault_of_the_page(tokenizer: Path) -> None:
    async def use(child: ReadingChild) -> None:
        await child(event("# First\n"))
        os.kill(process_of(child), signal.SIGKILL)
        page = await child(event("# Second\n"))

        assert page.title == "Second"

    run(tokenizer, use)


def test_a_reader_that_cannot_start_blames_no_page(tmp_path: Path) -> None:
    async def use(child: ReadingChild) -> None:
        with pytest.raises(ReaderUnavailable):
            await child(event("# A page\n"))

    run(tmp_path / "missing.json", use)


def test_a_page_nobody_waits_for_any_more_is_not_taken_for_the_next(tokenizer: Path) -> None:
    async def use(child: ReadingChild) -> None:
        await child(event("# Warm\n"))
        waiting = asyncio.create_task(child(event("# Given up\n" + "word " * 50_000)))
        await asyncio.sleep(0)
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting
        page = await child(event("# Next\n"))

        assert page.title == "Next"

    run(tokenizer, use)


def test_the_child_ends_with_its_owner_even_while_it_reads(tokenizer: Path) -> None:
    pids: list[int] = []

    async def use(child: ReadingChild) -> None:
        await child(event("# Warm\n"))
        pids.append(process_of(child))

    run(tokenizer, use)

    poll(lambda: not Path(f"/proc/{pids[0]}").exists(), within_s=10)


@pytest.mark.skipif(os.cpu_count() == 1, reason="one core has one child")
def test_pages_of_a_pool_are_read_side_by_side(tokenizer: Path) -> None:
    async def live() -> None:
        async with ReadingPool(tokenizer, prompt="", limits=LIMITS, timeout_s=5.0) as pool:
            slow = asyncio.create_task(pool(event(HEADINGS)))
            await asyncio.sleep(0)
            quick = await pool(event("# Quick\n"))

            assert not slow.done()
            assert quick.title == "Quick"
            with pytest.raises(ParseTimeout):
                await slow

    asyncio.run(live())


PROMPTS = ["", "passage: ", "Represent this page of a manual so that questions find it" * 5]


@pytest.mark.parametrize("prompt", PROMPTS, ids=len)
def test_the_prompt_takes_its_room_in_the_window(tokenizer: Path, prompt: str) -> None:
    async def use(child: ReadingChild) -> None:
        page = await child(event(f"# Title\n\n```\n{'a ' * 2_000}\n```\n"))
        widest = widest_of([page], tokenizer, prompt)

        assert LIMITS.max_tokens * 0.5 < widest <= LIMITS.max_tokens

    run(tokenizer, use, prompt=prompt)


@pytest.mark.parametrize("prompt", PROMPTS[:2], ids=len)
def test_no_chunk_of_a_real_page_is_longer_than_the_models_window(
    tokenizer: Path, prompt: str, ray_docs: Mapping[str, str]
) -> None:
    reader = reader_of(tokenizer, prompt=prompt, limits=LIMITS)

    pages = [
        reader.read(msgspec.structs.replace(event(text), format=format, dialect="auto"))
        for path, text in sorted(ray_docs.items())[::EVERY]
        if (format := format_of(path))
    ]

    assert len(pages) > 100
    assert widest_of(pages, tokenizer, prompt) <= LIMITS.max_tokens


def widest_of(pages: Sequence[ReadPage], tokenizer: Path, prompt: str) -> int:
    """The most tokens that a chunk of `pages` takes as it is embedded."""
    texts = [prompt + chunk.embedded for page in pages for chunk in page.chunks]
    return max(TokenCounter(tokenizer).count(texts))
