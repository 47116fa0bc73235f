"""Killed the hard way at named points, then started as ever: nothing is lost, doubled, resurrected or paid twice."""

import signal
import subprocess
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from index.adapters.file_lock import FileLock
from tests.integration.embedded_homes import is_running
from tests.support.journal import paid_twice
from tests.support.program import FAKE, Program, a_program, poll
from tests.support.repository import Repository, page
from tests.support.warm import Warm

CONFIG = """
[[source]]
name = "docs"
location = "docs"
poll_s = 0.1
"""
POINTS = [
    f"{name}:{when}" for name in ("vectors", "apply", "finish") for when in ("before", "after")
]
POINTS += ["announce:before", "announce:after"]
SECOND = {"announce", "apply"}
"""The first announcement is empty, and of pages one should be applied when the other is not."""


@dataclass(slots=True)
class Bench:
    """A program that can be killed, its docs, and what it has paid for."""

    program: Program
    docs: Repository
    journal: Path
    turn: int = 0

    def dying(self, point: str) -> list[str]:
        """The main that dies at a point."""
        number = 2 if point.split(":")[0] in SECOND else 1
        return [*self.main, "--die", f"{point}:{number}"]

    @property
    def main(self) -> list[str]:
        return [*FAKE, "--journal", str(self.journal)]

    def change(self) -> set[str]:
        """Edit, rename, delete and add a page. Returns: words to be found from now on, and no others."""
        self.turn += 1
        old, new = f"turn{self.turn - 1}", f"turn{self.turn}"
        self.docs.write(
            "edited.md", page("Edited", f"The word is edited{new}.", "A part that stays.")
        )
        self.docs.write(f"added-{new}.md", page(f"Added {new}", f"The word is added{new}."))
        if self.turn > 1:
            self.docs.rename(f"moved-{old}.md", f"moved-{new}.md")
            self.docs.remove(f"added-{old}.md")
        else:
            self.docs.write(f"moved-{new}.md", page("Moved", "The word is movedtext."))
        self.docs.commit()
        return {f"edited{new}", f"added{new}", "movedtext"}

    def found(self) -> set[str]:
        """Every word of interest that a search finds, in every page there is."""
        hits: list[dict[str, Any]] = self.program.done("search", "the word is", "-k", "50")["hits"]
        words = " ".join(hit["text"] for hit in hits).replace(".", " ").split()
        assert len(hits) == len({(hit["url"], hit["text"]) for hit in hits})
        return {word for word in words if word.startswith(("edited", "added", "moved"))}


@pytest.fixture(scope="module")
def bench(tmp_path_factory: pytest.TempPathFactory, warm: Warm) -> Iterator[Bench]:
    folder = tmp_path_factory.mktemp("crashes")
    with a_program(
        folder, warm=warm, main=(*FAKE, "--journal", str(folder / "journal"))
    ) as program:
        docs = Repository(folder / "docs")
        bench = Bench(program, docs, folder / "journal")
        bench.change()
        program.configure(CONFIG)
        program.done("index")
        yield bench


@pytest.mark.parametrize("point", POINTS)
def test_an_index_killed_at_any_point_is_made_whole_by_the_next(bench: Bench, point: str) -> None:
    words = bench.change()

    killed = bench.program.run("index", main=bench.dying(point))
    left_running = is_running(bench.program.home)
    report = bench.program.done("index")
    verified = bench.program.done("verify")

    assert killed.status == -signal.SIGKILL
    assert left_running
    assert report["pages"]["parked"] == 0
    assert (verified["ok"], verified["behind"]) == (True, [])
    assert bench.found() == words
    assert paid_twice(bench.journal) == set()
    assert not is_running(bench.program.home)


def test_a_first_index_killed_half_way_is_finished_by_the_next(tmp_path: Path, warm: Warm) -> None:
    journal = tmp_path / "journal"
    with a_program(tmp_path, warm=warm, main=(*FAKE, "--journal", str(journal))) as program:
        docs = Repository(tmp_path / "docs")
        for number in range(150):
            docs.write(f"page{number}.md", page(f"Page {number}", f"The word is number{number}."))
        docs.commit()
        program.configure(CONFIG)
        bench = Bench(program, docs, journal)

        killed = program.run("index", main=[*bench.main, "--die", "apply:after:100"])
        report = program.done("index")

        assert killed.status == -signal.SIGKILL
        assert report["pages"]["added"] + report["pages"]["unchanged"] == 150
        assert paid_twice(bench.journal) == set()
        assert program.done("verify")["pages"] == 150


def test_an_index_that_is_told_to_end_stops_its_database(bench: Bench) -> None:
    words = bench.change()
    begun = bench.journal.stat().st_size
    slow = bench.program.command("index", main=[*bench.main, "--embed-s", "1"])

    with subprocess.Popen(
        slow, cwd=bench.program.folder, env=bench.program.environment(), stderr=subprocess.DEVNULL
    ) as process:
        poll(lambda: is_running(bench.program.home), "a database")
        poll(lambda: bench.program.done("status")["sources"][0]["behind"], "half an index")
        process.terminate()
        status = process.wait(timeout=30)

    assert status == 143
    assert not is_running(bench.program.home)
    assert bench.journal.stat().st_size == begun
    bench.program.done("index")
    assert bench.found() == words


@pytest.mark.parametrize("point", ["announce:after", "apply:after", "finish:before"])
def test_a_follower_killed_at_any_point_goes_on_at_its_next_start(bench: Bench, point: str) -> None:
    with bench.program.up(main=bench.dying(point)) as dying:
        dying.ready()
        words = bench.change()
        poll(lambda: not dying.is_running, "the death")
    left_running = is_running(bench.program.home)

    with bench.program.up() as serving:
        serving.ready()
        poll(lambda: set(words) <= bench.found(), "the newest words")
        ended = serving.end()

    assert left_running
    assert ended == 0
    assert bench.found() == words
    assert bench.program.done("verify")["ok"]
    assert paid_twice(bench.journal) == set()


def test_a_waiting_server_takes_over_when_the_first_is_killed(bench: Bench) -> None:
    with bench.program.up() as first, bench.program.up() as second:
        first.ready()
        second.ready()
        is_waiting = "another process follows" in second.said
        first.end(signal.SIGKILL)
        words = bench.change()
        poll(lambda: all(word in second.texts(word) for word in words), "what changed since")
        ended = second.end()

    assert is_waiting
    assert ended == 0
    assert not is_running(bench.program.home)


def test_an_index_beside_a_dying_follower_does_the_work_itself(bench: Bench) -> None:
    words = bench.change()
    lock = FileLock(bench.program.home / "follow.lock")
    assert lock.take_exclusive()
    threading.Timer(3.0, lock.release).start()

    report = bench.program.done("index")

    assert report["texts_embedded"] is not None
    assert bench.found() == words
