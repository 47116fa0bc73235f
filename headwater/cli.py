"""What every command of the program shares: its common options, and how it is run and ended."""

import asyncio
import os
from collections.abc import Coroutine
from pathlib import Path
from typing import Annotated, Any

import typer

from headwater.ending import hear_the_end
from headwater.settings import Settings, load_settings

EXIT_SIGNALLED = 128

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
    """A signal ends a command in order: what it holds is given back, its database is stopped."""
    task = asyncio.ensure_future(command)
    told: list[int] = []

    def tell(number: int) -> None:
        if not told:  # a second cancellation would break off the closing
            task.cancel()
        told.append(number)

    hear_the_end(tell)
    try:
        return await task
    except asyncio.CancelledError:
        if not told:
            raise
        return EXIT_SIGNALLED + told[0]
