"""The commands of whoever routes questions to models: `headwater route`."""

from pathlib import Path
from typing import Annotated

import typer

from headwater.cli import ConfigOption, JsonOption, run_command, settings_of

route = typer.Typer(
    help="Which model answers a question, learned from labelled ones.", no_args_is_help=True
)

Labels = Annotated[
    Path,
    typer.Argument(
        metavar="FILE", help='One {"question", "target"} a line; 1 = the cheap model is enough.'
    ),
]


@route.command("train")
def route_train_command(
    file: Labels,
    output: Annotated[
        Path, typer.Option("--output", "-o", help="Where the router is written.")
    ] = Path("router.json"),
    evidence: Annotated[
        bool,
        typer.Option("--evidence", help="Weigh what the index finds for each question as well."),
    ] = False,
    catch: Annotated[
        float | None,
        typer.Option(
            "--catch",
            min=0,
            max=1,
            help="Set the threshold so that this share of the questions that take the strong model goes to it,"
            " by routers that were not trained on them (default: a threshold of 0.5).",
        ),
    ] = None,
    json: JsonOption = False,
    config: ConfigOption = None,
) -> None:
    """Train a router and say how good it is on questions it was not trained on.

    Examples:

      headwater route train labels.jsonl

      headwater route train labels.jsonl --evidence --catch 0.8 --output router.json
    """
    from headwater.commands.route import run_train

    run_command(
        run_train(settings_of(config), file, output, evidence=evidence, caught=catch, json=json)
    )


@route.command("eval")
def route_eval_command(
    file: Labels,
    model: Annotated[
        Path | None,
        typer.Option("--model", help="The router (default: as configured, else router.json here)."),
    ] = None,
    against: Annotated[
        Path | None, typer.Option("--against", help="Another router, to compare with in pairs.")
    ] = None,
    json: JsonOption = False,
    config: ConfigOption = None,
) -> None:
    """Say how good a router is on other labelled questions, beside always taking the cheap model.

    Examples:

      headwater route eval held-out.jsonl

      headwater route eval held-out.jsonl --model with-evidence.json --against query-only.json
    """
    from headwater.commands.route import run_eval

    settings = settings_of(config)
    configured = Path(settings.router.model) if settings.router.model else Path("router.json")
    run_command(run_eval(settings, file, model=model or configured, against=against, json=json))
