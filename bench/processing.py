"""Processing: from a webhook or a saved file until the new text is found and the old text is gone."""

import random
from functools import partial
from pathlib import Path

from bench.changes import (
    HOOKED,
    SEED,
    Counts,
    Repository,
    edit,
    is_swapped,
    push_changes,
    write_synthetic,
)
from bench.corpus import clone_history, git, require_data, source_toml, workspace
from bench.record import machine, spread, write_result
from bench.server import serving, wait_until
from headwater.console import say

NAME = "processing"
_SAVES = 100
_SMALL, _LARGE, _SYNTHETIC_EDITS = 500, 5_000, 60


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


def _real_documentation(folder: Path) -> dict[str, object]:
    repository = clone_history(folder, at="eval")
    (folder / "headwater.toml").write_text(
        source_toml(name="ray", kind="git", location=repository, ref="main", extra=HOOKED), "utf-8"
    )
    with serving(folder) as server:
        return push_changes(folder, repository, server, Counts())


def _folder(folder: Path) -> dict[str, float]:
    """Saves in a followed folder of 155 pages."""
    docs = folder / "docs"
    write_synthetic(docs, 155)
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
            seconds.append(wait_until(partial(is_swapped, server, None, token)))
    return spread(seconds)


def _synthetic(size: int) -> dict[str, float]:
    """Edits to a corpus of `size` one-chunk pages of distinct text, by webhook."""
    with workspace() as folder:
        repository = folder / "repository"
        write_synthetic(repository, size)
        git(repository, "init", "-q", "-b", "main")
        git(repository, "add", "-A")
        git(repository, "commit", "-q", "-m", "All pages")
        (folder / "headwater.toml").write_text(
            f'[[source]]\nname = "ray"\nlocation = "{repository}"\nurl = "https://docs.example/{{stem}}"\n'
            f"{HOOKED}\n",
            "utf-8",
        )
        with serving(folder) as server:
            work = Repository(repository, server, random.Random(SEED))
            tokens: dict[Path, str] = {}
            pages = [repository / f"page-{number}.md" for number in range(30)]
            return spread([edit(work, pages[n % 30], tokens) for n in range(_SYNTHETIC_EDITS)])
