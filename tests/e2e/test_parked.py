"""What is parked: looked at, tried again after a fix, and taken out of sight."""

from pathlib import Path

import psycopg
import pytest

from tests.support.program import FAKE, Program
from tests.support.repository import Repository, page
from tests.support.warm import Warm

CONFIG = """
[[source]]
name = "docs"
location = "docs"
poll_s = 0.2
"""
BUG = (*FAKE, "--refuse", "aardvark")


@pytest.fixture
def docs(tmp_path: Path) -> Repository:
    docs = Repository(tmp_path / "docs")
    docs.write("good.md", page("Good", "The good page stays."))
    docs.write("odd.md", page("Odd", "An aardvark digs."))
    docs.write("latin.md", b"caf\xe9")
    docs.commit()
    return docs


@pytest.fixture
def program(tmp_path: Path, docs: Repository, database: str, warm: Warm) -> Program:
    """Two pages that are parked: one by a bug of the index, one at intake."""
    program = Program(tmp_path, FAKE, warm, {"HEADWATER_DATABASE_URL": database})
    program.configure(CONFIG)
    assert program.run("index", main=BUG).status == 0
    return program


def parked(program: Program) -> dict[str, int]:
    return {one["page"]: one["generation"] for one in program.done("parked", "list")["parked"]}


def test_r05_what_a_bug_parked_is_replayed_after_the_fix_and_equals_a_rebuild(
    program: Program,
) -> None:
    before = parked(program)
    program.done("index")
    unchanged = parked(program)

    with_the_bug = program.run("parked", "replay", "docs/odd.md", "--json", main=BUG)
    replayed = program.run("parked", "replay", "--all", "--json")

    assert before == unchanged == {"docs/odd.md": 1, "docs/latin.md": 0}
    assert (with_the_bug.status, with_the_bug.json["applied"]) == (1, [])
    assert "a bug" in with_the_bug.json["parked"]["docs/odd.md"]
    assert (replayed.status, replayed.json["applied"]) == (1, ["docs/odd.md"])
    assert list(replayed.json["parked"]) == ["docs/latin.md"]
    assert parked(program) == {"docs/latin.md": 0}
    assert "aardvark" in program.run("search", "aardvark").out
    assert program.done("status")["sources"][0]["behind"] == 0
    verified = program.done("verify")
    assert (verified["missing"], verified["behind"]) == ([], [])


def test_beside_a_process_that_follows_it_replays(program: Program) -> None:
    with program.up() as serving:
        serving.ready()

        replayed = program.done("parked", "replay", "docs/odd.md")

        assert "aardvark" in serving.texts("aardvark")
        serving.end()
    assert replayed == {"applied": ["docs/odd.md"], "parked": {}}


def test_what_is_dropped_is_dealt_with_until_the_page_changes(
    program: Program, docs: Repository, database: str
) -> None:
    dropped = program.done("parked", "drop", "docs/latin.md", "docs/odd.md")
    seen = parked(program)
    program.done("index")
    status = program.done("status")["sources"][0]
    verified = program.done("verify")
    docs.write("odd.md", page("Odd", "A badger digs."))
    docs.commit()
    program.done("index")

    assert dropped == {"pages": 2, "undecodable": 0}
    assert seen == {}
    assert (status["behind"], status["parked"], status["revision"]) == (0, {}, 1)
    assert (verified["parked"], sorted(verified["dropped"])) == ({}, ["latin.md", "odd.md"])
    assert "badger" in program.run("search", "badger").out
    assert list(program.done("verify")["dropped"]) == ["latin.md"]


def test_records_that_were_no_event_are_listed_and_forgotten(
    program: Program, database: str
) -> None:
    with psycopg.connect(database) as connection:
        connection.execute(
            'INSERT INTO undecodable (topic, partition, "offset", key, reason)'
            " VALUES ('pages', 3, 7, 'docs/a.md', 'no event')"
        )

    listed = program.done("parked", "list")["undecodable"]
    dropped = program.done("parked", "drop", "--undecodable")

    assert [(one["partition"], one["offset"], one["key"]) for one in listed] == [
        (3, 7, "docs/a.md")
    ]
    assert dropped == {"pages": 0, "undecodable": 1}
    assert program.done("parked", "list")["undecodable"] == []
    assert len(parked(program)) == 2


@pytest.mark.parametrize("said", [[], ["--all", "--source", "docs"], ["docs/nothing.md"]])
def test_a_selection_that_is_none_is_told(program: Program, said: list[str]) -> None:
    assert program.run("parked", "replay", *said).status == 2


def test_repairing_a_page_that_is_refused_at_the_head_ends_and_stays_complete(
    program: Program, docs: Repository, database: str
) -> None:
    docs.write("good.md", b"caf\xe9")
    docs.commit()
    program.done("index")
    with psycopg.connect(database) as connection:
        connection.execute("DELETE FROM parked WHERE path = 'good.md'")
    assert program.done("status")["sources"][0]["behind"] == 1

    repaired = program.run("verify", "--repair", "--json")

    assert "good.md" in repaired.json["parked"]
    assert program.done("status")["sources"][0]["behind"] == 0
    assert program.done("index")["pages"]["parked"] == 3
