"""Any history of a source, with any faults, ends in the index that a rebuild of its head gives.

Each run draws other histories; `HISTORIES_TIMES` draws so many times more of them.
"""

import asyncio
import itertools
import os
import random
import string

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis.stateful import run_state_machine_as_test

from index.adapters.postgres.database import Database
from ingest.adapters.memory import MemoryReader
from ingest.settings import SourceSettings
from schemas.ids import SourceName
from tests.support.histories import Histories
from tests.support.pipeline import Pipeline
from tests.support.shelves import MemoryShelf, PostgresShelf, Shelf

TIMES = int(os.environ.get("HISTORIES_TIMES", "1"))
CALM = settings(deadline=None, print_blob=True, suppress_health_check=list(HealthCheck))


def test_any_history_ends_in_a_rebuild_in_memory(runner: asyncio.Runner) -> None:
    class InMemory(Histories):
        def __init__(self) -> None:
            super().__init__(MemoryShelf(), SourceName("docs"), runner)

    run_state_machine_as_test(
        InMemory, settings=settings(CALM, max_examples=200 * TIMES, stateful_step_count=40)
    )


@pytest.mark.timeout(600 * TIMES)
def test_any_history_ends_in_a_rebuild_in_postgres(
    postgres: Database, runner: asyncio.Runner
) -> None:
    """A failure is shown as it was found: making it smaller would take minutes."""
    shelf, numbers = PostgresShelf(postgres), itertools.count()

    class InPostgres(Histories):
        def __init__(self) -> None:
            runner.run(shelf.clear())
            super().__init__(shelf, SourceName(f"docs{next(numbers)}"), runner)

    run_state_machine_as_test(
        InPostgres,
        settings=settings(
            CALM,
            max_examples=25 * TIMES,
            stateful_step_count=40,
            phases=[Phase.explicit, Phase.reuse, Phase.generate],
        ),
    )


def test_names_longer_than_any_index_takes_hold_back_nothing_else(
    shelf: Shelf, runner: asyncio.Runner
) -> None:
    """The names are random, since an index packs what repeats."""
    letters = random.Random(1).choices(string.ascii_letters + "/", k=200_000)
    long = "".join(letters).replace("//", "/a").strip("/")
    reader, docs = MemoryReader(), SourceName("docs")
    pipeline = Pipeline(shelf, docs, reader, SourceSettings(name=docs, location="/d"), _nobody)

    async def shown() -> tuple[set[str], int]:
        await pipeline.sync()
        parked = (await shelf.rows(docs)).parked_now(generation)
        return set(await shelf.generations.dump(generation, docs)), len(parked)

    generation = runner.run(pipeline.add_generation())
    good = {"a.md": b"# A", "b.rst": b".. include:: " + long.encode()}
    reader.commit({**good, f"{long[:5000]}.md": b"# Long"})
    with_long = runner.run(shown())
    reader.commit({**good, f"{long[:5000]}.md": b"# Long and changed"})
    changed = runner.run(shown())
    reader.commit(good)
    without = runner.run(shown())

    assert with_long == changed == ({"a.md", "b.rst"}, 1)
    assert without == ({"a.md", "b.rst"}, 0)


async def _nobody(_: str) -> None:
    return None
