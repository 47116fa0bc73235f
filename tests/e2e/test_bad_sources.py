"""Sources and configurations that cannot be: one clear line, its exit status, and the index as it was."""

import dataclasses
import os
from pathlib import Path

import pytest

from tests.support.program import FAKE, Program
from tests.support.repository import Repository, page
from tests.support.warm import Warm

GOOD = '[[source]]\nname = "docs"\nlocation = "docs"\n'


@pytest.fixture(scope="module")
def program(tmp_path_factory: pytest.TempPathFactory, module_database: str, warm: Warm) -> Program:
    """A program with one page indexed."""
    folder = tmp_path_factory.mktemp("sources")
    program = Program(folder, FAKE, warm, {"HEADWATER_DATABASE_URL": module_database})
    docs = Repository(folder / "docs")
    docs.write("a.md", page("A", "Words of the one page."))
    docs.commit()
    other = Repository(folder / "other")
    other.write("b.md", page("B", "Words that are only in the bundle."))
    other.commit()
    bundle = other.bundle(folder / "whole.bundle").read_bytes()
    (folder / "cut.bundle").write_bytes(bundle[:-40])
    (folder / "no.bundle").write_bytes(b"this is no bundle")
    (folder / "empty").mkdir()
    program.configure(GOOD)
    program.done("index")
    return program


@pytest.mark.parametrize(
    ("arguments", "status", "told"),
    [
        (["ext::sh -c 'touch owned'"], 2, "ext"),
        (["fd::17"], 2, ""),
        (["--", "--upload-pack=touch owned"], 2, ""),
        (["ssh://-oProxyCommand=touch owned/x"], 2, ""),
        (["gopher://localhost/x"], 2, "gopher"),
        (["docs", "--ref", "nowhere"], 2, "nowhere"),
        (["docs", "--ref", "--upload-pack=touch owned"], 2, ""),
        (["docs", "--root", "nowhere"], 2, "nowhere"),
        (["docs", "--root", "../.."], 2, ""),
        (["docs", "--include", "**/*.nothing"], 2, "*.nothing"),
        (["docs", "--include", "[a"], 2, "[a"),
        (["docs", "--url", "https://x/{nothing}"], 2, "nothing"),
        (["docs", "--name", "a/b"], 2, "a/b"),
        (["docs", "--name", ""], 2, "name"),
        (["docs", "--name", " "], 2, "name"),
        (["docs/a.md"], 2, "name the folder"),
        (["x" * 300], 2, "File name too long"),
        (["~nobody-of-that-name/docs"], 2, "nobody-of-that-name"),
        (["docs", "docs"], 2, "twice"),
        (["empty", "--kind", "folder"], 2, "matches"),
        (["missing", "--kind", "folder"], 2, "missing"),
        (["missing"], 2, "missing"),
        (["cut.bundle"], 2, "bundle"),
        (["no.bundle"], 2, "bundle"),
        (["http://127.0.0.1:1/none.git"], 3, "127.0.0.1"),
    ],
    ids=lambda given: " ".join(given)[:40] if isinstance(given, list) else None,
)
def test_a_source_that_cannot_be_is_refused_in_one_line(
    program: Program, arguments: list[str], status: int, told: str
) -> None:
    before = program.done("status")
    named = [] if "--name" in arguments or arguments == ["docs", "docs"] else ["--name", "docs"]

    ran = program.run("index", *named, *arguments)

    assert told in ran.complaint
    assert (ran.status, ran.out) == (status, "")
    assert program.done("status") == before
    assert not (program.folder / "owned").exists()


@pytest.mark.parametrize(
    ("config", "told"),
    [
        ("[chunking]\ntarget_charz = 5\n", "target_charz"),
        ("[nonsense]\n", "nonsense"),
        ("[chunking]\ntarget_chars = 'many'\n", "target_chars"),
        ("[chunking]\ntarget_chars = -1\n", "target_chars"),
        ("[chunking]\nread_timeout_s = 0\n", "read_timeout_s"),
        ("[retrieval]\ncandidates = 0\n", "candidates"),
        ("this is no toml", "headwater.toml"),
        (GOOD + GOOD, "docs"),
        (GOOD.replace('"docs"\nl', '"a/b"\nl'), "a/b"),
        (GOOD + "poll_s = -1\n", "poll_s"),
        ("", "no source"),
    ],
)
def test_a_configuration_that_cannot_be_is_refused_in_one_line(
    program: Program, tmp_path: Path, config: str, told: str
) -> None:
    (tmp_path / "headwater.toml").write_text(config, "utf-8")

    ran = program.run("index", "--config", str(tmp_path / "headwater.toml"))

    assert told in ran.complaint
    assert (ran.status, ran.out) == (2, "")


def test_a_webhook_secret_that_is_missing_stops_the_server(
    program: Program, tmp_path: Path
) -> None:
    config = tmp_path / "headwater.toml"
    config.write_text(GOOD + 'webhook_secret_env = "NO_SUCH_SECRET"\n', "utf-8")

    ran = program.run("up", "--config", str(config))

    assert "NO_SUCH_SECRET" in ran.complaint
    assert ran.status == 2


def test_a_configuration_file_that_is_named_and_missing_is_refused(program: Program) -> None:
    ran = program.run("status", "--config", "missing.toml")

    assert "missing.toml" in ran.complaint
    assert ran.status == 2


def test_a_database_that_cannot_be_reached_is_told_with_status_3(
    program: Program, warm: Warm
) -> None:
    env = {"HEADWATER_DATABASE_URL": "postgresql://user:hunter2@127.0.0.1:1/x"}
    cut_off = Program(program.folder, FAKE, warm, env)

    ran = cut_off.run("status")

    assert "database" in ran.complaint
    assert ran.status == 3
    assert "hunter2" not in ran.err


def test_a_database_url_that_is_none_is_refused(program: Program, warm: Warm) -> None:
    env = {"HEADWATER_DATABASE_URL": "nonsense://x"}
    cut_off = Program(program.folder, FAKE, warm, env)

    ran = cut_off.run("status")

    assert ran.complaint
    assert ran.status == 2


@pytest.mark.parametrize("home", ["/proc/headwater", "/proc", "headwater.toml"])
@pytest.mark.parametrize("command", ["index", "status", "migrate"])
def test_a_home_that_cannot_be_written_is_told_in_one_line(
    program: Program, warm: Warm, home: str, command: str
) -> None:
    homeless = Program(program.folder, FAKE, warm, {"HEADWATER_HOME": home})

    ran = homeless.run(command)

    assert home in ran.complaint
    assert ran.status == 2


READING = [
    ["search", "x"],
    ["ask", "x"],
    ["status"],
    ["verify"],
    ["verify", "docs"],
    ["verify", "docs", "--repair"],
    ["eval", "run", "--questions", "questions.jsonl"],
    ["eval", "synthesize", "--out", "made.jsonl"],
]


@pytest.mark.parametrize("is_embedded", [True, False])
def test_before_the_first_index_commands_that_read_say_so_and_make_nothing(
    database: str, warm: Warm, tmp_path: Path, is_embedded: bool
) -> None:
    env = {} if is_embedded else {"HEADWATER_DATABASE_URL": database}
    empty = Program(tmp_path, FAKE, warm, env)
    (tmp_path / "docs").mkdir()
    (tmp_path / "questions.jsonl").write_text('{"question": "x", "source": "x"}', "utf-8")

    for command in READING:
        ran = empty.run(*command)
        assert "nothing is indexed yet" in ran.complaint
        assert ran.status == 2
    assert not is_embedded or not empty.home.exists()


def test_a_check_of_the_schema_makes_no_database(warm: Warm, tmp_path: Path) -> None:
    empty = Program(tmp_path, FAKE, warm)

    ran = empty.run("migrate", "--check")

    assert ran.status == 1
    assert "missing 0001_base.sql" in ran.out
    assert not empty.home.exists()


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["up", "--port", "99999"], "--port"),
        (["ask", "x", "-k", "99"], "-k"),
        (["ask"], "question"),
        (["asks", "x"], "ask"),
        (["--nonsense"], "--nonsense"),
        (["index", "--kind", "svn"], "svn"),
    ],
)
def test_a_command_line_that_cannot_be_is_refused_in_one_line(
    program: Program, arguments: list[str], told: str
) -> None:
    ran = program.run(*arguments)

    assert told in ran.complaint
    assert "--help" in ran.complaint
    assert (ran.status, ran.out) == (2, "")


def test_a_question_needs_no_quotes(program: Program) -> None:
    found = program.done("search", "words", "of", "the", "page", "-k", "1")
    answer = program.done("ask", "words", "of", "the", "page", "-k", "1")

    assert found["question"] == answer["question"] == "words of the page"


def test_a_source_that_is_not_indexed_cannot_be_verified(program: Program) -> None:
    ran = program.run("verify", "other")

    assert "source other is not indexed yet" in ran.complaint
    assert ran.status == 2


def test_a_folder_inside_a_repository_is_said_to_be_followed_as_a_folder(program: Program) -> None:
    (program.folder / "other" / "sub").mkdir()
    (program.folder / "other" / "sub" / "c.md").write_text(page("C", "Words."), "utf-8")

    ran = program.run("index", "other/sub", "--dry-run")

    assert ran.status == 0
    assert f"inside the git repository {program.folder / 'other'}" in ran.err
    assert "--root sub" in ran.err


@pytest.mark.parametrize("question", ["", "   ", "\x1b", "a" * 200_000])
def test_a_question_that_is_none_is_refused_in_one_line(program: Program, question: str) -> None:
    ran = program.run("ask", question)

    assert ran.complaint
    assert ran.status == 2


def test_a_file_of_questions_that_is_none_is_refused(program: Program) -> None:
    missing = program.run("eval", "run", "--questions", "missing.jsonl")
    wrong = program.run("eval", "run", "--questions", "headwater.toml")

    assert "missing.jsonl" in missing.complaint
    assert "line 1" in wrong.complaint
    assert (missing.status, wrong.status) == (2, 2)


def test_a_repository_can_run_nothing_here(program: Program, tmp_path: Path) -> None:
    docs = Repository(program.folder / "hostile")
    docs.write("a.md", page("A", "Words."))
    docs.write(".gitattributes", "*.md filter=evil diff=evil\n")
    docs.commit()
    os.symlink("/etc/passwd", docs.folder / "passwd.md")
    docs.commit()
    docs.git("config", "filter.evil.smudge", f"touch {tmp_path}/owned")
    docs.git("config", "core.fsmonitor", f"touch {tmp_path}/owned")
    docs.git("config", "uploadpack.packObjectsHook", f"touch {tmp_path}/owned")

    report = program.done("index", "hostile")

    assert report["pages"]["added"] == 1
    assert not (tmp_path / "owned").exists()


@pytest.mark.parametrize(
    "arguments", [["missing"], ["docs", "--root", "nowhere"], ["empty", "--kind", "folder"]]
)
def test_a_first_start_that_could_answer_nothing_ends_with_the_reason(
    program: Program, database: str, tmp_path: Path, arguments: list[str]
) -> None:
    first = Program(program.folder, FAKE, None, {"HEADWATER_DATABASE_URL": database})
    home = {"HEADWATER_HOME": str(tmp_path / "home")}
    first = dataclasses.replace(first, env={**first.env, **home})

    ran = first.run("up", *arguments, "--port", "0")

    assert ran.status == 2, ran.err
    assert arguments[-1] in ran.err or "matches" in ran.err
    assert "Traceback" not in ran.err
