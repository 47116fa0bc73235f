"""Indexing a repository, a bundle and a folder, and asking: what a user does in the first hour."""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg
import pytest

from index.adapters.postgres.server import EmbeddedServer
from tests.support.program import FAKE, Program, a_program
from tests.support.repository import Repository, page
from tests.support.warm import Warm

CONFIG = """
[[source]]
name = "fruit"
location = "docs"
root = "pages"
url = "https://fruit.example/{stem}.html"
"""
PAGES = {
    "apple": ("Apples are red when they are ripe.", "Keep apples in a cool cellar."),
    "banana": ("Bananas ripen in a paper bag.", "Never put bananas into the fridge."),
    "cherry": ("Cherries have a stone.", "Cherry trees flower in April."),
    "damson": ("Damsons make dark jam.", "Damson gin takes three months."),
    "elder": ("Elderberries must be cooked.", "Elder grows in hedges."),
}


@dataclass(frozen=True, slots=True)
class Orchard:
    """A repository and the program that indexes it, with the real embedding model."""

    program: Program
    docs: Repository

    def index(self) -> Any:
        """Commit everything and index it."""
        self.docs.commit()
        return self.program.done("index")

    def texts(self, question: str) -> str:
        return "\n".join(hit["text"] for hit in self.program.done("search", question)["hits"])


@pytest.fixture(scope="module")
def orchard(tmp_path_factory: pytest.TempPathFactory, warm: Warm) -> Iterator[Orchard]:
    """Five pages, indexed. Its database runs all along, so that no command has to start it."""
    with a_program(tmp_path_factory.mktemp("orchard"), warm=warm) as program:
        docs = Repository(program.folder / "docs")
        for name, paragraphs in PAGES.items():
            docs.write(f"pages/{name}.md", page(name.title(), *paragraphs))
        docs.commit()
        program.configure(CONFIG)
        server = EmbeddedServer.start(program.home, lambda line: None)
        try:
            first = program.done("index")
            assert (first["pages"]["added"], first["texts_embedded"]) == (5, 10)
            yield Orchard(program, docs)
        finally:
            server.close()


def test_an_answer_quotes_the_page_and_cites_it(orchard: Orchard) -> None:
    answer = orchard.program.done("ask", "Where do I keep apples?")

    assert "cool cellar" in answer["answer"]
    assert answer["sources"][0] == "https://fruit.example/apple.html#apple-part-2"
    assert answer["citations"][0]["commit"]
    assert not answer["refused"]


def test_answers_and_hits_for_people_name_their_pages(orchard: Orchard) -> None:
    answered = orchard.program.run("ask", "Where do I keep apples?")
    found = orchard.program.run("search", "Where do I keep apples?")

    assert "https://fruit.example/apple.html" in answered.out
    assert "https://fruit.example/apple.html#apple-part-2" in found.out


def test_status_names_the_commit_that_is_indexed(orchard: Orchard) -> None:
    commit = orchard.docs.git("rev-parse", "HEAD")

    (source,) = orchard.program.done("status")["sources"]

    assert (source["source"], source["commit"]) == ("fruit", commit)
    assert (source["behind"], source["parked"]) == (0, {})


def test_status_says_when_it_was_checked_and_that_nobody_follows(orchard: Orchard) -> None:
    told = orchard.program.run("status").out

    assert re.search(r"last checked \d+ (s|min) ago; no process follows it", told), told
    assert not orchard.program.done("status")["followed"]


def test_nothing_new_is_nothing_to_do(orchard: Orchard) -> None:
    report = orchard.program.done("index")

    assert report["texts_embedded"] == 0
    assert sum(report["pages"][kind] for kind in ("added", "changed", "moved", "deleted")) == 0


def test_an_edit_embeds_the_edited_section_alone_and_undoing_it_nothing(orchard: Orchard) -> None:
    before = orchard.docs.read("pages/banana.md")
    orchard.docs.write("pages/banana.md", before.replace("paper bag", "straw basket"))

    edited = orchard.index()
    found = orchard.texts("How do bananas ripen?")
    orchard.docs.write("pages/banana.md", before)
    undone = orchard.index()

    assert (edited["pages"]["changed"], edited["texts_embedded"]) == (1, 1)
    assert "straw basket" in found
    assert "paper bag" not in found
    assert (undone["pages"]["changed"], undone["texts_embedded"]) == (1, 0)
    assert "paper bag" in orchard.texts("How do bananas ripen?")


def test_white_space_embeds_nothing(orchard: Orchard) -> None:
    text = orchard.docs.read("pages/cherry.md")
    orchard.docs.write("pages/cherry.md", text.replace("\n\n", "\n\n\n") + "\n\n")

    assert orchard.index()["texts_embedded"] == 0


def test_a_renamed_page_is_found_at_its_new_address_and_embeds_nothing(orchard: Orchard) -> None:
    orchard.docs.rename("pages/damson.md", "pages/plum.md")

    moved = orchard.index()
    found = orchard.program.done("search", "damson gin")["hits"]

    assert (moved["pages"]["moved"], moved["texts_embedded"]) == (1, 0)
    assert (moved["pages"]["added"], moved["pages"]["deleted"]) == (0, 0)
    urls = {hit["url"] for hit in found}
    assert "https://fruit.example/plum.html" in urls
    assert "https://fruit.example/damson.html" not in urls


def test_a_deleted_page_is_found_no_more(orchard: Orchard) -> None:
    orchard.docs.remove("pages/elder.md")

    deleted = orchard.index()

    assert (deleted["pages"]["deleted"], deleted["texts_embedded"]) == (1, 0)
    assert "lderberries" not in orchard.texts("elderberries")


def test_a_dry_run_says_what_would_change_and_changes_nothing(orchard: Orchard) -> None:
    orchard.docs.write("pages/fig.md", page("Fig", "Figs are sweet."))
    orchard.docs.commit()
    before = orchard.program.done("status")

    told = orchard.program.done("index", "--dry-run")
    after = orchard.program.done("status")
    orchard.docs.remove("pages/fig.md")
    orchard.docs.commit()

    assert told["changes"] == {"add": ["fig.md"]}
    assert after == before


def test_the_index_verifies_and_its_vectors_are_right(orchard: Orchard) -> None:
    report = orchard.program.done("index")

    verified = orchard.program.run("verify", "--vectors", "3", "--json")

    assert verified.status == 0, verified
    assert verified.json["ok"]
    assert verified.json["pages"] == report["pages"]["unchanged"]
    assert (verified.json["vectors_off"], verified.json["missing"]) == (0, [])


def test_questions_with_known_sources_are_scored(orchard: Orchard, tmp_path: Path) -> None:
    questions = tmp_path / "questions.jsonl"
    asked = [
        {"question": "Where do I keep apples?", "source": "https://fruit.example/apple.html"},
        {"question": "Who flies to the moon?", "source": "https://fruit.example/moon.html"},
    ]
    questions.write_text("\n".join(json.dumps(line) for line in asked), "utf-8")

    scored = orchard.program.done("eval", "run", "--questions", str(questions))

    assert (scored["n"], scored["k"], scored["unmeasured"]) == (2, 7, 0)
    assert (scored["covered"], scored["retrieval_score"]) == (0.5, 0.5)


def test_questions_made_from_the_index_are_scored_by_it(orchard: Orchard, tmp_path: Path) -> None:
    file = tmp_path / "made.jsonl"

    told = orchard.program.done("eval", "synthesize", "--count", "2", "--out", str(file))
    again = orchard.program.run("eval", "synthesize", "--source", "nowhere", "--out", str(file))
    scored = orchard.program.done("eval", "run", "--questions", str(file))

    assert (told["questions"], scored["n"], scored["covered"]) == (2, 2, 1.0)
    assert again.status == 2
    assert "nowhere" in again.complaint


def test_a_bundle_on_the_command_line_is_indexed_beside(orchard: Orchard, tmp_path: Path) -> None:
    bundle = orchard.docs.bundle(tmp_path / "orchard.bundle")

    report = orchard.program.done("index", str(bundle), "--name", "copy", "--root", "pages")

    assert report["source"] == "copy"
    assert report["pages"]["added"] >= 3
    assert report["texts_embedded"] == 0  # each text has its vector from the other source


def test_a_folder_is_indexed_without_git(orchard: Orchard, tmp_path: Path) -> None:
    (tmp_path / "notes").mkdir()
    (tmp_path / "notes" / "quince.md").write_text(page("Quince", "Quinces are hard."), "utf-8")

    first = orchard.program.done("index", str(tmp_path / "notes"))
    verified = orchard.program.done("verify", str(tmp_path / "notes"))
    (tmp_path / "notes" / "quince.md").write_text(page("Quince", "Quinces are tart."), "utf-8")
    second = orchard.program.done("index", str(tmp_path / "notes"))

    assert (first["source"], first["pages"]["added"], first["texts_embedded"]) == ("notes", 1, 1)
    assert (verified["source"], verified["ok"], verified["pages"]) == ("notes", True, 1)
    assert (second["pages"]["changed"], second["texts_embedded"]) == (1, 1)


def test_verify_without_a_configuration_takes_the_sources_that_were_named_before(
    database: str, warm: Warm, tmp_path: Path
) -> None:
    program = Program(tmp_path, FAKE, warm, {"HEADWATER_DATABASE_URL": database})
    for name in ("quince", "medlar"):
        (tmp_path / name / "kept").mkdir(parents=True)
        (tmp_path / name / "kept" / f"{name}.md").write_text(page(name, "Hard."), "utf-8")
        (tmp_path / name / "left.md").write_text(page("Left", "Out."), "utf-8")
    program.done("index", "quince", "--root", "kept")
    program.done("index", "./medlar", "--exclude", "left.md", "--url", "https://x/{stem}")
    program.run("index", "nowhere")

    verified = program.run("verify", "--json")
    assert verified.status == 0
    assert [(one["source"], one["ok"], one["pages"]) for one in verified.json] == [
        ("quince", True, 1),
        ("medlar", True, 1),
    ]

    (program.home / "sources.json").unlink()
    lost = program.run("verify")
    assert lost.status == 2
    assert "headwater verify LOCATION --name medlar" in lost.complaint


def test_verify_fails_with_status_1_when_a_page_is_not_as_its_source(orchard: Orchard) -> None:
    orchard.program.done("index")
    _spoil(orchard.program, "UPDATE chunk_g1 SET text = 'Apples are blue.' WHERE path = 'apple.md'")

    spoilt = orchard.program.run("verify", "--json")
    repaired = orchard.program.run("verify", "--repair", "--json")

    assert (spoilt.status, spoilt.json["stale"]) == (1, ["apple.md"])
    assert (repaired.status, repaired.json["ok"]) == (0, True)


def _spoil(program: Program, statement: str) -> None:
    server = EmbeddedServer.start(program.home, lambda line: None)
    try:
        with psycopg.connect(server.address.conninfo) as connection:
            connection.execute(statement.encode())
    finally:
        server.close()
