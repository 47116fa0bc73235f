"""Generations that a person builds, compares, switches to and back from, and drops, while questions and edits go on."""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psycopg
import pytest
from psycopg import sql

from tests.support.fake_main import OTHER
from tests.support.program import FAKE, Program, Serving, poll
from tests.support.repository import Repository, page
from tests.support.warm import Warm

CONFIG = """
[[source]]
name = "docs"
location = "docs"
poll_s = 0.2

[chunking]
target_chars = {chars}
"""
PAGES = 20
MODEL = "all-MiniLM-L6-v2" + OTHER
LONG = " ".join(f"This is sentence number {number} of a long part." for number in range(30))
STABLE = "All that stands here stays."


@pytest.fixture
def docs(tmp_path: Path) -> Repository:
    docs = Repository(tmp_path / "docs")
    for number in range(PAGES):
        docs.write(f"page{number}.md", page(f"Page {number}", f"Words of page {number}. {LONG}"))
    docs.write("stable.md", f"# Stable\n\n{STABLE}\n")
    docs.write("edited.md", page("Edited", "Edit 0 of it."))
    docs.commit()
    return docs


@pytest.fixture
def program(tmp_path: Path, docs: Repository, database: str, warm: Warm) -> Program:
    program = Program(tmp_path, FAKE, warm, {"HEADWATER_DATABASE_URL": database})
    program.configure(CONFIG.format(chars=800))
    program.done("index")
    return program


def states(program: Program) -> dict[int, str]:
    return {one["generation"]: one["state"] for one in program.done("generation", "list")}


@dataclass
class Watching:
    """Asks and edits all the time; `complaints` are answers that cannot be right."""

    serving: Serving
    docs: Repository
    texts: list[set[str]] = field(default_factory=list)
    asked: int = 0
    edits: int = 0
    complaints: list[str] = field(default_factory=list)
    _last: int = 0
    _is_over: threading.Event = field(default_factory=threading.Event)

    def ask(self) -> None:
        while not self._is_over.is_set():
            self._see_one_model()
            self._see_one_generation()
            self._see_time_go_on()
            self.asked += 1
            time.sleep(0.02)

    def edit(self) -> None:
        while not self._is_over.is_set():
            self.edits += 1
            self.docs.write("edited.md", page("Edited", f"Edit {self.edits} of it."))
            self.docs.write("page3.md", page("Page 3", f"Words of it, {self.edits}. {LONG}"))
            self.docs.commit()
            time.sleep(0.05)

    def _see_one_model(self) -> None:
        """The vector of a text and that of the same words as a question are one, if one model made both."""
        found = self._hits(f"Stable {STABLE}")
        best = [hit["similarity"] for hit in found if hit["title"] == "Stable"]
        if not best or best[0] is None or best[0] < 0.95:
            self.complaints.append(f"another model: {best}")

    def _see_one_generation(self) -> None:
        texts = {hit["text"] for hit in self._hits("words of page 7") if hit["title"] == "Page 7"}
        if not texts or not any(texts <= known for known in self.texts):
            self.complaints.append(f"of no generation: {sorted(texts)[:2]}")

    def _see_time_go_on(self) -> None:
        response = self.serving.client.get("/pages", params={"url": "edited.md"})
        if response.status_code != 200:
            self.complaints.append(f"no page: {response.text}")
            return
        (text,) = [one["text"] for one in response.json()["sections"] if "Edit " in one["text"]]
        number = int(text.split()[1])
        if number < self._last:
            self.complaints.append(f"back in time: {self._last}, then {number}")
        self._last = number

    def _hits(self, question: str) -> list[dict[str, Any]]:
        response = self.serving.client.post("/search", json={"question": question, "k": 10})
        if response.status_code != 200:
            self.complaints.append(response.text)
            return []
        hits: list[dict[str, Any]] = response.json()["hits"]
        return hits


@contextmanager
def watching(serving: Serving, docs: Repository, texts: list[set[str]]) -> Iterator[Watching]:
    watched = Watching(serving, docs, texts)
    threads = [threading.Thread(target=work) for work in (watched.ask, watched.edit)]
    for thread in threads:
        thread.start()
    try:
        yield watched
    finally:
        watched._is_over.set()
        for thread in threads:
            thread.join()


def texts_of(database: str, generation: int) -> set[str]:
    """The chunks of one page that nobody edits."""
    with psycopg.connect(database) as connection:
        table = sql.Identifier(f"chunk_g{generation}")
        select = sql.SQL("SELECT text FROM {} WHERE path = 'page7.md'").format(table)
        rows = connection.execute(select).fetchall()
        return {row[0] for row in rows}


def test_r28_a_switch_to_another_model_and_back_shows_in_no_answer(
    program: Program, docs: Repository, database: str
) -> None:
    texts = [texts_of(database, 1)]
    seen: list[dict[int, str]] = []
    with program.up() as serving:
        serving.ready()
        with watching(serving, docs, texts) as watched:
            built = program.done("generation", "build", "--model", MODEL, "--target-chars", "200")
            texts.append(texts_of(database, 2))
            for command in (["promote", "2"], ["rollback"], ["rollback"], ["drop", "1"]):
                until_asked(watched, 5)
                program.done("generation", *command)
                seen.append(states(program))
            until_asked(watched, 5)
        poll(lambda: program.done("status")["sources"][0]["behind"] == 0, "all edits")
        serving.end()

    assert watched.complaints == []
    assert watched.edits > 10
    assert (built["state"], built["complete"], built["lacking"]) == ("building", True, {})
    assert seen == [
        {1: "kept", 2: "live"},
        {1: "live", 2: "kept"},
        {1: "kept", 2: "live"},
        {2: "live"},
    ]
    assert texts[0] & texts[1] == set()
    assert program.run("verify", "--vectors", "10").status == 0


def until_asked(watched: Watching, more: int) -> None:
    """Return once so many further rounds of questions have been answered."""
    goal = watched.asked + more
    poll(lambda: watched.asked >= goal, "questions")
