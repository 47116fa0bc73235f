"""What a person is told while something takes long."""

import asyncio

import pytest

from headwater import console


def test_a_stage_is_told_of_only_where_it_takes_long(monkeypatch: pytest.MonkeyPatch) -> None:
    async def run(silent_s: float) -> list[str]:
        monkeypatch.setattr(console, "_SILENT_S", silent_s)
        said: list[str] = []
        with console.stage(said.append, "opening"):
            await asyncio.sleep(0.01)
        during = list(said)
        await asyncio.sleep(0.01)
        assert said == during
        return said

    assert asyncio.run(run(0.0)) == ["opening"]
    assert asyncio.run(run(60.0)) == []
