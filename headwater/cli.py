"""What every command of the program shares: its common options, and how it is run and ended."""

import asyncio
import os
from collections.abc import Coroutine
from functools import partial
from pathlib import Path
from typing import Annotated, Any

import typer

from headwater.ending import hear_the_end, leave_within
from headwater.failing import fail
from headwater.settings import Settings, load_settings

EXIT_SIGNALLED = 128
_LEAVE_WITHIN_S = 4.0

ConfigOption = Annotated[
    Path | None,
    typer.Option("--config", help="Configuration file (default: headwater.toml here, if any)."),
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print one JSON value on stdout.")]


def settings_of(config: Path | None) -> Settings:
    """The configuration as this process sees it. Raises: BadConfiguration."""
    return load_settings(config, os.environ, folder=Path.cwd())


def run_command(command: Coroutine[Any, Any, int]) -> None:
    """Run a command to its end, which is the exit status."""
    raise typer.Exit(asyncio.run(_until_told(command)))


async def _until_told(command: Coroutine[Any, Any, int]) -> int:
    """A signal ends a command in order: what it holds is given back, its database is stopped.

    Once it has ended, what still hangs in a thread or task of its clients is not waited for.
    """
    task = asyncio.ensure_future(command)
    told: list[int] = []

    def tell(number: int) -> None:
        if not told:  # a second cancellation would break off the closing
            task.cancel()
        told.append(number)

    hear_the_end(tell)
    try:
        status = await task
    except asyncio.CancelledError:
        if not told:
            raise
        status = EXIT_SIGNALLED + told[0]
    except Exception as error:
        leave_within(_LEAVE_WITHIN_S, partial(fail, error))
        raise
    leave_within(_LEAVE_WITHIN_S, lambda: status)
    return status
