"""The commands of whoever runs an index: its generations, and what is parked."""

import os
from typing import Annotated

import typer

from headwater.cli import ConfigOption, JsonOption, run_command, settings_of

generation = typer.Typer(
    help="Whole indexes, one for each parser, chunker and model.", no_args_is_help=True
)
parked = typer.Typer(help="Pages and records that could not be applied.", no_args_is_help=True)

Number = Annotated[int, typer.Argument(min=1, help="The generation, as `list` numbers them.")]
Force = Annotated[
    bool, typer.Option("--force", help="Switch whatever it lacks, and however little it finds.")
]
Pages = Annotated[
    list[str] | None, typer.Argument(help="Pages, as `list` names them: source/path.")
]
Source = Annotated[str | None, typer.Option("--source", help="All of one source.")]
All = Annotated[bool, typer.Option("--all", help="All of them.")]


@generation.command("list")
def generation_list_command(json: JsonOption = False, config: ConfigOption = None) -> None:
    """Show every generation: what it was built with, what it holds and what it is for."""
    from headwater.commands.generation import run_list

    run_command(run_list(settings_of(config), json=json))


@generation.command("build")
def generation_build_command(
    model: Annotated[
        str | None, typer.Option("--model", help="Another embedding model (default: configured).")
    ] = None,
    target_chars: Annotated[
        int | None,
        typer.Option(
            "--target-chars",
            min=50,
            max=100_000,
            help="Another size of chunks (default: configured).",
        ),
    ] = None,
    json: JsonOption = False,
    config: ConfigOption = None,
) -> None:
    """Build a generation beside the live one, and wait until it is complete; `promote` switches.

    Changes flow into both meanwhile. Run again, it goes on where it was.

    Examples:

      headwater generation build --target-chars 800

      headwater generation build --model BAAI/bge-small-en-v1.5
    """
    from headwater.commands.generation import run_build

    run_command(
        run_build(
            settings_of(config), env=os.environ, model=model, target_chars=target_chars, json=json
        )
    )


@generation.command("promote")
def generation_promote_command(
    number: Number, force: Force = False, json: JsonOption = False, config: ConfigOption = None
) -> None:
    """Answer questions from a generation; the one that did is kept and goes on receiving changes.

    Exit status 1, and no switch, while it lacks pages or its vector index finds too little.

    Example:

      headwater generation promote 2
    """
    from headwater.commands.generation import run_promote

    run_command(run_promote(settings_of(config), number, force=force, json=json))


@generation.command("rollback")
def generation_rollback_command(
    force: Force = False, json: JsonOption = False, config: ConfigOption = None
) -> None:
    """Answer from the kept generation that was live last; no page goes back in time.

    Run again, it goes forward again.

    Example:

      headwater generation rollback
    """
    from headwater.commands.generation import run_rollback

    run_command(run_rollback(settings_of(config), force=force, json=json))


@generation.command("drop")
def generation_drop_command(
    number: Number, json: JsonOption = False, config: ConfigOption = None
) -> None:
    """Remove a generation that is not live, for good. One that is gone already is no mistake.

    Example:

      headwater generation drop 1
    """
    from headwater.commands.generation import run_drop

    run_command(run_drop(settings_of(config), number, json=json))


@parked.command("list")
def parked_list_command(
    source: Source = None, json: JsonOption = False, config: ConfigOption = None
) -> None:
    """Show what is parked, with the reason, and the records that were no event.

    Example:

      headwater parked list --source docs
    """
    from headwater.commands.parked import run_list

    run_command(run_list(settings_of(config), source=source, json=json))


@parked.command("replay")
def parked_replay_command(
    pages: Pages = None,
    source: Source = None,
    all_: All = False,
    json: JsonOption = False,
    config: ConfigOption = None,
) -> None:
    """Publish the newest state of parked pages again, and wait; exit 1 if one is parked again.

    Examples:

      headwater parked replay docs/guide/limits.md

      headwater parked replay --all
    """
    from headwater.commands.parked import Selection, run_replay

    selection = Selection(tuple(pages or ()), source, all_)
    run_command(run_replay(settings_of(config), selection, env=os.environ, json=json))


@parked.command("drop")
def parked_drop_command(
    pages: Pages = None,
    source: Source = None,
    all_: All = False,
    undecodable: Annotated[
        bool, typer.Option("--undecodable", help="The records that were no event.")
    ] = False,
    json: JsonOption = False,
    config: ConfigOption = None,
) -> None:
    """Take parkings out of sight: the pages stay as they are, until they change.

    Examples:

      headwater parked drop docs/old.md

      headwater parked drop --undecodable
    """
    from headwater.commands.parked import Selection, run_drop

    selection = Selection(tuple(pages or ()), source, all_)
    run_command(run_drop(settings_of(config), selection, undecodable=undecodable, json=json))
