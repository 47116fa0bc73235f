"""The child process that examines pages: it comes to what this process would, and never longer than it may take."""

import asyncio
import time
from pathlib import Path

import pytest

from ingest.adapters.examining_child import ExaminingChild
from ingest.core.examine import examine
from ingest.core.page_file import PageFile
from schemas.errors import ParseTimeout
from schemas.formats import Dialect, Format

CODE = "class A:\n    @property\n    def b(self):\n        return 1\n"


def page(text: str, *, format: Format = Format.RST) -> PageFile:
    return PageFile(text, f"a.{format}", f"docs/a.{format}", format, Dialect.AUTO, "docs")


def test_a_page_comes_to_the_same_in_a_child_process() -> None:
    asked = page(".. literalinclude:: a.py\n   :pyobject: A.b\n\n.. include:: missing.rst\n")
    listed = page("---\nslug: /here\ndraft: true\n---\n", format=Format.MARKDOWN)
    large = page(
        "---\nslug: /there\n---\n" + "```{include} a.py\n```\n" * 5, format=Format.MARKDOWN
    )
    huge = {"docs/a.py": "x\n" * 2**19}
    files = {"docs/a.py": CODE, "docs/missing.rst": None}

    async def use() -> None:
        async with ExaminingChild(timeout_s=60) as child:
            assert await child(asked, {}) == examine(asked, {})
            assert await child(asked, files) == examine(asked, files)
            assert await child(listed, {}) == examine(listed, {})
            assert await child(large, huge) == examine(large, huge)

    asyncio.run(use())


def test_a_page_that_takes_too_long_is_given_up_while_the_loop_runs_on() -> None:
    slow = "".join(f"def f{n}(): return {n} + {n} * {n}\n" for n in range(20_000))
    includes = ".. literalinclude:: a.py\n   :pyobject: f1\n\n"
    gaps: list[float] = []

    async def beat() -> None:
        while True:
            before_s = time.perf_counter()
            await asyncio.sleep(0.01)
            gaps.append(time.perf_counter() - before_s)

    async def use() -> None:
        async with ExaminingChild(timeout_s=0.2) as child:
            await child(page("warm"), {})
            beating = asyncio.create_task(beat())
            first = child.child.pid
            with pytest.raises(ParseTimeout):
                await child(page(includes), {"docs/a.py": slow})
            beating.cancel()

            assert (await child(page("next"), {})).expanded.text == "next"
            assert not Path(f"/proc/{first}").exists()

    asyncio.run(use())

    assert len(gaps) > 5


def test_a_file_named_for_each_of_its_objects_is_parsed_once() -> None:
    large = "".join(f"def f{n}(): return {n} + {n} * {n}\n" for n in range(8_000))
    includes = [f".. literalinclude:: a.py\n   :pyobject: f{n}\n\n" for n in range(30)]

    def seconds(text: str, code: str) -> float:
        start_s = time.process_time()
        examine(page(text), {"docs/a.py": code})
        return time.process_time() - start_s

    once_s = seconds(includes[0], large)

    assert seconds("".join(includes), f"{large}\n") < 10 * once_s
