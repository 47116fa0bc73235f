"""Processing through the whole chain: from a webhook or a saved file until `POST /search` of `serve` shows it.

The workload is that of `processing`: edits, deletions, renames and real commits by webhook to `ingest`, saves in a
followed folder. Then a second source of 5,000 pages begins its first load, and deletions in the first are timed while
it goes on. One worker, one Ray actor. With `--small`, less of each.
"""

import random
import time
from functools import partial
from pathlib import Path

from bench.chain import Chain, a_chain, clients, until_published
from bench.changes import (
    HOOKED,
    SEED,
    Counts,
    Repository,
    delete,
    indexed_pages,
    is_swapped,
    push_changes,
    write_synthetic,
)
from bench.corpus import SMALL_ROOT, clone_history, git, require_data, source_toml, workspace
from bench.record import machine, spread, write_result
from bench.server import Server, wait_until
from bench.sizes import is_small, size
from headwater.console import say

NAME = "cluster_processing"
_NOTES, _FEWEST_BEHIND = 155, 10
_FULL = Counts()
_SMALL = Counts(
    pages=8, edits=10, deletions=3, renames=3, unchanged=2, real_commits=2, root=SMALL_ROOT
)


def run() -> None:
    """One deployment for everything, ready and idle before each part begins."""
    require_data()
    started = machine()
    with workspace() as folder:
        repository = clone_history(folder, at="eval")
        config, bulk, notes = _sources(folder, repository)
        (folder / "headwater.toml").write_text(config, "utf-8")
        with a_chain(folder, config, ray=True) as chain:
            chain.start("worker")
            serve, ingest = chain.start("serve"), chain.start("ingest")
            until_published(chain, "ray", git(repository, "rev-parse", "main").strip())
            with clients(serve, ingest) as server:
                figures = push_changes(folder, repository, server, _counts())
                figures["saves_s"] = spread(_save(server, notes))
                figures |= _behind_backfill(chain, Repository(repository, server, _draw()), bulk)
    figures["bounds"] = {"p50_s": 1.0, "p95_s": 2.0}
    write_result(NAME, figures, started)


def _counts() -> Counts:
    return _SMALL if is_small() else _FULL


def _draw() -> random.Random:
    """Other words than those of the changes before."""
    return random.Random(SEED + 1)


def _sources(folder: Path, repository: Path) -> tuple[str, Path, Path]:
    """The documentation, a source whose branch is not there yet, and a followed folder."""
    bulk, notes = folder / "bulk", folder / "notes"
    write_synthetic(notes, _NOTES)
    write_synthetic(bulk, size(5_000, 1_500))
    git(bulk, "init", "-q", "-b", "drafts")
    git(bulk, "add", "-A")
    git(bulk, "commit", "-q", "-m", "All pages")
    config = source_toml(name="ray", kind="git", location=repository, ref="main", extra=HOOKED)
    config = config.replace(f'"{_FULL.root}"', f'"{_counts().root}"')
    url = "https://docs.example/{stem}"
    config += (
        f'[[source]]\nname = "bulk"\nlocation = "{bulk}"\nref = "main"\nurl = "{url}"\n{HOOKED}\n'
        f'[[source]]\nname = "notes"\nkind = "folder"\nlocation = "{notes}"\npoll_s = 3600\n'
    )
    return config, bulk, notes


def _save(server: Server, notes: Path) -> list[float]:
    seconds = []
    for number in range(size(100, 3)):
        page, token = notes / f"page-{number % 50}.md", f"zqnotes{number}x"
        page.write_text(f"# Page {number % 50}\n\nThe {token} setting tells how long.\n", "utf-8")
        seconds.append(wait_until(partial(is_swapped, server, None, token), what=token))
    return seconds


def _behind_backfill(chain: Chain, work: Repository, bulk: Path) -> dict[str, object]:
    """Delete pages while the pages of another source come in for the first time."""
    pages = indexed_pages(work.path / _counts().root)
    work.random.shuffle(pages)
    tokens = {page: work.token() for page in pages[: size(60, 15)] if page.suffix != ".ipynb"}
    for page, token in tokens.items():
        text = page.read_text("utf-8")
        page.write_text(f"{text}\n\nThe {token} setting tells how long to wait.\n", "utf-8")
    work.push("Edit many pages")
    last = list(tokens.values())[-1]
    until_published(chain, "ray", git(work.path, "rev-parse", "main").strip())
    wait_until(partial(is_swapped, work.server, None, last), what="the edit of many pages")
    git(bulk, "branch", "main")
    total, begun_s = size(5_000, 1_500), work.server.push("bulk")
    wait_until(lambda: _loaded(chain) > 0, what="the backfill's first page", within_s=120)
    seconds: list[float] = []
    for page in list(tokens):
        took_s = delete(work, page, tokens)
        if _loaded(chain) >= total:
            break
        seconds.append(took_s)
    if len(seconds) < (2 if is_small() else _FEWEST_BEHIND):
        raise SystemExit(f"{len(seconds)} deletions were timed before the backfill ended")
    say(f"behind a backfill: {spread(seconds)}")
    until_published(chain, "bulk", git(bulk, "rev-parse", "main").strip())
    backfill_s = time.perf_counter() - begun_s
    return {
        "deletions_behind_backfill_s": spread(seconds),
        "backfill_pages": total,
        "backfill_s": round(backfill_s, 1),
    }


def _loaded(chain: Chain) -> int:
    return chain.count(
        "SELECT count(*) FROM page_state JOIN source USING (source_id) WHERE name = 'bulk'"
    )
