"""A git source against real git: every kind of location and ref, hostile repositories, and crashes."""

import asyncio
import os
import shutil
import subprocess
import threading
from collections.abc import Iterator
from functools import partial
from http.server import BaseHTTPRequestHandler, SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from ingest.adapters.git import GitReader
from ingest.core.tree import Head
from schemas.errors import BadSource, SourceUnreachable

RAY = Path(__file__).parents[2].parent / "shared" / "data" / "ray-docs" / "history.bundle"
LONG = "".join(f"line {number} of a page\n" for number in range(40))


def git(*arguments: str, at: Path) -> str:
    who = ["-c", "user.name=docs", "-c", "user.email=docs@example.org"]
    done = subprocess.run(
        ["git", *who, *arguments], cwd=at, check=True, capture_output=True, text=True
    )
    return done.stdout.strip()


def commit(work: Path, **files: str) -> str:
    for name, text in files.items():
        (work / f"{name}.md").write_text(text)
    git("add", "-A", at=work)
    git("commit", "-q", "--allow-empty", "-m", "change", at=work)
    return git("rev-parse", "HEAD", at=work)


@pytest.fixture
def work(tmp_path: Path) -> Path:
    """A repository with one commit on `main`."""
    folder = tmp_path / "work"
    git("init", "-q", "-b", "main", str(folder), at=tmp_path)
    commit(folder, a="one\n")
    return folder


@pytest.fixture
def mirror(tmp_path: Path) -> Path:
    return tmp_path / "mirrors" / "docs.git"


def reader_of(location: Path | str, mirror: Path, ref: str | None = None) -> GitReader:
    return GitReader(str(location), ref=ref, mirror=mirror, name="docs")


def head_of(reader: GitReader) -> Head:
    return asyncio.run(reader.head())


def names_at(reader: GitReader, commit_id: str) -> set[str]:
    return set(asyncio.run(reader.tree(commit_id, under="")))


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


# --- hostile input


@pytest.mark.parametrize(
    "location",
    [
        "ext::sh -c 'touch CANARY'",
        "fd::17",
        "transport::address",
        "file:///etc",
        "file://host/etc",
        "ftp://example.org/x.git",
        "--upload-pack=touch CANARY",
        "-u",
        "ssh://-oProxyCommand=touch%20CANARY/x",
        "ssh://-oProxyCommand=touch CANARY@host/x",
        "-oProxyCommand=touch CANARY:x",
        "git@-oProxyCommand=x:path",
        "ssh://host/-x",
        "host:-x",
        "https:///x",
        "https://ho st/x",
        "https://host/\nx",
        "ssh://host:port/x",
        "javascript:alert(1)://x",
        "",
        "   ",
    ],
)
def test_s10_a_location_that_could_run_something_is_refused_before_git_starts(
    tmp_path: Path, location: str
) -> None:
    canary = tmp_path / "canary"
    mirror = tmp_path / "m.git"

    with pytest.raises(BadSource):
        head_of(reader_of(location.replace("CANARY", str(canary)), mirror))

    assert not canary.exists()
    assert not mirror.exists()


@pytest.mark.parametrize(
    "ref",
    [
        "--upload-pack=touch x",
        "-x",
        "a:b",
        "+main",
        "^main",
        "a..b",
        "a b",
        "*",
        "refs/heads/*",
        "@{-1}",
        "a\nb",
        "",
    ],
)
def test_s10_a_ref_that_is_no_ref_is_refused_at_the_start(tmp_path: Path, ref: str) -> None:
    with pytest.raises(BadSource):
        reader_of(tmp_path, tmp_path / "m.git", ref)


def test_s11_nothing_that_a_repository_brings_along_is_run(work: Path, mirror: Path) -> None:
    canary = work.parent / "canary"
    script = f"#!/bin/sh\ntouch {canary}\n"
    (work / ".gitattributes").write_text("* filter=evil diff=evil textconv=evil\n")
    (work / ".gitmodules").write_text('[submodule "x"]\n\tpath = x\n\turl = http://127.0.0.1:9/x\n')
    (work / ".lfsconfig").write_text("[lfs]\n\turl = http://127.0.0.1:9/x\n")
    git(
        "update-index",
        "--add",
        "--cacheinfo",
        "160000,1234567890123456789012345678901234567890,x",
        at=work,
    )
    base = commit(
        work, pointer="version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 5\n"
    )
    head = commit(work, a="two\n")
    for hook in ("post-checkout", "reference-transaction", "pre-receive", "post-upload-pack"):
        (work / ".git" / "hooks" / hook).write_text(script)
        (work / ".git" / "hooks" / hook).chmod(0o755)
    for setting in (
        "filter.evil.smudge",
        "diff.evil.command",
        "diff.evil.textconv",
        "core.fsmonitor",
    ):
        git("config", setting, f"touch {canary}", at=work)
    canary.unlink(missing_ok=True)
    reader = reader_of(work, mirror)

    found = head_of(reader)
    asyncio.run(reader.change(base, head))
    read = asyncio.run(reader.read(head, ["a.md", "x", "pointer.md", ".git/config"]))

    assert found.commit == head
    assert not canary.exists()
    assert read.keys() == {"a.md", "pointer.md"}
    assert "x" not in names_at(reader, head)


def test_s11_a_tree_with_names_that_lead_outside_is_only_names(work: Path, mirror: Path) -> None:
    blob = git("hash-object", "-w", "a.md", at=work)
    inner = subprocess.run(
        ["git", "mktree"],
        cwd=work,
        input=f"100644 blob {blob}\tx.md\n",
        check=True,
        capture_output=True,
        text=True,
    ).stdout.strip()
    evil = subprocess.run(
        ["git", "mktree"],
        cwd=work,
        input=f"040000 tree {inner}\t..\n040000 tree {inner}\t.git\n100644 blob {blob}\ta.md\n",
        check=True,
        capture_output=True,
        text=True,
    ).stdout.strip()
    head = git("commit-tree", evil, "-m", "evil", at=work)
    git("update-ref", "refs/heads/main", head, at=work)
    reader = reader_of(work, mirror, "main")
    head_of(reader)

    read = asyncio.run(reader.read(head, ["../x.md", ".git/x.md", "a.md"]))

    assert "../x.md" not in read
    assert "../x.md" not in names_at(reader, head)
    assert (read["a.md"].data, (work.parent / "x.md").exists()) == (b"one\n", False)


def test_the_variables_of_a_hook_do_not_lead_git_astray(
    work: Path, mirror: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = tmp_path / "other"
    git("init", "-q", str(other), at=tmp_path)
    commit(other, wrong="wrong\n")
    for name, value in {
        "GIT_DIR": str(other / ".git"),
        "GIT_WORK_TREE": str(other),
        "GIT_INDEX_FILE": str(other / ".git" / "index"),
        "GIT_OBJECT_DIRECTORY": str(other / ".git" / "objects"),
        "GIT_CONFIG_PARAMETERS": "'core.bare=false'",
        "GIT_PREFIX": "x/",
        "GIT_NAMESPACE": "ns",
    }.items():
        monkeypatch.setenv(name, value)
    reader = reader_of(work, mirror)

    head = head_of(reader)

    assert names_at(reader, head.commit) == {"a.md"}


# --- crashes


def test_a_mirror_that_a_crash_left_broken_is_made_again(work: Path, mirror: Path) -> None:
    reader = reader_of(work, mirror)
    before = head_of(reader)
    for file in (mirror / "objects").rglob("*"):
        if file.is_file():
            file.chmod(0o644)
            file.write_bytes(b"")
    last = commit(work, b="b\n")

    head = head_of(reader)

    assert head.commit == last
    assert names_at(reader, last) == {"a.md", "b.md"}
    assert names_at(reader, before.commit) == {"a.md"}


@pytest.mark.parametrize("broken", ["HEAD", "objects", "all"])
def test_a_mirror_that_is_no_repository_any_more_is_made_again(
    work: Path, mirror: Path, broken: str
) -> None:
    reader = reader_of(work, mirror)
    before = head_of(reader)
    match broken:
        case "HEAD":
            (mirror / "HEAD").write_bytes(b"")
        case "objects":
            shutil.rmtree(mirror / "objects")
        case "all":
            shutil.rmtree(mirror)

    assert head_of(reader) == before
    assert names_at(reader, before.commit) == {"a.md"}


def test_a_lost_file_in_the_mirror_is_noticed_and_healed_by_the_next_head(
    work: Path, mirror: Path
) -> None:
    reader = reader_of(work, mirror)
    head = head_of(reader)
    blob = git("rev-parse", "HEAD:a.md", at=work)
    (mirror / "objects" / blob[:2] / blob[2:]).unlink()

    with pytest.raises(SourceUnreachable):
        asyncio.run(reader.read(head.commit, ["a.md"]))
    head_of(reader)

    assert asyncio.run(reader.read(head.commit, ["a.md"]))["a.md"].data == b"one\n"


def test_the_locks_of_a_killed_git_do_not_stop_the_next_one(work: Path, mirror: Path) -> None:
    reader = reader_of(work, mirror)
    head_of(reader)
    locks = [mirror / "packed-refs.lock", mirror / "config.lock"]
    locks += [
        file.with_name(f"{file.name}.lock") for file in (mirror / "refs" / "headwater").iterdir()
    ]
    for lock in locks:
        lock.write_bytes(b"")
        os.utime(lock, (1, 1))
    last = commit(work, a="two\n")

    assert head_of(reader).commit == last


def test_a_lock_that_may_be_alive_is_respected(work: Path, mirror: Path) -> None:
    reader = reader_of(work, mirror)
    head_of(reader)
    (ref,) = (mirror / "refs" / "headwater").iterdir()
    lock = ref.with_name(f"{ref.name}.lock")
    lock.write_bytes(b"")
    commit(work, a="two\n")

    with pytest.raises(SourceUnreachable):
        head_of(reader)

    assert lock.exists()


def test_a_cancelled_head_leaves_no_git_behind_and_can_be_asked_again(
    work: Path, mirror: Path
) -> None:
    reader = reader_of(work, mirror)

    async def interrupt() -> Head:
        task = asyncio.create_task(reader.head())
        await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        return await reader.head()

    assert asyncio.run(interrupt()).commit == git("rev-parse", "HEAD", at=work)
    assert [path.name for path in mirror.parent.iterdir()] == [mirror.name]
