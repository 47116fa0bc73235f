"""The texts around what a search found, in a real Postgres: of the state that it was found in, or none."""

import asyncio

import pytest

from index.adapters.postgres.database import Database
from index.adapters.postgres.search import PostgresSearch
from index.core.rank import QueryTerms, RankWeights
from schemas.ids import Generation
from tests.support.events import DIM, changed, deleted, put
from tests.support.shelves import PostgresShelf

TEXT = "# T\n\n" + "\n\n".join(f"Part{n} " + "is rather long. " * 20 for n in range(3))


@pytest.fixture
def shelf(postgres: Database) -> PostgresShelf:
    return PostgresShelf(postgres)


@pytest.fixture
def generation(shelf: PostgresShelf, runner: asyncio.Runner) -> Generation:
    info = runner.run(shelf.generations.create(fingerprint="f", model="m", dim=DIM))
    runner.run(shelf.generations.promote(info.generation))
    return info.generation


def test_a_chunk_is_found_with_the_nearest_of_its_own_section(
    shelf: PostgresShelf, generation: Generation, runner: asyncio.Runner
) -> None:
    parts = [
        f"Part{n} begins, and it is long enough that no other fits into its chunk."
        for n in range(11)
    ]
    text = "# T\n\nIntro.\n\n## One\n\n" + "\n\n".join(parts) + "\n\n## Two\n\nOther.\n"
    runner.run(put(changed("a.md", 1, text), generation, shelf.pages))
    search = PostgresSearch(shelf.database, weights=RankWeights())

    found = runner.run(
        search.candidates(vector=None, terms=QueryTerms(("part5",)), sources=None, limit=10)
    )
    assert found is not None
    chunk = found.chunks[0]
    around = runner.run(search.around(generation, [chunk]))[chunk.key]
    whole = "\n\n".join((*around.before, chunk.text, *around.after))

    assert found.generation == generation
    assert chunk.heading_path == ("T", "One")
    assert [part for part in parts if part.split(" ")[0] in whole] == parts[1:10]


def test_a_chunk_of_a_page_that_changed_or_went_since_has_nothing_around_it(
    shelf: PostgresShelf, generation: Generation, runner: asyncio.Runner
) -> None:
    for path in ("a.md", "b.md", "c.md"):
        runner.run(put(changed(path, 1, TEXT), generation, shelf.pages))
    search = PostgresSearch(shelf.database, weights=RankWeights())
    found = runner.run(
        search.candidates(vector=None, terms=QueryTerms(("part1",)), sources=None, limit=10)
    )
    assert found is not None

    runner.run(put(changed("a.md", 2, f"{TEXT}\n\nAnd more."), generation, shelf.pages))
    runner.run(put(deleted("b.md", 2), generation, shelf.pages))
    around = runner.run(search.around(generation, found.chunks))

    assert {chunk.key.path for chunk in found.chunks} == {"a.md", "b.md", "c.md"}
    assert {key.path for key in around} == {"c.md"}
    assert all(one.before or one.after for one in around.values())


def test_nothing_is_around_a_chunk_of_a_dropped_generation(
    shelf: PostgresShelf, generation: Generation, runner: asyncio.Runner
) -> None:
    runner.run(put(changed("a.md", 1, TEXT), generation, shelf.pages))
    search = PostgresSearch(shelf.database, weights=RankWeights())
    found = runner.run(
        search.candidates(vector=None, terms=QueryTerms(("part1",)), sources=None, limit=10)
    )
    assert found is not None
    assert found.chunks

    assert runner.run(search.around(Generation(generation + 99), found.chunks)) == {}
