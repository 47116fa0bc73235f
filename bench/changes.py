"""What a benchmark changes in documentation, each until the new text is found and the old one is gone."""

import asyncio
import json
import os
import random
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from bench.corpus import EXCLUDE, commits, git
from bench.encode import distinct_texts, embedder_of, encode_s, pages_of, reader_of
from bench.record import spread
from bench.server import Server, wait_until
from headwater.console import say
from headwater.settings import load_settings
from index.core.globs import Globs
from index.core.pages import ReadPage

SEED = 20261122
_WORDS = (
    "buffer",
    "cursor",
    "daemon",
    "engine",
    "fabric",
    "gateway",
    "handler",
    "index",
    "journal",
    "kernel",
    "ledger",
    "matrix",
    "node",
    "oracle",
    "packet",
    "queue",
    "router",
    "schema",
    "tensor",
    "unit",
    "vector",
    "worker",
    "yield",
    "zone",
)


HOOKED = 'webhook_secret_env = "BENCH_SECRET"\npoll_s = 3600'
"""Settings of a source that is looked at when a webhook says so, and hardly ever else."""


@dataclass(frozen=True, slots=True)
class Counts:
    """How many changes of each kind are made, and to how many pages below `root`."""

    pages: int = 120
    edits: int = 200
    deletions: int = 50
    renames: int = 20
    unchanged: int = 10
    real_commits: int = 60
    root: str = "doc/source"


def push_changes(
    folder: Path, repository: Path, server: Server, counts: Counts
) -> dict[str, object]:
    """Edit, delete and rename pages, hint at nothing, and push real commits, each waited for. Returns: the figures."""
    work = Repository(repository, server, random.Random(SEED))
    pages = indexed_pages(repository / counts.root)
    work.random.shuffle(pages)
    chosen = pages[: counts.pages]
    tokens: dict[Path, str] = {}
    edited = []
    for number in range(counts.edits):
        page = chosen[number % len(chosen)]
        edited.append((page, edit(work, page, tokens)))
    edits = [seconds for _, seconds in edited]
    deletions = [delete(work, page, tokens) for page in list(tokens)[: counts.deletions]]
    renames = [rename(work, page, tokens) for page in list(tokens)[: counts.renames]]
    unchanged = [no_change(server) for _ in range(counts.unchanged)]
    say(f"edits {spread(edits)}, deletions {spread(deletions)}, renames {spread(renames)}")
    real, encoded = real_commits(folder, repository, server, counts.real_commits)
    over = [seconds - alone for seconds, alone in zip(real, encoded, strict=True)]
    return {
        "pages": len(pages),
        "edits_s": spread(edits),
        "edits_by_format_s": {
            suffix: spread([seconds for page, seconds in edited if page.suffix == suffix])
            for suffix in sorted({page.suffix for page, _ in edited})
        },
        "deletions_s": spread(deletions),
        "renames_s": spread(renames),
        "no_change_s": spread(unchanged),
        "real_commits_s": spread(real),
        "real_commits_encode_s": spread(encoded),
        "real_commits_over_encode_s": spread(over),
    }


@dataclass(slots=True)
class Repository:
    """A work tree that is pushed from, and what was written where."""

    path: Path
    server: Server
    random: random.Random
    number: int = 0

    def token(self) -> str:
        """A word that stands nowhere else."""
        self.number += 1
        letters = "".join(self.random.choice("bcdfghjklmnpqrstvwxz") for _ in range(8))
        return f"zq{letters}{self.number}"

    def push(self, subject: str) -> float:
        """Commit everything and send the webhook. Returns: when it was sent."""
        git(self.path, "add", "-A")
        git(self.path, "commit", "-q", "-m", subject)
        return self.server.push("ray")


def indexed_pages(root: Path) -> list[Path]:
    """The pages below a folder that are edited."""
    included = Globs(("**/*.rst", "**/*.md", "**/*.ipynb"), EXCLUDE)
    return sorted(
        path for path in root.rglob("*.*") if included.matches(path.relative_to(root).as_posix())
    )


def edit(work: Repository, page: Path, tokens: dict[Path, str]) -> float:
    """Replace the page's own test paragraph by a new one."""
    old, new = tokens.get(page), work.token()
    text = page.read_text("utf-8")
    paragraph = f"The {new} setting tells how long to wait."
    page.write_text(text.replace(old, new) if old else _with_paragraph(page, paragraph), "utf-8")
    tokens[page] = new
    sent_s = work.push(f"Edit {page.name}")
    what = f"the edit of {page}"
    return wait_until(lambda: is_swapped(work.server, old, new), what=what, since_s=sent_s)


def _with_paragraph(page: Path, paragraph: str) -> str:
    """The page's text with a paragraph at its end, in a notebook as a cell."""
    text = page.read_text("utf-8")
    if page.suffix != ".ipynb":
        return f"{text}\n\n{paragraph}\n"
    notebook = json.loads(text)
    notebook["cells"].append({"cell_type": "markdown", "metadata": {}, "source": [paragraph]})
    return json.dumps(notebook, indent=1) + "\n"


def is_swapped(server: Server, old: str | None, new: str | None) -> bool:
    """The new text is found by its own word, and the old one by its own no more.

    By that word alone: in a question of several, a hundred pages edited alike may rank before the one that has it.
    """
    if new is not None and new not in server.texts(new):
        return False
    return old is None or old not in server.texts(old)


def delete(work: Repository, page: Path, tokens: dict[Path, str]) -> float:
    """Delete a page, until its own word is found no more."""
    token = tokens.pop(page)
    page.unlink()
    sent_s = work.push(f"Delete {page.name}")
    what = f"the deletion of {page}"
    return wait_until(lambda: is_swapped(work.server, token, None), what=what, since_s=sent_s)


def rename(work: Repository, page: Path, tokens: dict[Path, str]) -> float:
    """Rename a page, until its own word is found at the new address alone."""
    token = tokens.pop(page)
    target = page.with_name(f"renamed-{page.name}")
    page.rename(target)
    sent_s = work.push(f"Rename {page.name}")
    return wait_until(
        lambda: _stands_at(work.server, token, target.stem),
        what=f"the renaming of {page}",
        since_s=sent_s,
    )


def _stands_at(server: Server, token: str, stem: str) -> bool:
    hits = server.search(token, k=10)["hits"]
    holding = [hit["url"] for hit in hits if token in hit["text"]] if isinstance(hits, list) else []
    return bool(holding) and all(url.endswith(f"/{stem}.html") for url in holding)


def no_change(server: Server) -> float:
    """A webhook without a new commit, until the source has been looked at again."""
    name = 'headwater_syncs_total{outcome="unchanged",source="ray"}'
    before = _metric(server, name)
    sent_s = server.push("ray")
    return wait_until(lambda: _metric(server, name) > before, since_s=sent_s)


def _metric(server: Server, name: str) -> float:
    lines = server.intake.get("/metrics").text.splitlines()
    return next((float(line.rsplit(" ", 1)[1]) for line in lines if line.startswith(name)), 0.0)


def real_commits(
    folder: Path, repository: Path, server: Server, count: int
) -> tuple[list[float], list[float]]:
    """The first real commits after `eval`, each pushed alone, and the time to encode its new texts alone."""
    history = commits(repository, "origin/main")
    later = history[history.index(git(repository, "rev-parse", "eval").strip()) + 1 :]
    git(repository, "reset", "-q", "--hard", "eval")
    server.push("ray")
    wait_until(
        lambda: _reflects(server, git(repository, "rev-parse", "eval").strip()), within_s=300
    )
    seconds = []
    for commit in later[:count]:
        git(repository, "reset", "-q", "--hard", commit)
        sent_s = server.push("ray")
        reflects = partial(_reflects, server, commit)
        seconds.append(wait_until(reflects, within_s=120, since_s=sent_s))
    return seconds, asyncio.run(_encode_each(folder, repository, ["eval", *later[:count]]))


def _reflects(server: Server, commit: str) -> bool:
    as_of = server.search("ray", k=1)["as_of"]
    return isinstance(as_of, dict) and as_of["ray"]["commit"] == commit


async def _encode_each(folder: Path, repository: Path, order: list[str]) -> list[float]:
    settings = load_settings(None, {**os.environ, "BENCH_SECRET": "unused"}, folder=folder)
    embedder = await embedder_of(settings)
    reader = reader_of(settings, embedder)
    known: dict[tuple[str, str], ReadPage] = {}
    seen: set[bytes] = set()
    seconds = []
    for commit in order:
        full = git(repository, "rev-parse", commit).strip()
        texts = distinct_texts(list((await pages_of(settings, reader, full, known)).values()))
        new = [text for key, text in texts.items() if key not in seen]
        seconds.append(await encode_s(embedder, new) if seen and new else 0.0)
        seen |= texts.keys()
    embedder.close()
    return seconds[1:]


def write_synthetic(folder: Path, size: int) -> None:
    """One-chunk pages of distinct text in a new folder."""
    words = random.Random(SEED)
    folder.mkdir(parents=True)
    for number in range(size):
        sentence = " ".join(words.choice(_WORDS) for _ in range(12))
        text = f"# Page {number}\n\nPage {number} explains the {sentence}.\n"
        (folder / f"page-{number}.md").write_text(text, "utf-8")
