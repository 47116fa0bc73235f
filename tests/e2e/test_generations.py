"""A changed chunk size is a new generation: built beside the live one, switched when whole."""

import threading
from pathlib import Path

import psycopg
import pytest

from tests.support.program import FAKE, Program, poll
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
PAGES = 40
LONG = " ".join(f"This is sentence number {number} of a long part." for number in range(30))


@pytest.fixture
def program(tmp_path: Path, database: str, warm: Warm) -> Program:
    """Forty pages, indexed in long chunks."""
    docs = Repository(tmp_path / "docs")
    for number in range(PAGES):
        docs.write(f"page{number}.md", page(f"Page {number}", f"Words of page {number}. {LONG}"))
    docs.commit()
    program = Program(tmp_path, FAKE, warm, {"HEADWATER_DATABASE_URL": database})
    program.configure(CONFIG.format(chars=800))
    program.done("index")
    return program


def zebras(folder: Path) -> None:
    """A repository of one page."""
    repository = Repository(folder)
    repository.write("zebra.md", page("Zebra", "Zebras have stripes."))
    repository.commit()


def tables(database: str) -> set[str]:
    """The generations that have a table of chunks."""
    with psycopg.connect(database) as connection:
        rows = connection.execute(
            "SELECT relname FROM pg_class WHERE relkind = 'r' AND relname LIKE 'chunk%'"
        )
        return {row[0] for row in rows}


def test_the_next_index_builds_a_new_generation_and_the_one_after_drops_the_old(
    program: Program, database: str
) -> None:
    before = program.done("status")
    program.configure(CONFIG.format(chars=200))

    report = program.done("index")
    after = program.done("status")
    both = tables(database)
    again = program.done("index")

    assert (before["generation"], after["generation"]) == (1, 2)
    assert report["chunks"]["total"] > 2 * before["sources"][0]["chunks"]
    assert both == {"chunk_g1", "chunk_g2"}
    assert tables(database) == {"chunk_g2"}
    assert again["texts_embedded"] == 0
    assert program.run("verify").status == 0


def test_questions_asked_while_it_is_built_are_answered(program: Program, database: str) -> None:
    answered: list[int] = []
    is_over = threading.Event()
    program.configure(CONFIG.format(chars=200))
    with program.up(main=(*FAKE, "--embed-s", "0.004")) as serving:

        def ask() -> None:
            while not is_over.is_set():
                response = serving.client.post("/search", json={"question": "words of page 7"})
                answered.append(response.status_code)
                assert len(response.json()["hits"]) == 7

        asking = threading.Thread(target=ask)
        asking.start()
        poll(lambda: program.done("status")["generation"] == 2, "the switch")
        is_over.set()
        asking.join()
        serving.ready()
        serving.end()

    assert len(answered) > 5
    assert set(answered) == {200}
    assert program.run("verify").status == 0


def test_hints_while_it_is_built_leave_no_page_out(program: Program, tmp_path: Path) -> None:
    docs = Repository(tmp_path / "docs")
    for number in range(100):
        docs.write(f"more{number}.md", page(f"More {number}", f"More words of {number}. {LONG}"))
    docs.commit()
    program.done("index")
    program.configure(CONFIG.format(chars=200))
    seen: list[int] = []

    def is_switched_after_a_hint() -> bool:
        docs.write("page7.md", page("Page 7", f"Edited {len(seen)} times. {LONG}"))
        docs.commit()
        assert program.run("index").status == 0
        seen.append(program.done("status")["generation"])
        return bool(seen[-1] == 2)

    with program.up(main=(*FAKE, "--embed-s", "0.004")) as serving:
        poll(is_switched_after_a_hint, "the switch")
        serving.end()

    assert seen
    assert program.run("verify").status == 0


def test_a_build_that_was_killed_is_finished_by_the_next(program: Program, tmp_path: Path) -> None:
    journal = tmp_path / "journal"
    program.configure(CONFIG.format(chars=200))

    killed = program.run(
        "index", main=(*FAKE, "--journal", str(journal), "--die", "apply:after:10")
    )
    still = program.done("status")
    found = program.done("search", "words of page 7")
    program.done("index")

    assert killed.status == -9
    assert (still["generation"], still["sources"][0]["pages"]) == (1, PAGES)
    assert len(found["hits"]) == 7
    assert program.done("status")["generation"] == 2
    assert program.run("verify").status == 0


def test_changing_back_half_way_drops_what_was_begun(program: Program, database: str) -> None:
    program.configure(CONFIG.format(chars=200))
    program.run("index", main=(*FAKE, "--die", "apply:after:10"))
    program.configure(CONFIG.format(chars=800))

    report = program.done("index")

    assert report["texts_embedded"] == 0
    assert program.done("status")["generation"] == 1
    assert tables(database) == {"chunk_g1"}


def test_a_generation_that_lacks_a_source_waits_for_it_while_the_old_one_answers(
    program: Program, tmp_path: Path
) -> None:
    zebras(tmp_path / "other")
    program.done("index", "other")
    program.configure(CONFIG.format(chars=200))

    without = program.run("index")
    found = program.done("search", "zebras")
    status = program.done("status")
    with program.up() as serving:
        poll(lambda: "lacks 1 pages of other" in serving.said, "what is lacking")
        serving.end()
    program.done("index", "other")

    assert without.status == 0
    assert "lacks 1 pages of other" in without.err
    assert found["hits"][0]["title"] == "Zebra"
    assert status["generation"] == 1
    assert program.done("status")["generation"] == 2
    assert program.done("search", "zebras")["hits"][0]["title"] == "Zebra"
    assert program.run("verify").status == 0


def test_one_source_in_trouble_does_not_hold_up_the_others(
    program: Program, tmp_path: Path
) -> None:
    zebras(tmp_path / "other")
    sources = [("away", "/nowhere/at/all.bundle"), ("other", "other")]
    program.configure(
        "".join(f'[[source]]\nname = "{name}"\nlocation = "{place}"\n' for name, place in sources)
    )

    ran = program.run("index")

    assert ran.status in (2, 3)
    assert "away" in ran.err
    assert program.done("search", "zebras")["hits"][0]["title"] == "Zebra"


def test_a_second_server_with_another_chunk_size_builds_nothing_while_it_waits(
    program: Program, database: str
) -> None:
    with program.up() as first:
        first.ready()
        program.configure(CONFIG.format(chars=200))
        with program.up() as second:
            second.ready()
            while_waiting = tables(database)
            first.end()
            poll(lambda: program.done("status")["generation"] == 2, "the switch")
            second.end()

    assert while_waiting == {"chunk_g1"}
    assert program.run("verify").status == 0
