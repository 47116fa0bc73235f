"""The contract of `SourceReader`, kept by memory, git and folder alike."""

import asyncio
import os
from collections.abc import Callable, Coroutine
from datetime import UTC, datetime
from pathlib import Path

import pytest

from ingest.core.tree import MAX_FILE_BYTES, FileEntry, Head, blob_of
from tests.support.source_rigs import Files, FolderRig, GitRig, MemoryRig, Rig, git

FIRST: Files = {
    "docs/a.md": b"one\n",
    "docs/sub/b.rst": b"two\n",
    "docsx/c.md": b"three\n",
    "top.md": b"four\n",
}
ODD_NAMES = (
    "a b.md",
    "día.md",
    "-dash.md",
    ":(glob)x.md",
    "a*b?[c].md",
    'quote".md',
    "new\nline.md",
    "tab\t.md",
    "docs/ünï/x.md",
)


@pytest.fixture(params=[MemoryRig, FolderRig, GitRig], ids=["memory", "folder", "git"])
def rig(request: pytest.FixtureRequest, tmp_path: Path) -> Rig:
    make: Callable[[Path], Rig] = request.param
    return make(tmp_path)


def wait(work: Coroutine[object, object, None]) -> None:
    asyncio.run(work)


async def heads(rig: Rig, *states: Files) -> list[Head]:
    found = []
    for files in states:
        rig.put(files)
        found.append(await rig.reader.head())
    return found


def test_the_head_stays_until_something_changes(rig: Rig) -> None:
    async def law() -> None:
        (first,) = await heads(rig, FIRST)
        again = await rig.reader.head()
        (second,) = await heads(rig, {**FIRST, "top.md": b"changed\n"})

        assert again == first
        assert second.commit != first.commit
        assert first.committed_at.utcoffset() is not None
        assert datetime(2020, 1, 1, tzinfo=UTC) < second.committed_at

    wait(law())


def test_a_tree_lists_every_file_below_a_folder_and_nothing_beside_it(rig: Rig) -> None:
    async def law() -> None:
        (head,) = await heads(rig, FIRST)

        whole = await rig.reader.tree(head.commit, under="")
        docs = await rig.reader.tree(head.commit, under="docs")

        assert whole == {path: entry_of(data) for path, data in FIRST.items()}
        assert docs.keys() == {"docs/a.md", "docs/sub/b.rst"}
        assert await rig.reader.tree(head.commit, under="docs/") == docs

    wait(law())


@pytest.mark.parametrize("under", ["absent", "top.md", "docs/a", "../docs", "docs/../docs", "*"])
def test_a_folder_that_is_not_there_is_empty(rig: Rig, under: str) -> None:
    async def law() -> None:
        (head,) = await heads(rig, FIRST)

        assert await rig.reader.tree(head.commit, under=under) == {}

    wait(law())


def test_equal_bytes_have_one_blob_in_every_kind_of_source(rig: Rig) -> None:
    async def law() -> None:
        (head,) = await heads(rig, {"a.md": b"same", "b.md": b"same", "empty.md": b""})

        tree = await rig.reader.tree(head.commit, under="")

        assert tree["a.md"] == tree["b.md"] == entry_of(b"same")
        assert tree["empty.md"].size_bytes == 0

    wait(law())


def test_an_older_tree_stays_readable_after_a_newer_head(rig: Rig) -> None:
    async def law() -> None:
        old, _ = await heads(rig, FIRST, {"only.md": b"new"})

        assert (await rig.reader.tree(old.commit, under="")).keys() == FIRST.keys()

    wait(law())


def test_a_change_names_what_was_added_edited_and_deleted(rig: Rig) -> None:
    after = {
        "docs/a.md": b"edited\n",
        "docs/sub/b.rst": b"two\n",
        "top.md": b"four\n",
        "new.md": b"new\n",
    }

    async def law() -> None:
        base, head = await heads(rig, FIRST, after)

        change = await rig.reader.change(base.commit, head.commit)

        assert change is not None
        assert change.paths == {"docs/a.md", "docsx/c.md", "new.md"}
        assert change.renamed == {}

    wait(law())


def test_a_moved_file_is_known_by_its_content(rig: Rig) -> None:
    data = b"a page long enough to be told apart\n" * 5

    async def law() -> None:
        base, head = await heads(
            rig, {"old.md": data, "k.md": b"k"}, {"new/moved.md": data, "k.md": b"k"}
        )

        change = await rig.reader.change(base.commit, head.commit)

        assert change is not None
        assert change.paths == {"old.md", "new/moved.md"}
        assert change.renamed == {"new/moved.md": "old.md"}

    wait(law())


def test_one_old_page_moves_to_one_new_page_only(rig: Rig) -> None:
    data = b"a page long enough to be told apart\n" * 5

    async def law() -> None:
        base, head = await heads(rig, {"old.md": data}, {"x.md": data, "y.md": data})

        change = await rig.reader.change(base.commit, head.commit)

        assert change is not None
        assert change.paths == {"old.md", "x.md", "y.md"}
        assert len([new for new, old in change.renamed.items() if old == "old.md"]) == 1

    wait(law())


def test_nothing_differs_between_a_commit_and_itself(rig: Rig) -> None:
    async def law() -> None:
        (head,) = await heads(rig, FIRST)

        change = await rig.reader.change(head.commit, head.commit)

        assert change is not None
        assert (change.paths, change.renamed) == (frozenset(), {})

    wait(law())


@pytest.mark.parametrize("base", ["0" * 40, "folder:" + "0" * 64, "gone", "--output=x", ""])
def test_a_base_that_is_not_to_be_had_is_no_error(rig: Rig, base: str) -> None:
    async def law() -> None:
        (head,) = await heads(rig, FIRST)

        assert await rig.reader.change(base, head.commit) is None

    wait(law())


def test_reading_gives_bytes_and_leaves_out_what_is_absent(rig: Rig) -> None:
    async def law() -> None:
        (head,) = await heads(rig, FIRST)

        read = await rig.reader.read(head.commit, ["top.md", "docs/sub/b.rst", "docs", "absent.md"])

        assert {path: content.data for path, content in read.items()} == {
            "top.md": b"four\n",
            "docs/sub/b.rst": b"two\n",
        }
        assert read["top.md"].blob == entry_of(b"four\n").blob
        assert await rig.reader.read(head.commit, []) == {}

    wait(law())


def test_odd_names_are_names_like_any_other(rig: Rig) -> None:
    files = {name: name.encode() for name in ODD_NAMES}

    async def law() -> None:
        base, head = await heads(rig, FIRST, files)

        read = await rig.reader.read(head.commit, list(files))
        change = await rig.reader.change(base.commit, head.commit)

        assert (await rig.reader.tree(head.commit, under="")).keys() == files.keys()
        assert {path: content.data for path, content in read.items()} == files
        assert change is not None
        assert change.paths == files.keys() | FIRST.keys()

    wait(law())


@pytest.mark.parametrize(
    "path",
    [
        "../top.md",
        "/etc/passwd",
        "docs/../top.md",
        "docs//a.md",
        "./top.md",
        "",
        ".",
        "top.md/",
        "a\0b",
    ],
)
def test_a_path_that_leads_elsewhere_reads_nothing(rig: Rig, path: str) -> None:
    async def law() -> None:
        (head,) = await heads(rig, FIRST)

        assert await rig.reader.read(head.commit, [path]) == {}

    wait(law())


def test_a_file_over_the_cap_is_listed_and_never_read(rig: Rig) -> None:
    files = {"big.md": b"x" * (MAX_FILE_BYTES + 1), "full.md": b"y" * MAX_FILE_BYTES}

    async def law() -> None:
        (head,) = await heads(rig, files)

        read = await rig.reader.read(head.commit, ["big.md", "full.md"])

        assert (read["big.md"].size_bytes, read["big.md"].data) == (MAX_FILE_BYTES + 1, None)
        assert read["full.md"].data == files["full.md"]

    wait(law())


def test_many_files_are_read_in_one_call(rig: Rig) -> None:
    files = {f"pages/{'long-name-' * 8}{number}.md": str(number).encode() for number in range(1500)}

    async def law() -> None:
        (head,) = await heads(rig, files)

        read = await rig.reader.read(head.commit, list(files))

        assert {path: content.data for path, content in read.items()} == files

    wait(law())


def test_the_commits_covered_end_at_the_head_and_leave_out_the_base(rig: Rig) -> None:
    async def law() -> None:
        base, middle, head = await heads(rig, FIRST, {"a.md": b"1"}, {"a.md": b"2"})

        covered = list(await rig.reader.covered(base.commit, head.commit))

        assert covered[0] == head.commit
        assert base.commit not in covered
        assert covered in ([head.commit, middle.commit], [head.commit])
        assert list(await rig.reader.covered(head.commit, head.commit)) == []
        assert (await rig.reader.covered(None, head.commit))[0] == head.commit
        assert (await rig.reader.covered("0" * 40, head.commit))[0] == head.commit

    wait(law())


def test_the_commits_lost_are_those_that_the_head_does_not_go_on_from(rig: Rig) -> None:
    """A folder has no history: none of its states holds another."""
    is_folder = isinstance(rig, FolderRig)

    async def law() -> None:
        base, middle, head = await heads(rig, FIRST, {"a.md": b"1"}, {"a.md": b"2"})
        lost = rig.reader.lost

        assert await lost(base.commit, head.commit) == (None if is_folder else [])
        assert await lost(head.commit, base.commit) == (
            None if is_folder else [head.commit, middle.commit]
        )
        assert await lost(None, head.commit) is None
        assert await lost("0" * 40, head.commit) is None

    wait(law())


def test_several_tasks_may_ask_for_the_head_at_once(rig: Rig) -> None:
    async def law() -> None:
        rig.put(FIRST)

        found = await asyncio.gather(*(rig.reader.head() for _ in range(5)))

        assert len(set(found)) == 1

    wait(law())


def test_closing_twice_is_closing_once(rig: Rig) -> None:
    async def law() -> None:
        await heads(rig, FIRST)

        await rig.reader.close()
        await rig.reader.close()

    wait(law())


def entry_of(data: bytes) -> FileEntry:
    return FileEntry(blob_of(data), len(data))


def test_a_symlink_is_no_file_anywhere(tmp_path: Path) -> None:
    async def law() -> None:
        for rig, root in (
            (GitRig(tmp_path), tmp_path / "work"),
            (FolderRig(tmp_path), tmp_path / "docs"),
        ):
            rig.put(FIRST)
            os.symlink("/etc/passwd", root / "passwd.md")
            os.symlink(root / "docs", root / "linked")
            if isinstance(rig, GitRig):
                git("add", "-A", at=root)
                git("commit", "-qm", "links", at=root)
            head = await rig.reader.head()

            assert (await rig.reader.tree(head.commit, under="")).keys() == FIRST.keys()
            assert await rig.reader.read(head.commit, ["passwd.md", "linked", "linked/a.md"]) == {}

    wait(law())
