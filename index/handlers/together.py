"""Running a few things at once, and failing as one of them would alone."""

import asyncio
from collections.abc import Coroutine, Iterable

from index.core.failures import first_failure


async def run_together(work: Iterable[Coroutine[object, object, None]], *, at_once: int) -> None:
    """Run all of `work`, at most `at_once` at a time; the first failure ends the rest and is raised as it is."""
    room = asyncio.Semaphore(at_once)
    given = list(work)

    async def run(one: Coroutine[object, object, None]) -> None:
        async with room:
            await one

    try:
        async with asyncio.TaskGroup() as group:
            for one in given:
                group.create_task(run(one))
    except BaseExceptionGroup as failures:
        raise first_failure(failures) from None
    finally:
        for one in given:
            one.close()  # what was never begun
