"""Any history of a source, with any faults, ends in the index that a rebuild of its head gives."""

import asyncio
import itertools

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis.stateful import run_state_machine_as_test

from index.adapters.postgres.database import Database
from schemas.ids import SourceName
from tests.support.histories import Histories
from tests.support.shelves import MemoryShelf, PostgresShelf

CALM = settings(deadline=None, print_blob=True, suppress_health_check=list(HealthCheck))


def test_any_history_ends_in_a_rebuild_in_memory(runner: asyncio.Runner) -> None:
    class InMemory(Histories):
        def __init__(self) -> None:
            super().__init__(MemoryShelf(), SourceName("docs"), runner)

    run_state_machine_as_test(
        InMemory, settings=settings(CALM, max_examples=350, stateful_step_count=40)
    )


@pytest.mark.timeout(600)
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
            max_examples=40,
            stateful_step_count=40,
            phases=[Phase.explicit, Phase.reuse, Phase.generate],
        ),
    )
