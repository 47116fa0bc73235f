"""Processing: from a webhook or a saved file until the new text is found and the old text is gone."""

import asyncio
import json
import os
import random
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from bench.corpus import EXCLUDE, clone_history, commits, git, require_data, source_toml, workspace
from bench.encode import distinct_texts, embedder_of, encode_s, pages_of, reader_of
from bench.record import machine, spread, write_result
from bench.server import Server, serving, wait_until
from headwater.console import say
from headwater.settings import load_settings
from index.core.pages import ReadPage
from ingest.core.globs import Globs

NAME = "processing"
_SEED = 20261122
_EDITS, _DELETIONS, _RENAMES, _SAVES, _REAL_COMMITS = 200, 50, 20, 100, 60
_SMALL, _LARGE, _SYNTHETIC_EDITS = 500, 5_000, 60
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


def run() -> None:
    """Real documentation by webhook, a followed folder, real commits, and two sizes of a synthetic corpus."""
    require_data()
    started = machine()
    figures: dict[str, object] = {}
    with workspace() as folder:
        figures |= _real_documentation(folder)
    say(str(figures))
    with workspace() as folder:
        figures["folder_saves_s"] = _folder(folder)
    say(str(figures["folder_saves_s"]))
    small, large = (_synthetic(size) for size in (_SMALL, _LARGE))
    figures["synthetic_500_pages_s"], figures["synthetic_5000_pages_s"] = small, large
    figures["large_over_small_p50"] = round(large["p50"] / small["p50"], 3)
    figures["bounds"] = {
        "webhook_p50_s": 0.25,
        "webhook_p95_s": 0.5,
        "folder_p50_s": 0.2,
        "folder_p95_s": 0.4,
        "real_commits_over_encode_p95_s": 0.4,
        "large_over_small": 1.3,
        "no_change_s": 0.2,
    }
    write_result(NAME, figures, started)


def _indexed_pages(root: Path) -> list[Path]:
    included = Globs(("**/*.rst", "**/*.md", "**/*.ipynb"), EXCLUDE)
    return sorted(
        path for path in root.rglob("*.*") if included.matches(path.relative_to(root).as_posix())
    )


@dataclass(slots=True)
class _Repository:
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


def _real_documentation(folder: Path) -> dict[str, object]:
    repository = clone_history(folder, at="eval")
    (folder / "headwater.toml").write_text(
        source_toml(
            name="ray",
            kind="git",
            location=repository,
            ref="main",
            extra='webhook_secret_env = "BENCH_SECRET"\npoll_s = 3600',
        ),
        "utf-8",
    )
    with serving(folder) as server:
        work = _Repository(repository, server, random.Random(_SEED))
        pages = _indexed_pages(repository / "doc" / "source")
        work.random.shuffle(pages)
        tokens: dict[Path, str] = {}
        edited = [(pages[n % 120], _edit(work, pages[n % 120], tokens)) for n in range(_EDITS)]
        edits = [seconds for _, seconds in edited]
        deletions = [_delete(work, page, tokens) for page in list(tokens)[:_DELETIONS]]
        renames = [_rename(work, page, tokens) for page in list(tokens)[:_RENAMES]]
        no_change = [_no_change(server) for _ in range(10)]
        say(f"edits {spread(edits)}, deletions {spread(deletions)}, renames {spread(renames)}")
        real, encoded = _real_commits(folder, repository, server)
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
        "no_change_s": spread(no_change),
        "real_commits_s": spread(real),
        "real_commits_encode_s": spread(encoded),
        "real_commits_over_encode_s": spread(over),
    }


def _edit(work: _Repository, page: Path, tokens: dict[Path, str]) -> float:
    """Replace the page's own test paragraph by a new one."""
    old, new = tokens.get(page), work.token()
    text = page.read_text("utf-8")
    paragraph = f"The {new} setting tells how long to wait."
    page.write_text(text.replace(old, new) if old else _with_paragraph(page, paragraph), "utf-8")
    tokens[page] = new
    sent_s = work.push(f"Edit {page.name}")
    what = f"the edit of {page}"
    return wait_until(lambda: _is_swapped(work.server, old, new), what=what, since_s=sent_s)


def _with_paragraph(page: Path, paragraph: str) -> str:
    """The page's text with a paragraph at its end, in a notebook as a cell."""
    text = page.read_text("utf-8")
    if page.suffix != ".ipynb":
        return f"{text}\n\n{paragraph}\n"
    notebook = json.loads(text)
    notebook["cells"].append({"cell_type": "markdown", "metadata": {}, "source": [paragraph]})
    return json.dumps(notebook, indent=1) + "\n"


def _is_swapped(server: Server, old: str | None, new: str | None) -> bool:
    """The new text is found by its own word, and the old one by its own no more.

    By that word alone: in a question of several, a hundred pages edited alike may rank before the one that has it.
    """
    if new is not None and new not in server.texts(new):
        return False
    return old is None or old not in server.texts(old)


def _delete(work: _Repository, page: Path, tokens: dict[Path, str]) -> float:
    token = tokens.pop(page)
    page.unlink()
    sent_s = work.push(f"Delete {page.name}")
    what = f"the deletion of {page}"
    return wait_until(lambda: _is_swapped(work.server, token, None), what=what, since_s=sent_s)


def _rename(work: _Repository, page: Path, tokens: dict[Path, str]) -> float:
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


def _no_change(server: Server) -> float:
    """A webhook without a new commit, until the source has been looked at again."""
    name = 'headwater_syncs_total{outcome="unchanged",source="ray"}'
    before = _metric(server, name)
    sent_s = server.push("ray")
    return wait_until(lambda: _metric(server, name) > before, since_s=sent_s)


def _metric(server: Server, name: str) -> float:
    lines = server.client.get("/metrics").text.splitlines()
    return next((float(line.rsplit(" ", 1)[1]) for line in lines if line.startswith(name)), 0.0)


def _real_commits(
    folder: Path, repository: Path, server: Server
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
    for commit in later[:_REAL_COMMITS]:
        git(repository, "reset", "-q", "--hard", commit)
        sent_s = server.push("ray")
        reflects = partial(_reflects, server, commit)
        seconds.append(wait_until(reflects, within_s=120, since_s=sent_s))
    return seconds, asyncio.run(_encode_each(folder, repository, ["eval", *later[:_REAL_COMMITS]]))


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


def _folder(folder: Path) -> dict[str, float]:
    """Saves in a followed folder of 155 pages."""
    docs = folder / "docs"
    _write_synthetic(docs, 155)
    (folder / "headwater.toml").write_text(
        f'[[source]]\nname = "notes"\nkind = "folder"\nlocation = "{docs}"\npoll_s = 3600\n',
        "utf-8",
    )
    with serving(folder) as server:
        seconds = []
        for number in range(_SAVES):
            page, token = docs / f"page-{number % 50}.md", f"zqfolder{number}x"
            page.write_text(
                f"# Page {number % 50}\n\nThe {token} setting tells how long to wait.\n", "utf-8"
            )
            seconds.append(wait_until(partial(_is_swapped, server, None, token)))
    return spread(seconds)


def _synthetic(size: int) -> dict[str, float]:
    """Edits to a corpus of `size` one-chunk pages of distinct text, by webhook."""
    with workspace() as folder:
        repository = folder / "repository"
        _write_synthetic(repository, size)
        git(repository, "init", "-q", "-b", "main")
        git(repository, "add", "-A")
        git(repository, "commit", "-q", "-m", "All pages")
        (folder / "headwater.toml").write_text(
            f'[[source]]\nname = "ray"\nlocation = "{repository}"\nurl = "https://docs.example/{{stem}}"\n'
            'webhook_secret_env = "BENCH_SECRET"\npoll_s = 3600\n',
            "utf-8",
        )
        with serving(folder) as server:
            work = _Repository(repository, server, random.Random(_SEED))
            tokens: dict[Path, str] = {}
            pages = [repository / f"page-{number}.md" for number in range(30)]
            return spread([_edit(work, pages[n % 30], tokens) for n in range(_SYNTHETIC_EDITS)])


def _write_synthetic(folder: Path, size: int) -> None:
    words = random.Random(_SEED)
    folder.mkdir(parents=True)
    for number in range(size):
        sentence = " ".join(words.choice(_WORDS) for _ in range(12))
        text = f"# Page {number}\n\nPage {number} explains the {sentence}.\n"
        (folder / f"page-{number}.md").write_text(text, "utf-8")
