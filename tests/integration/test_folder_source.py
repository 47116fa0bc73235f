"""A folder source on a real disk: what counts as a page's file, and what is noticed when."""

import asyncio
import os
from pathlib import Path

import pytest

from ingest.adapters.folder import FolderReader
from ingest.core.tree import FileEntry, Head, blob_of
from schemas.errors import BadSource, SourceUnreachable

LONG_AGO_NS = 1_600_000_000 * 10**9


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    place = tmp_path / "docs"
    (place / "sub").mkdir(parents=True)
    (place / "a.md").write_text("one\n")
    (place / "sub" / "b.md").write_text("two\n")
    return place


def head_of(reader: FolderReader) -> Head:
    return asyncio.run(reader.head())


def names_in(reader: FolderReader) -> set[str]:
    return set(asyncio.run(reader.tree(head_of(reader).commit, under="")))


@pytest.mark.parametrize(
    "name",
    [
        ".git/x.md",
        ".venv/lib/x.md",
        ".headwater/x.md",
        "node_modules/p/README.md",
        "sub/__pycache__/x.md",
        "a.md~",
        ".#a.md",
        "#a.md#",
        ".a.md.swp",
        "sub/.b.md.swx",
        "4913",
        "a.md___jb_tmp___",
        ".goutputstream-ABC",
        "a.md.part",
    ],
)
def test_what_tools_and_editors_leave_about_is_no_file(folder: Path, name: str) -> None:
    reader = FolderReader(folder, "docs")
    before = head_of(reader)
    (folder / name).parent.mkdir(parents=True, exist_ok=True)
    (folder / name).write_text("x\n")

    assert head_of(reader) == before
    assert names_in(reader) == {"a.md", "sub/b.md"}


def test_the_same_content_has_the_same_commit_wherever_and_whenever(
    folder: Path, tmp_path: Path
) -> None:
    other = tmp_path / "other"
    (other / "sub").mkdir(parents=True)
    (other / "sub" / "b.md").write_text("two\n")
    (other / "a.md").write_text("one\n")

    assert head_of(FolderReader(folder, "x")).commit == head_of(FolderReader(other, "y")).commit


def test_a_save_that_leaves_size_and_time_as_they_were_is_noticed(folder: Path) -> None:
    reader = FolderReader(folder, "docs")
    info = (folder / "a.md").stat()
    before = head_of(reader)
    (folder / "a.md").write_text("ONE\n")
    os.utime(folder / "a.md", ns=(info.st_atime_ns, info.st_mtime_ns))

    assert head_of(reader).commit != before.commit


def test_saves_in_quick_succession_are_all_noticed(folder: Path) -> None:
    reader = FolderReader(folder, "docs")
    commits = set()
    for number in range(100):
        (folder / "a.md").write_text(f"{number:03}\n")
        commits.add(head_of(reader).commit)

    assert len(commits) == 100


def test_a_file_put_in_place_by_rename_is_noticed(folder: Path) -> None:
    reader = FolderReader(folder, "docs")
    before = head_of(reader)
    (folder / "a.md.part").write_text("ONE\n")
    (folder / "a.md.part").rename(folder / "a.md")

    after = head_of(reader)

    change = asyncio.run(reader.change(before.commit, after.commit))
    assert change is not None
    assert change.paths == {"a.md"}


def test_the_head_is_as_old_as_the_last_change(folder: Path) -> None:
    for path in (folder / "a.md", folder / "sub" / "b.md", folder / "sub", folder):
        os.utime(path, ns=(LONG_AGO_NS, LONG_AGO_NS))

    assert head_of(FolderReader(folder, "docs")).committed_at.timestamp() == LONG_AGO_NS / 1e9


def test_a_time_in_the_future_is_not_believed(folder: Path) -> None:
    os.utime(folder / "a.md", ns=(4 * 10**18, 4 * 10**18))

    assert head_of(FolderReader(folder, "docs")).committed_at.timestamp() < 4 * 10**9


def test_a_file_saved_after_the_listing_is_never_mixed_into_the_older_state(folder: Path) -> None:
    reader = FolderReader(folder, "docs")
    head = head_of(reader)
    (folder / "a.md").write_text("later\n")

    with pytest.raises(SourceUnreachable, match="changed"):
        asyncio.run(reader.read(head.commit, ["a.md", "sub/b.md"]))
    later = asyncio.run(reader.read(head_of(reader).commit, ["a.md"]))

    assert later["a.md"].data == b"later\n"


def test_s11_a_folder_swapped_for_a_symlink_after_the_listing_gives_nothing(
    folder: Path, tmp_path: Path
) -> None:
    reader = FolderReader(folder, "docs")
    head = head_of(reader)
    (tmp_path / "secret").mkdir()
    (tmp_path / "secret" / "b.md").write_text("secret\n")
    (folder / "sub").rename(tmp_path / "old")
    (folder / "sub").symlink_to(tmp_path / "secret")

    with pytest.raises(SourceUnreachable):
        asyncio.run(reader.read(head.commit, ["sub/b.md"]))

    assert names_in(reader) == {"a.md"}


def test_a_pipe_is_no_file_and_stops_nobody(folder: Path) -> None:
    reader = FolderReader(folder, "docs")
    os.mkfifo(folder / "pipe.md")

    assert names_in(reader) == {"a.md", "sub/b.md"}


def test_a_file_that_turned_into_a_pipe_is_not_waited_for(folder: Path) -> None:
    reader = FolderReader(folder, "docs")
    head = head_of(reader)
    (folder / "a.md").unlink()
    os.mkfifo(folder / "a.md")

    with pytest.raises(SourceUnreachable):
        asyncio.run(reader.read(head.commit, ["a.md"]))


def test_a_folder_that_is_not_there_is_a_bad_source(folder: Path) -> None:
    with pytest.raises(BadSource, match="no folder"):
        head_of(FolderReader(folder / "absent", "docs"))
    with pytest.raises(BadSource, match="no folder"):
        head_of(FolderReader(folder / "a.md", "docs"))


def test_r32_a_folder_that_cannot_be_listed_is_an_error_and_no_deletion(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    reader = FolderReader(folder, "docs")
    before = head_of(reader)
    real = os.scandir

    def failing(path: Path) -> object:
        if str(path).endswith("sub"):
            raise PermissionError(13, "Permission denied", str(path))
        return real(path)

    monkeypatch.setattr(os, "scandir", failing)
    with pytest.raises(SourceUnreachable, match="Permission denied"):
        head_of(reader)
    monkeypatch.undo()

    assert head_of(reader) == before


def test_a_commit_of_long_ago_is_not_to_be_had(folder: Path) -> None:
    reader = FolderReader(folder, "docs")
    first = head_of(reader)
    for number in range(10):
        (folder / "a.md").write_text(f"{number}\n")
        last = head_of(reader)

    assert asyncio.run(reader.change(first.commit, last.commit)) is None
    with pytest.raises(SourceUnreachable):
        asyncio.run(reader.tree(first.commit, under=""))


@pytest.mark.parametrize(
    "kind", ["edit", "new", "delete", "new folder", "delete folder", "rename folder"]
)
def test_a_hint_leads_to_the_same_head_as_a_look_at_everything(folder: Path, kind: str) -> None:
    reader = FolderReader(folder, "docs")
    head_of(reader)
    match kind:
        case "edit":
            (folder / "a.md").write_text("edited\n")
            touched = [folder / "a.md"]
        case "new":
            (folder / "sub" / "c.md").write_text("new\n")
            touched = [folder / "sub" / "c.md"]
        case "delete":
            (folder / "a.md").unlink()
            touched = [folder / "a.md"]
        case "new folder":
            (folder / "x" / "y").mkdir(parents=True)
            (folder / "x" / "y" / "z.md").write_text("deep\n")
            touched = [folder / "x"]
        case "delete folder":
            (folder / "sub" / "b.md").unlink()
            (folder / "sub").rmdir()
            touched = [folder / "sub"]
        case _:
            (folder / "sub").rename(folder / "moved")
            touched = [folder / "sub", folder / "moved"]

    reader.touched(touched)
    hinted = head_of(reader)

    assert hinted.commit == head_of(FolderReader(folder, "fresh")).commit
    assert names_in(reader) == names_in(FolderReader(folder, "fresh"))


def test_a_hint_about_one_file_looks_at_no_other(folder: Path) -> None:
    reader = FolderReader(folder, "docs")
    head_of(reader)
    (folder / "a.md").write_text("edited\n")
    (folder / "sub" / "b.md").write_text("edited too\n")

    reader.touched([folder / "a.md"])
    hinted = asyncio.run(reader.tree(head_of(reader).commit, under=""))
    full = asyncio.run(reader.tree(head_of(reader).commit, under=""))

    assert hinted["sub/b.md"] == FileEntry(blob_of(b"two\n"), 4)
    assert full["sub/b.md"] == FileEntry(blob_of(b"edited too\n"), 11)


@pytest.mark.parametrize(
    "hint", [".git/index", "linked/x.md", "a.md~", "node_modules/x/y.md", "sub/link.md"]
)
def test_a_hint_takes_in_nothing_that_a_full_look_leaves_out(
    folder: Path, tmp_path: Path, hint: str
) -> None:
    (tmp_path / "secret").mkdir()
    (tmp_path / "secret" / "x.md").write_text("secret\n")
    (folder / "linked").symlink_to(tmp_path / "secret")
    (folder / "sub" / "link.md").symlink_to("/etc/passwd")
    reader = FolderReader(folder, "docs")
    before = head_of(reader)
    if not hint.startswith(("linked", "sub")):
        (folder / hint).parent.mkdir(parents=True, exist_ok=True)
        (folder / hint).write_text("x\n")

    reader.touched([folder / hint])

    assert head_of(reader).commit == before.commit
    assert names_in(reader) == {"a.md", "sub/b.md"}


def test_a_hint_from_elsewhere_means_a_look_at_everything(folder: Path, tmp_path: Path) -> None:
    link = tmp_path / "link"
    link.symlink_to(folder)
    reader = FolderReader(link, "docs")
    head_of(reader)
    (folder / "sub" / "b.md").write_text("edited\n")

    reader.touched([link / "sub" / "b.md"])
    tree = asyncio.run(reader.tree(head_of(reader).commit, under=""))

    assert tree["sub/b.md"].blob == blob_of(b"edited\n")
