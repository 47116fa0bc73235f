"""Pages that cannot be taken are parked with their reason, and all others are indexed."""

import json
from pathlib import Path
from typing import Any

import pytest

from tests.support.program import FAKE, Program
from tests.support.repository import Repository, page
from tests.support.warm import Warm

CONFIG = """
[[source]]
name = "docs"
location = "docs"

[chunking]
read_timeout_s = 2.0
"""
GOOD = page("Good", "The good page stays.")
NOTEBOOK = {"nbformat": 4, "nbformat_minor": 5, "metadata": {}}


@pytest.fixture
def program(tmp_path: Path, database: str, warm: Warm) -> Program:
    env = {"HEADWATER_DATABASE_URL": database}
    program = Program(tmp_path, FAKE, warm, env)
    program.configure(CONFIG)
    return program


def notebook(source: str, **cell: Any) -> str:
    cells = [{"cell_type": "markdown", "id": "a", "metadata": {}, "source": source} | cell]
    return json.dumps(NOTEBOOK | {"cells": cells})


LONG_SLUG = "/".join(str(n * n) for n in range(2_000))
REFUSED: dict[str, tuple[str | bytes, str]] = {
    "binary.md": (b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR", "NUL"),
    "cut.ipynb": ('{"cells": [', "no notebook"),
    "headings.md": ("#\n" * 1_000_000, ""),
    "huge.md": (b"# Huge\n\n" + b"word " * 500_000, "too large"),
    "latin.md": ("# Caf\u00e9\n".encode("latin-1"), "UTF-8"),
    "nul.md": (b"# Nul\n\nA\x00B\n", "NUL"),
    "odd.ipynb": ('["no", "notebook"]', "no notebook"),
    "slug-long.md": (f"---\nslug: /{LONG_SLUG}\n---\n\n# A\n", "longer than 2000 bytes"),
    "slug-nul.md": ('---\nslug: "/a\\0b"\n---\n\n# A\n', "its slug is no address"),
    "slug-surrogate.md": ('---\nslug: "/a\\ud800b"\n---\n\n# A\n', "half a character"),
    "slug-wide.md": (f"---\nslug: /{'汉' * 990}\n---\n\n# A\n", "longer than 2000 bytes"),
    "surrogate.ipynb": (notebook("# Half\n\nbefore \ud800 after"), "no notebook"),
}
NINES = "9" * 5_000
DEDENT = f"Dedent\n======\n\noddly\n\n.. literalinclude:: good.md\n   :dedent: {NINES}\n"
LINES = f"Lines\n=====\n\noddly\n\n.. literalinclude:: good.md\n   :lines: {NINES}\n"
# The odd pages that become pages all the same, with the title and the text they are found by.
ODD: dict[str, tuple[str, str, str]] = {
    "dedent.rst": (DEDENT, "Dedent", "oddly\n\n# Good\n\n## Go"),
    "deep.html": ("<div>" * 5_000 + "oddly deep" + "</div>" * 5_000, "deep.html", "oddly deep"),
    "lines.rst": (LINES, "Lines", "oddly"),
    "long.md": ("# Long\n\noddly " + "x" * 100_000, "Long", "oddly"),
    "nul-title.md": ('---\ntitle: "be\\0fore"\n---\n\noddly\n', "before", "oddly"),
    "nul.ipynb": (notebook("# Nul\n\noddly be\u0000fore"), "Nul", "oddly be\ufffdfore"),
    "slug-bracket.md": ('---\nslug: "http://[x"\n---\n\n# B\n\noddly\n', "B", "oddly"),
    "snippet.md": (f'# Snippet\n\noddly\n\n--8<-- "good.md:{NINES}"\n', "Snippet", "oddly"),
    "surrogate.md": ('---\ntitle: "half \\ud800"\n---\n\noddly\n', "half ?", "oddly"),
    "tags.md": ("# Tags\n\noddly" + "<b>" * 20_000, "Tags", "oddly"),
}  # fmt: skip
# Pages without a text that anybody would look for: quotes deeper than 40 hold none.
TEXTLESS = {"empty.md": "", "quotes.md": "# Deep\n\n" + ">" * 3_000 + " oddly\n"}


def test_pages_that_cannot_be_read_are_parked_and_the_others_go_on(program: Program) -> None:
    docs = Repository(program.folder / "docs")
    docs.write("good.md", GOOD)
    for path, (data, _) in REFUSED.items():
        docs.write(path, data)
    docs.commit()

    report = program.done("index")
    (status,) = program.done("status")["sources"]
    told = program.run("status")
    verified = program.run("verify", "--json")

    assert (report["pages"]["parked"], status["pages"]) == (len(REFUSED), 1)
    assert status["parked"].keys() == REFUSED.keys()
    assert {
        path: reason for path, reason in status["parked"].items() if REFUSED[path][1] not in reason
    } == {}
    assert "parked nul.md: " in told.out
    assert (verified.status, verified.json["parked"].keys()) == (0, REFUSED.keys())


def test_a_page_that_was_repaired_is_parked_no_more(program: Program) -> None:
    docs = Repository(program.folder / "docs")
    docs.write("good.md", GOOD)
    docs.write("nul.md", b"# Nul\n\nA\x00B\n")
    docs.commit()
    parked = program.done("index")["pages"]["parked"]

    docs.write("nul.md", "# Nul\n\nRepaired words.\n")
    docs.commit()
    report = program.done("index")

    assert (parked, report["pages"]["parked"]) == (1, 0)
    assert "Repaired words." in program.run("search", "repaired").out


def test_a_page_that_turns_bad_keeps_its_last_good_version(program: Program) -> None:
    docs = Repository(program.folder / "docs")
    docs.write("good.md", GOOD)
    docs.write("fragile.md", page("Fragile", "The last good words."))
    docs.commit()
    program.done("index")

    docs.write("fragile.md", b"\xff\xfe\x00")
    docs.commit()
    report = program.done("index")

    assert report["pages"]["parked"] == 1
    assert "The last good words." in program.run("search", "good words").out


def test_odd_pages_are_indexed_by_what_can_be_read_of_them(program: Program) -> None:
    docs = Repository(program.folder / "docs")
    docs.write("good.md", GOOD)
    for path, text in TEXTLESS.items() | {(path, odd[0]) for path, odd in ODD.items()}:
        docs.write(path, text)
    docs.commit()

    report = program.done("index")
    (status,) = program.done("status")["sources"]
    verified = program.run("verify", "--json")
    hits = program.done("search", "oddly", "-k", "50")["hits"]

    assert (report["pages"]["added"], status["parked"]) == (1 + len(TEXTLESS) + len(ODD), {})
    assert (verified.status, verified.json["ok"]) == (0, True)
    assert {
        hit["url"]: (hit["title"], hit["text"][:20]) for hit in hits if "oddly" in hit["text"]
    } == {path: (title, found) for path, (_, title, found) in ODD.items()}


def test_file_names_that_are_no_text_stop_nothing(program: Program) -> None:
    docs = Repository(program.folder / "docs")
    docs.write("good.md", GOOD)
    for name in (b"caf\xe9.md", b"new\nline.md", b"quote'\".md", b"%percent #hash?.md"):
        (
            program.folder.joinpath("docs").joinpath(name.decode("utf-8", "surrogateescape"))
        ).write_text(page("Name", "Found by an odd name."))
    docs.commit()

    program.done("index")
    verified = program.run("verify", "--json")

    assert (verified.status, verified.json["ok"]) == (0, True)
    assert "Found by an odd name." in program.run("search", "odd name").out


def test_of_two_files_with_one_address_the_first_wins_until_it_goes(program: Program) -> None:
    program.configure(
        CONFIG.replace('"docs"\n\n', '"docs"\nurl = "https://docs.example/{stem}"\n\n')
    )
    docs = Repository(program.folder / "docs")
    docs.write("guide.md", page("Guide", "Written in Markdown."))
    docs.write("guide.rst", "Guide\n=====\n\nWritten in reStructuredText.\n")
    docs.commit()
    first = program.done("index")
    (before,) = program.done("status")["sources"]

    docs.remove("guide.md")
    docs.commit()
    second = program.done("index")

    assert (first["pages"]["added"], list(before["parked"])) == (1, ["guide.rst"])
    assert second["pages"]["parked"] == 0
    found = program.run("search", "written").out
    assert "reStructuredText" in found
    assert "Markdown" not in found
