"""A search that does not read all places of a question's terms, as in a large index."""

import asyncio

import pytest

from index.adapters.postgres import search
from index.adapters.postgres.database import Database
from index.adapters.postgres.search import PostgresSearch
from index.core.rank import Candidate, QueryTerms, RankWeights
from schemas.ids import Generation
from tests.support.events import DIM, SOURCE, changed, put
from tests.support.shelves import PostgresShelf

PAGES = 30
TERMS = QueryTerms(("common", "rare", "absent"))


@pytest.fixture
def store(postgres: Database, runner: asyncio.Runner) -> PostgresSearch:
    """Pages that all hold one word, and two of which hold another one."""
    shelf = PostgresShelf(postgres)
    info = runner.run(shelf.generations.create(fingerprint="f", model="m", dim=DIM))
    runner.run(shelf.generations.promote(info.generation))
    for number in range(PAGES):
        text = f"# Page {number}\n\n{'common ' * (number % 5 + 1)}{'rare' if number < 2 else ''}.\n"
        runner.run(put(changed(f"{number}.md", 1, text), info.generation, shelf.pages))
    runner.run(shelf.generations.refresh_statistics(Generation(1), SOURCE))
    return PostgresSearch(postgres, weights=RankWeights())


def found(store: PostgresSearch, runner: asyncio.Runner, limit: int = 100) -> dict[str, Candidate]:
    candidates = runner.run(store.candidates(vector=None, terms=TERMS, sources=None, limit=limit))
    assert candidates is not None
    return {one.key.path: one for one in candidates.chunks}


def test_the_rarest_terms_choose_and_all_of_them_count(
    store: PostgresSearch, runner: asyncio.Runner, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = found(store, runner)
    monkeypatch.setattr(search, "_MOST_POSTINGS", PAGES - 1)

    cut = found(store, runner)

    assert whole.keys() == {f"{number}.md" for number in range(PAGES)}
    assert cut.keys() == {"0.md", "1.md"}
    assert {path: one.lexical for path, one in cut.items()} == {
        path: pytest.approx(whole[path].lexical) for path in cut
    }


def test_one_term_is_read_however_many_places_it_has(
    store: PostgresSearch, runner: asyncio.Runner, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(search, "_MOST_POSTINGS", 0)
    candidates = runner.run(
        store.candidates(vector=None, terms=QueryTerms(("common",)), sources=None, limit=100)
    )

    assert candidates is not None
    assert len(candidates.chunks) == PAGES


def test_no_more_chunks_are_found_than_are_asked_for(
    store: PostgresSearch, runner: asyncio.Runner, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(search, "_MOST_POSTINGS", PAGES - 1)

    assert len(found(store, runner, limit=1)) == 1
