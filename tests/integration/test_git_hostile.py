"""A git source against hostile locations and repositories, and what a crash left of its mirror."""

import asyncio
import os
import shutil
import subprocess
from pathlib import Path

import pytest

from ingest.core.tree import Head
from schemas.errors import BadSource, SourceUnreachable
from tests.support.git_sources import commit, git, head_of, names_at, reader_of

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
