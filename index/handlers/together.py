"""Running a few things at once, and failing as one of them would alone."""

import asyncio
from collections.abc import Coroutine, Iterable


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


def first_failure(failures: BaseExceptionGroup[BaseException]) -> BaseException:
    """The first failure in a group, however deep."""
    first = failures.exceptions[0]
    return first_failure(first) if isinstance(first, BaseExceptionGroup) else first
