"""A git source against real git: every kind of location and ref, and what is in them."""

import asyncio
import os
import threading
from collections.abc import Iterator
from functools import partial
from http.server import BaseHTTPRequestHandler, SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from schemas.errors import BadSource, SourceUnreachable
from tests.support.git_sources import commit, git, head_of, names_at, reader_of

RAY = Path(__file__).parents[2].parent / "shared" / "data" / "ray-docs" / "history.bundle"
LONG = "".join(f"line {number} of a page\n" for number in range(40))


# --- locations


@pytest.mark.parametrize(
    "kind", ["work tree", ".git", "bare", "linked work tree", "bundle", "shallow"]
)
def test_every_kind_of_local_repository_is_a_source(work: Path, mirror: Path, kind: str) -> None:
    place = work.parent / "place"
    last = commit(work, a="two\n")
    match kind:
        case "work tree":
            place = work
        case ".git":
            place = work / ".git"
        case "bare":
            git("clone", "-q", "--bare", str(work), str(place), at=work)
        case "linked work tree":
            git("worktree", "add", "-q", "-b", "linked", str(place), at=work)
            last = commit(place, b="on the linked branch\n")
        case "bundle":
            git("bundle", "create", "-q", str(place), "HEAD", "main", at=work)
        case "shallow":
            git("clone", "-q", "--depth=1", f"file://{work}", str(place), at=work)

    head = head_of(reader_of(place, mirror))

    assert head.commit == last


@pytest.fixture
def served(tmp_path: Path, work: Path) -> Iterator[str]:
    """The repository over HTTP, as any static server gives it."""
    git("clone", "-q", "--bare", str(work), str(tmp_path / "www" / "docs.git"), at=work)
    git("update-server-info", at=tmp_path / "www" / "docs.git")
    handler = partial(_Quiet, directory=str(tmp_path / "www"))
    yield from serve(ThreadingHTTPServer(("127.0.0.1", 0), handler))


class _Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *_: object) -> None:
        """Keep the test's output clean."""


class _Locked(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(401)
        self.send_header("WWW-Authenticate", "Basic realm=docs")
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Keep the test's output clean."""


def serve(server: ThreadingHTTPServer) -> Iterator[str]:
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


def test_a_repository_is_read_over_http(served: str, mirror: Path, work: Path) -> None:
    head = head_of(reader_of(f"http://{served}/docs.git", mirror, "main"))

    assert head.commit == git("rev-parse", "HEAD", at=work)


def test_a_remote_without_the_repository_is_a_bad_source(served: str, mirror: Path) -> None:
    with pytest.raises(BadSource, match="there is no such repository"):
        head_of(reader_of(f"http://{served}/other.git", mirror))


def test_a_refused_login_is_no_prompt_and_names_no_password(mirror: Path) -> None:
    for host in serve(ThreadingHTTPServer(("127.0.0.1", 0), _Locked)):
        reader = reader_of(f"http://docs-bot:s3cret@{host}/docs.git?private_token=t0ken", mirror)

        with pytest.raises(SourceUnreachable) as failure:
            head_of(reader)

        said = f"{failure.value} {failure.value.__cause__} {reader!r}"
        assert "Authentication failed" in said or "could not read" in said
        assert not {"s3cret", "t0ken", "docs-bot"} & set(said.replace("@", " ").split())
        assert "s3cret" not in said
        assert "t0ken" not in said


def test_a_host_that_does_not_answer_is_tried_again_later(mirror: Path) -> None:
    with pytest.raises(SourceUnreachable, match="connect"):
        head_of(reader_of("https://user:s3cret@127.0.0.1:9/docs.git", mirror))


@pytest.mark.parametrize(
    ("content", "told"),
    [
        ("text", "no git bundle: name the folder"),
        ("empty folder", "no git repository"),
        ("nothing", "no file or folder"),
    ],
)
def test_what_is_no_repository_is_a_bad_source(
    tmp_path: Path, mirror: Path, content: str, told: str
) -> None:
    place = tmp_path / "place"
    if content == "text":
        place.write_text("hello\n")
    elif content == "empty folder":
        place.mkdir()

    with pytest.raises(BadSource, match=told):
        head_of(reader_of(place, mirror))


def test_a_repository_without_commits_says_so(tmp_path: Path, mirror: Path) -> None:
    git("init", "-q", str(tmp_path / "empty"), at=tmp_path)

    with pytest.raises(BadSource, match="no commits yet"):
        head_of(reader_of(tmp_path / "empty", mirror))


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a folder away")
def test_a_repository_of_another_user_is_a_bad_source_with_a_way_out(
    work: Path, mirror: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", "/dev/null")
    for path in (work, work / ".git"):
        os.chown(path, 12345, 12345)

    with pytest.raises(BadSource, match=r"safe\.directory"):
        head_of(reader_of(work, mirror))


# --- refs


def test_without_a_ref_the_remote_decides_and_may_change_its_mind(work: Path, mirror: Path) -> None:
    reader = reader_of(work, mirror)
    first = head_of(reader)
    git("checkout", "-q", "-b", "next", at=work)
    moved = commit(work, b="on next\n")

    second = head_of(reader)

    assert first.commit != second.commit == moved


def test_a_branch_goes_before_a_tag_of_the_same_name(work: Path, mirror: Path) -> None:
    git("tag", "v1", at=work)
    git("checkout", "-q", "-b", "v1", at=work)
    on_branch = commit(work, b="branch\n")

    assert head_of(reader_of(work, mirror, "v1")).commit == on_branch


def test_an_annotated_tag_stands_for_its_commit(work: Path, mirror: Path) -> None:
    tagged = git("rev-parse", "HEAD", at=work)
    git("tag", "-a", "v1", "-m", "one", at=work)
    commit(work, a="later\n")

    assert head_of(reader_of(work, mirror, "v1")).commit == tagged


@pytest.mark.parametrize("as_bundle", [False, True])
def test_a_commit_can_be_pinned_where_a_branch_has_it(
    work: Path, mirror: Path, as_bundle: bool
) -> None:
    pinned = git("rev-parse", "HEAD", at=work)
    commit(work, a="later\n")
    place = work
    if as_bundle:
        place = work.parent / "docs.bundle"
        git("bundle", "create", "-q", str(place), "main", at=work)

    head = head_of(reader_of(place, mirror, pinned))

    assert head.commit == pinned


@pytest.mark.parametrize("ref", ["absent", "ab" * 20, "refs/heads/absent"])
def test_an_unknown_ref_is_a_bad_source_that_names_it(work: Path, mirror: Path, ref: str) -> None:
    with pytest.raises(BadSource, match=ref):
        head_of(reader_of(work, mirror, ref))


def test_a_deleted_branch_is_a_bad_source(work: Path, mirror: Path) -> None:
    git("branch", "gone", at=work)
    reader = reader_of(work, mirror, "gone")
    head_of(reader)
    git("branch", "-D", "gone", at=work)

    with pytest.raises(BadSource, match="gone"):
        head_of(reader)


def test_r12_a_force_push_is_followed_and_the_old_commit_stays_comparable(
    work: Path, mirror: Path
) -> None:
    reader = reader_of(work, mirror, "main")
    commit(work, a="two\n", b="b\n")
    old = head_of(reader)
    git("reset", "-q", "--hard", "HEAD~1", at=work)
    commit(work, c="other history\n")

    new = head_of(reader)
    change = asyncio.run(reader.change(old.commit, new.commit))

    assert change is not None
    assert change.paths == {"a.md", "b.md", "c.md"}
    assert asyncio.run(reader.covered(old.commit, new.commit)) == [new.commit]
    assert asyncio.run(reader.lost(old.commit, new.commit)) == [old.commit]


def test_readers_of_two_refs_share_a_mirror(work: Path, mirror: Path) -> None:
    git("branch", "old", at=work)
    commit(work, a="two\n")
    main, old = reader_of(work, mirror, "main"), reader_of(work, mirror, "old")

    async def both() -> set[tuple[str, str]]:
        found = set()
        for _ in range(8):
            heads = await asyncio.gather(main.head(), old.head())
            found.add((heads[0].commit, heads[1].commit))
        return found

    assert asyncio.run(both()) == {
        (git("rev-parse", "main", at=work), git("rev-parse", "old", at=work))
    }


def test_many_readers_of_one_mirror_do_not_trip_over_each_other(work: Path, mirror: Path) -> None:
    async def race() -> set[str]:
        readers = [reader_of(work, mirror, "main") for _ in range(8)]
        return {
            head.commit for head in await asyncio.gather(*(reader.head() for reader in readers))
        }

    for round_ in range(3):
        last = commit(work, a=f"round {round_}\n")
        assert asyncio.run(race()) == {last}


# --- content


def test_a_page_that_moved_and_was_edited_is_a_rename(work: Path, mirror: Path) -> None:
    base = commit(work, page=LONG)
    (work / "page.md").rename(work / "moved.md")
    head = commit(work, moved=LONG.replace("line 7", "line seven"))
    reader = reader_of(work, mirror)
    head_of(reader)

    change = asyncio.run(reader.change(base, head))

    assert change is not None
    assert change.renamed == {"moved.md": "page.md"}


def test_a_file_that_turns_into_a_symlink_has_changed_and_is_gone(work: Path, mirror: Path) -> None:
    base = git("rev-parse", "HEAD", at=work)
    (work / "a.md").unlink()
    (work / "a.md").symlink_to("/etc/passwd")
    head = commit(work)
    reader = reader_of(work, mirror)
    head_of(reader)

    change = asyncio.run(reader.change(base, head))

    assert change is not None
    assert change.paths == {"a.md"}
    assert names_at(reader, head) == set()


def test_a_name_that_is_no_utf8_is_left_out(work: Path, mirror: Path) -> None:
    base = git("rev-parse", "HEAD", at=work)
    (Path(os.fsdecode(os.fsencode(work) + b"/caf\xe9.md"))).write_text("latin\n")
    head = commit(work)
    reader = reader_of(work, mirror)
    head_of(reader)

    change = asyncio.run(reader.change(base, head))

    assert names_at(reader, head) == {"a.md"}
    assert change is not None
    assert change.paths == frozenset()


def test_the_real_history_is_read_from_its_bundle(mirror: Path) -> None:
    if not RAY.exists():
        pytest.skip("the history of the Ray documentation is not beside the repository")
    eval_reader, reader = reader_of(RAY, mirror, "eval"), reader_of(RAY, mirror)

    base, head = head_of(eval_reader), head_of(reader)
    tree = asyncio.run(eval_reader.tree(base.commit, under="doc/source"))
    covered = asyncio.run(reader.covered(base.commit, head.commit))
    texts = asyncio.run(eval_reader.read(base.commit, list(tree)))

    assert base.commit == "e5552b165b6213cf91f2cdfc6689d7743988ad56"
    assert head.commit == "a7e41295945aa590f4c66f36bdb10c745f40f3c1"
    assert len(tree) == len(texts) == 518
    assert len(covered) == 448
    assert all(len(texts[path].data or b"") == entry.size_bytes for path, entry in tree.items())


# --- bundles that are not whole


@pytest.mark.parametrize("keep", [0.0, 0.02, 0.5, 0.999])
def test_a_cut_off_bundle_is_one_clear_line_and_leaves_the_mirror_as_it_was(
    work: Path, mirror: Path, keep: float
) -> None:
    bundle = work.parent / "docs.bundle"
    git("bundle", "create", "-q", str(bundle), "main", at=work)
    reader = reader_of(bundle, mirror)
    before = head_of(reader)
    commit(work, a="two\n", b=LONG)
    git("bundle", "create", "-q", str(bundle), "main", at=work)
    whole = bundle.read_bytes()
    bundle.write_bytes(whole[: int(len(whole) * keep)])

    with pytest.raises(BadSource) as failure:
        head_of(reader)
    bundle.write_bytes(whole)

    assert "\n" not in str(failure.value)
    assert names_at(reader, before.commit) == {"a.md"}
    assert head_of(reader).commit != before.commit


def test_a_bundle_that_builds_on_absent_commits_says_so(work: Path, mirror: Path) -> None:
    commit(work, a="two\n")
    bundle = work.parent / "part.bundle"
    git("bundle", "create", "-q", str(bundle), "main~1..main", at=work)

    with pytest.raises(BadSource, match="builds on commits"):
        head_of(reader_of(bundle, mirror))
