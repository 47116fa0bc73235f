"""Following a folder: what is saved in it becomes a hint, a burst of saves one."""

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path

from headwater.following import FolderWatch
from ingest.adapters.folder import FolderReader

_WITHIN_S = 10.0


async def until(is_so: Callable[[], bool]) -> None:
    async with asyncio.timeout(_WITHIN_S):
        while not is_so():
            await asyncio.sleep(0.01)


def watch(folder: Path, change: Callable[[list[str]], Awaitable[None]]) -> list[str]:
    """Watch the folder while `change` runs. Returns: the hints."""
    hints: list[str] = []

    async def live() -> None:
        reader = FolderReader(folder, "notes")
        with FolderWatch(reader, folder, lambda: hints.append("hint")):
            await change(hints)
        await reader.close()

    asyncio.run(live())
    return hints


def test_a_saved_file_is_a_hint(tmp_path: Path) -> None:
    async def change(hints: list[str]) -> None:
        (tmp_path / "a.md").write_text("# A", "utf-8")
        await until(lambda: bool(hints))

    assert watch(tmp_path, change)


def test_a_file_in_a_new_folder_is_a_hint(tmp_path: Path) -> None:
    async def change(hints: list[str]) -> None:
        (tmp_path / "deep" / "er").mkdir(parents=True)
        await until(lambda: bool(hints))
        hints.clear()
        (tmp_path / "deep" / "er" / "a.md").write_text("# A", "utf-8")
        await until(lambda: bool(hints))

    assert watch(tmp_path, change)


def test_a_deleted_and_a_renamed_file_are_hints(tmp_path: Path) -> None:
    (tmp_path / "a.md").write_text("# A", "utf-8")
    (tmp_path / "b.md").write_text("# B", "utf-8")

    async def change(hints: list[str]) -> None:
        (tmp_path / "a.md").unlink()
        await until(lambda: bool(hints))
        hints.clear()
        (tmp_path / "b.md").rename(tmp_path / "c.md")
        await until(lambda: bool(hints))

    assert watch(tmp_path, change)


def test_a_burst_of_saves_is_far_fewer_hints(tmp_path: Path) -> None:
    async def change(hints: list[str]) -> None:
        for number in range(200):
            (tmp_path / f"{number}.md").write_text("# A", "utf-8")
        await until(lambda: bool(hints))

    assert len(watch(tmp_path, change)) <= 10


def test_reading_a_file_is_no_hint(tmp_path: Path) -> None:
    (tmp_path / "a.md").write_text("# A", "utf-8")
    seen: list[int] = []

    async def change(hints: list[str]) -> None:
        (tmp_path / "a.md").read_text("utf-8")
        seen.append(len(hints))
        (tmp_path / "last.md").write_text("# Last", "utf-8")
        await until(lambda: bool(hints))

    assert len(watch(tmp_path, change)) == 1
    assert seen == [0]
