"""`make demo` without a terminal: it shows a changed answer, and leaves nothing behind however it ends."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from headwater.demo import with_paragraph
from index.adapters.postgres.server_place import read_record
from index.core.formats.html import parse_html
from index.core.formats.notebook import parse_notebook
from schemas.formats import Dialect
from tests.support.program import poll
from tests.support.repository import page

NOTEBOOK = {
    "nbformat": 4,
    "nbformat_minor": 5,
    "metadata": {},
    "cells": [
        {
            "cell_type": "markdown",
            "id": "a",
            "metadata": {},
            "source": ["# Growing quinces\n\nQuinces like the sun."],
        }
    ],
}


def a_demo(source: Path, temporary: Path) -> "subprocess.Popen[str]":
    environment = os.environ | {"TMPDIR": str(temporary)}
    return subprocess.Popen(
        [sys.executable, "-m", "headwater.demo", "--source", str(source)],
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )


@pytest.fixture
def docs(tmp_path: Path) -> Path:
    """A draft, which is not indexed, stands before the one page in path order."""
    folder = tmp_path / "docs"
    folder.mkdir()
    draft = "---\ndraft: true\n---\n" + page("Draft", *(f"Draft {n}." for n in range(99)))
    (folder / "a.md").write_text(draft, "utf-8")
    (folder / "quince.ipynb").write_text(json.dumps(NOTEBOOK), "utf-8")
    return folder


def test_without_a_terminal_it_edits_an_indexed_page_says_so_and_stops(
    docs: Path, tmp_path: Path
) -> None:
    temporary = tmp_path / "temporary"
    temporary.mkdir()

    with a_demo(docs, temporary) as demo:
        out, _ = demo.communicate(timeout=200)

    assert demo.returncode == 0, out
    assert "Q: Growing quinces?" in out
    assert "Composed by SmolLM2-135M-Instruct on this machine" in out
    assert "model_unavailable" not in out
    assert "Committed one paragraph to quince.ipynb" in out
    assert "There is no terminal" in out
    assert "Kingfisher" in out.partition("Committed")[2]
    assert not list(temporary.iterdir())


def test_the_end_of_its_terminal_leaves_nothing_behind(docs: Path, tmp_path: Path) -> None:
    temporary = tmp_path / "temporary"
    temporary.mkdir()

    with a_demo(docs, temporary) as demo:
        poll(lambda: list(temporary.glob("*/.headwater/postgres.json")), "a database")
        (home,) = temporary.glob("*/.headwater")
        record = read_record(home)
        os.killpg(demo.pid, signal.SIGHUP)
        out, _ = demo.communicate(timeout=60)

    assert record is not None
    assert not Path(record.folder).exists(), out
    assert not list(temporary.iterdir())
    assert demo.returncode == 128 + signal.SIGHUP
    assert "Traceback" not in out


def test_a_page_gets_a_paragraph_in_its_own_format() -> None:
    html = with_paragraph(
        "<body><main><h1>Quinces</h1><p>Old.</p></main></body>", "New.", suffix=".html"
    )
    notebook = with_paragraph(json.dumps(NOTEBOOK), "New.", suffix=".ipynb")

    assert "New." in str(parse_html(html))
    assert "New." in str(parse_notebook(notebook, dialect=Dialect.AUTO))
    assert with_paragraph("# A", "New.", suffix=".md").endswith("\n\nNew.\n")
