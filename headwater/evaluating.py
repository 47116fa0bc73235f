"""The commands of whoever measures how good answers are: `headwater eval`."""

import os
from pathlib import Path
from typing import Annotated

import typer

from headwater.cli import ConfigOption, JsonOption, run_command, settings_of
from schemas.answers import MAX_K

evaluation = typer.Typer(
    help="Questions with known sources: score retrieval on them, or make some.",
    no_args_is_help=True,
)


@evaluation.command("run")
def eval_run_command(
    questions: Annotated[
        Path, typer.Option("--questions", help='One {"question", "source"} a line.')
    ],
    k: Annotated[
        int, typer.Option("-k", min=1, max=MAX_K, help="Chunks placed in the context.")
    ] = 7,
    json: JsonOption = False,
    config: ConfigOption = None,
) -> None:
    """Score retrieval: how often the page that answers is among the k chunks."""
    from headwater.commands.evaluate import run_evaluation

    run_command(run_evaluation(settings_of(config), questions, k=k, env=os.environ, json=json))


@evaluation.command("synthesize")
def eval_synthesize_command(
    out: Annotated[
        Path, typer.Option("--out", "-o", help="Where the questions are written, one a line.")
    ],
    count: Annotated[
        int, typer.Option("--count", "-n", min=1, max=100_000, help="How many questions at most.")
    ] = 200,
    seed: Annotated[
        int,
        typer.Option("--seed", help="Another seed, other questions; the same, the same again."),
    ] = 7,
    source: Annotated[
        list[str] | None, typer.Option(help="Ask about this source alone; may be repeated.")
    ] = None,
    json: JsonOption = False,
    config: ConfigOption = None,
) -> None:
    """Make questions from the headings, names, sentences, lists and code of what is indexed, without a model.

    Examples:

      headwater eval synthesize --out questions.jsonl

      headwater eval synthesize --count 1000 --seed 3 --source guide --out guide.jsonl
    """
    from headwater.commands.synthesize import run_synthesis

    settings = settings_of(config)
    run_command(
        run_synthesis(settings, out, count=count, seed=seed, sources=source or [], json=json)
    )
