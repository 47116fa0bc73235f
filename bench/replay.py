"""Replay of a year of real commits: what is embedded, against an independent count, and how long it takes."""

import asyncio
import os
import time
from dataclasses import dataclass, field
from pathlib import Path

from bench.corpus import clone_history, commits, git, require_data, source_toml, workspace
from bench.edits import EDITS, PAGES_A_KIND, add_paragraph, editable_pages
from bench.encode import distinct_texts, embedder_of, encode_s, reader_of
from bench.record import machine, spread, write_result
from headwater.commands.inspect import verifier_of
from headwater.generations import choose_generation, prepare_generation
from headwater.indexing import ignore, open_source, sync_until_complete
from headwater.runtime import Runtime, consuming, live, open_runtime, utc_now
from headwater.settings import load_settings
from index.core.pages import ReadPage
from index.core.reading import Reader
from ingest.handlers.sync import Source, Syncer
from ingest.handlers.verify import pages_at, verify_source
from schemas.ids import SourceName, TextHash, path_of

NAME = "replay"
_VERIFY_EVERY = 50
_NAME = SourceName("ray")


@dataclass(slots=True)
class _Tally:
    """The independent count, made from the sources alone, and what the program did."""

    seen: set[TextHash] = field(default_factory=set)
    pages: dict[str, ReadPage] = field(default_factory=dict)
    texts: dict[str, str] = field(default_factory=dict)
    expected: list[int] = field(default_factory=list)
    embedded: list[int] = field(default_factory=list)
    whole_pages: list[int] = field(default_factory=list)
    new_texts: list[list[str]] = field(default_factory=list)
    heading_texts: int = 0
    wall_s: list[float] = field(default_factory=list)
    unclean: list[str] = field(default_factory=list)
    edits: dict[str, dict[str, float]] = field(default_factory=dict)


def run() -> None:
    """Replay every commit, one sync each."""
    require_data()
    started = machine()
    with workspace() as folder:
        figures = asyncio.run(_replay(folder))
    write_result(NAME, figures, started)


async def _replay(folder: Path) -> dict[str, object]:
    repository = clone_history(folder, at="main")
    order = commits(repository, "main")
    git(repository, "update-ref", "refs/heads/replayed", order[0])
    (folder / "headwater.toml").write_text(
        source_toml(name=_NAME, kind="git", location=repository, ref="replayed"), "utf-8"
    )
    settings = load_settings(None, os.environ, folder=folder)
    tally = _Tally()
    async with open_runtime(settings, lambda _: None) as runtime:
        embedder = await embedder_of(settings)
        reader = reader_of(settings, embedder)
        target = await choose_generation(runtime)
        async with (
            consuming(runtime, ignore),
            open_source(settings.source[0], folder, runtime.examine) as source,
        ):
            for number, commit in enumerate(order):
                git(repository, "update-ref", "refs/heads/replayed", commit)
                await _step(runtime, source, tally)
                await _count(source, reader, commit, tally)
                if number == 0:
                    await prepare_generation(runtime, target)
                if number % _VERIFY_EVERY == 0 or commit == order[-1]:
                    await _verify(runtime, source, commit, tally)
            tally.edits = await _edits(runtime, source, repository)
        later = [text for texts in tally.new_texts[1:] for text in texts]
        alone_s = sum([await encode_s(embedder, texts) for texts in tally.new_texts[1:] if texts])
        embedder.close()
    return _figures(tally, alone_s, later)


async def _step(runtime: Runtime, source: Source, tally: _Tally) -> None:
    start_s = time.perf_counter()
    tally.embedded.append(await _embedded_by_sync(runtime, source))
    tally.wall_s.append(time.perf_counter() - start_s)


async def _embedded_by_sync(runtime: Runtime, source: Source) -> int:
    before = runtime.cost.copy()
    await sync_until_complete(
        source, Syncer(runtime.store.ledger, runtime.transport.publish, utc_now)
    )
    return runtime.cost.since(before).texts_embedded


async def _edits(runtime: Runtime, source: Source, repository: Path) -> dict[str, dict[str, float]]:
    """Texts embedded by one edit of each kind, on pages that the other kinds leave alone."""

    async def embedded() -> int:
        git(repository, "add", "-A")
        git(repository, "commit", "-q", "-m", "Edit a page")
        git(repository, "update-ref", "refs/heads/replayed", "HEAD")
        return await _embedded_by_sync(runtime, source)

    counts: dict[str, list[float]] = {name: [] for name in (*EDITS, "undone")}
    pages = editable_pages(repository / "doc" / "source")[: PAGES_A_KIND * len(counts)]
    for number, page in enumerate(pages):
        name = list(counts)[number % len(counts)]
        if name == "undone":
            text = page.read_text("utf-8")
            add_paragraph(page)
            await embedded()
            page.write_text(text, "utf-8")
        else:
            EDITS[name](page)
        counts[name].append(await embedded())
    return {name: {**spread(found), "sum": sum(found)} for name, found in counts.items() if found}


async def _count(source: Source, reader: Reader, commit: str, tally: _Tally) -> None:
    """Count from the source alone which texts this commit brings that were never there before."""
    pages: dict[str, ReadPage] = {}
    texts: dict[str, str] = {}
    async for event in pages_at(source, commit):
        path = path_of(event.page_id)
        texts[path] = event.text
        known = tally.pages.get(path)
        pages[path] = known if known and tally.texts.get(path) == event.text else reader.read(event)
    changed = [page for path, page in pages.items() if tally.pages.get(path) is not page]
    distinct = distinct_texts(changed)
    new = {key: text for key, text in distinct.items() if key not in tally.seen}
    bodies = {chunk.text for page in tally.pages.values() for chunk in page.chunks}
    shown = {chunk.text_hash: chunk.text for page in changed for chunk in page.chunks}
    if tally.expected:
        tally.heading_texts += sum(shown[key] in bodies for key in new)
    tally.expected.append(len(new))
    tally.whole_pages.append(len(distinct))
    tally.new_texts.append(list(new.values()))
    tally.seen |= new.keys()
    tally.pages, tally.texts = pages, texts


async def _verify(runtime: Runtime, source: Source, commit: str, tally: _Tally) -> None:
    info = live(await runtime.store.generations.generations())
    verifier = await verifier_of(runtime, info, _NAME)
    verified = await verify_source(source, verifier)
    if not verified.audit.is_equal or verified.behind:
        tally.unclean.append(commit)


def _figures(tally: _Tally, alone_s: float, later: list[str]) -> dict[str, object]:
    chunks = [chunk for page in tally.pages.values() for chunk in page.chunks]
    off = [
        i
        for i, (want, did) in enumerate(zip(tally.expected, tally.embedded, strict=True))
        if want != did
    ]
    whole = sum(tally.whole_pages[1:])
    wall_s = sum(tally.wall_s[1:])
    return {
        "commits": len(tally.expected),
        "first_texts": tally.expected[0],
        "later_texts_expected": sum(tally.expected[1:]),
        "later_texts_embedded": sum(tally.embedded[1:]),
        "commits_off": off,
        "whole_changed_pages": whole,
        "share_of_whole_pages": round(sum(tally.embedded[1:]) / whole, 4),
        "bound_share": 0.15,
        "of_which_heading_or_title_edits": tally.heading_texts,
        "texts_embedded_by_edit": tally.edits,
        "bound_rename_move_whitespace_undone": 0,
        "chunks_at_head": len(chunks),
        "mean_chunk_chars": round(sum(len(chunk.text) for chunk in chunks) / len(chunks)),
        "wall_s": round(wall_s, 2),
        "encode_alone_s": round(alone_s, 2),
        "wall_over_encode": round(wall_s / alone_s, 3),
        "bound_wall_over_encode": 1.5,
        "sync_s": spread(tally.wall_s[1:]),
        "unclean": tally.unclean,
        "mean_new_text_chars": round(sum(map(len, later)) / max(1, len(later))),
    }
