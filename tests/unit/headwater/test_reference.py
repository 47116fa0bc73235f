"""The reference pages say what the program says."""

import pytest

from headwater import reference
from headwater.main import app
from headwater.reference import Key, sections_of
from headwater.settings import Settings

KEYS = [key for _, _, keys in sections_of(Settings) for key in keys]


def test_the_committed_pages_are_what_the_program_would_write() -> None:
    pages = reference.pages()

    differing = [path.name for path, text in pages.items() if path.read_text("utf-8") != text]

    assert not differing, "run: python -m headwater.reference"


@pytest.mark.parametrize("key", KEYS, ids=lambda key: key.name)
def test_every_key_of_the_configuration_says_what_it_means(key: Key) -> None:
    assert key.meaning
    assert key.type
    assert key.default


def test_nothing_is_said_here_of_a_key_that_is_gone() -> None:
    names = {key.name for key in KEYS}

    gone = set(reference.MEANINGS) - names

    assert not gone


def test_every_section_of_the_settings_is_a_chapter() -> None:
    page = reference.configuration_page(Settings)

    chapters = {line for line in page.splitlines() if line.startswith("## ")}

    assert {"## Top level", "## `[[source]]`", "## `[database]`"} <= chapters
    assert len(chapters) == len([*sections_of(Settings)])


def test_the_database_has_the_alias_that_the_program_takes() -> None:
    (url,) = [key for key in KEYS if key.name == "database.url"]

    assert url.variable == "`HEADWATER_DATABASE_URL`"


def test_lists_and_sources_have_no_variable() -> None:
    without = {key.name for key in KEYS if not key.variable}

    assert {"source.name", "source.include", "api.hosts"} <= without
    assert "api.port" not in without


def test_every_command_is_a_chapter_with_its_options() -> None:
    page = reference.command_line_page(app)

    assert "## headwater eval run" in page
    for command in app.registered_commands:
        assert f"## headwater {command.name}" in page
    assert "| `-k` | whole number, 1 to 50 | `7` | How many chunks. |" in page


def test_examples_are_shown_as_commands() -> None:
    page = reference.command_line_page(app)

    assert "$ headwater up ~/project --root docs --port 8000" in page
    assert "Example" not in page
