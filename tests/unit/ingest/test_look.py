"""Laws of looking at pages: one page's trouble is its own, and what many include is read once."""

import asyncio
from collections.abc import Mapping, Sequence

import pytest

from ingest.adapters.memory import MemoryReader
from ingest.core.layout import Layout
from ingest.core.look import Look
from ingest.core.page_file import Examine, Examined, PageFile
from ingest.core.tree import FileContent
from ingest.handlers.look import look_at
from ingest.settings import SourceSettings
from schemas.errors import ParseTimeout, ReaderUnavailable, UnreadablePage
from schemas.formats import Dialect
from tests.support.reading import examine_here


class _Counting(MemoryReader):
    """Keeps what was read in one go."""

    def __init__(self) -> None:
        super().__init__()
        self.readings: list[Sequence[str]] = []

    async def read(self, commit: str, paths: Sequence[str]) -> Mapping[str, FileContent]:
        self.readings.append(paths)
        return await super().read(commit, paths)


def looked(
    files: Mapping[str, str], *, reader: MemoryReader | None = None, examine: Examine = examine_here
) -> dict[str, Look]:
    """Look at the pages among `files`, all of which are there."""
    reader = reader or MemoryReader()
    commit = reader.commit({path: text.encode() for path, text in files.items()})
    layout = Layout.of(SourceSettings(name="docs", location="."))
    pages = [page for path in files if (page := layout.page_path(path)) is not None]

    async def look() -> dict[str, Look]:
        seen = look_at(
            pages,
            layout=layout,
            reader=reader,
            commit=commit,
            dialect=Dialect.AUTO,
            examine=examine,
        )
        return {path: look async for path, look in seen if look is not None}

    return asyncio.run(look())


def test_a_page_that_is_too_large_does_not_stop_the_others() -> None:
    looks = looked(
        {
            "a.md": "---\nslug: /x\n---\n" + "```{include} big.txt\n```\n" * 3,
            "b.rst": "plain",
            "big.txt": "x" * 2**20,
        }
    )

    large, plain = looks["a.md"], looks["b.rst"]
    assert large.text is None
    assert "with its includes: " in large.refusal
    assert large.claim is not None
    assert large.claim.depends == {"big.txt"}
    assert large.claim.is_slug
    assert plain.text == "plain"


@pytest.mark.parametrize(
    ("error", "refusal"),
    [
        (ZeroDivisionError("a \0 bug"), "ZeroDivisionError: a   bug"),
        (ParseTimeout(3), "reading the page took more than 3 s"),
        (UnreadablePage("no page"), "no page"),
    ],
)
def test_a_page_that_cannot_be_examined_is_refused_and_the_others_go_on(
    error: Exception, refusal: str
) -> None:
    async def examine(page: PageFile, files: Mapping[str, str | None]) -> Examined:
        if page.path == "bad.md":
            raise error
        return await examine_here(page, files)

    looks = looked({"bad.md": "# Bad", "good.md": "# Good"}, examine=examine)

    bad, good = looks["bad.md"], looks["good.md"]
    assert (bad.text, bad.refusal) == (None, refusal)
    assert bad.claim is not None
    assert good.text == "# Good"


def test_an_outage_refuses_no_page() -> None:
    async def examine(page: PageFile, files: Mapping[str, str | None]) -> Examined:
        raise ReaderUnavailable("away")

    with pytest.raises(ReaderUnavailable):
        looked({"a.md": "# A"}, examine=examine)


def test_many_pages_cost_one_reading_for_each_level() -> None:
    reader = _Counting()
    page = ".. include:: sub/deep.txt\n\n.. include:: part.txt"
    files = {f"{n}.rst": page for n in range(60)}
    files |= {"sub/deep.txt": ".. include:: sibling.txt", "sub/sibling.txt": "sib", "part.txt": ""}

    looks = looked(files, reader=reader)

    included = [path for reading in reader.readings[1:] for path in reading]
    assert all("sib" in (look.text or "") for look in looks.values())
    assert len(reader.readings) == 3
    assert len(included) == len(set(included))
