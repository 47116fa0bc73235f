"""The commands of a deployment: its processes, one part each, and its topics."""

import os
from typing import Annotated

import typer

from headwater.cli import ConfigOption, JsonOption, run_command, settings_of

topics = typer.Typer(help="The topics of a deployment.", no_args_is_help=True)

models = typer.Typer(
    help="Models that embed questions, and one that composes answers.", no_args_is_help=True
)

PortOption = Annotated[
    int | None,
    typer.Option(min=0, max=65_535, help="Port to answer on; 0 takes a free one."),
]


def serve_command(port: PortOption = None, config: ConfigOption = None) -> None:
    """Answer questions over HTTP, and nothing else.

    Example:

      headwater serve --port 8000
    """
    _run_part("serve", port, config)


def ingest_command(port: PortOption = None, config: ConfigOption = None) -> None:
    """Follow the sources and take webhooks; what changes goes to Kafka, for workers.

    One process at a time follows; another one waits to take over.

    Example:

      HEADWATER_KAFKA=broker:9092 headwater ingest --port 8001
    """
    _run_part("ingest", port, config)


def worker_command(port: PortOption = 0, config: ConfigOption = None) -> None:
    """Bring what Kafka carries into the index. Any number of workers share the partitions.

    Example:

      HEADWATER_KAFKA=broker:9092 headwater worker
    """
    _run_part("worker", port, config)


@topics.command("apply")
def topics_apply_command(
    check: Annotated[
        bool, typer.Option("--check", help="Only say what differs; exit 1 if anything does.")
    ] = False,
    json: JsonOption = False,
    config: ConfigOption = None,
) -> None:
    """Make the topics, and set what differs from what they have to be.

    Example:

      headwater topics apply --check
    """
    from headwater.commands.topics import run_topics

    run_command(run_topics(settings_of(config), env=os.environ, check=check, json=json))


@models.command("serve")
def models_serve_command(
    once: Annotated[
        bool, typer.Option("--once", help="Deploy and end, instead of seeing to it that they stay.")
    ] = False,
    config: ConfigOption = None,
) -> None:
    """Have Ray Serve embed questions, with the model of each index and the configured one.

    It starts again whatever ends, until it is told to end itself. The setting serve_url tells other processes the way.

    Example:

      HEADWATER_RAY_ADDRESS=auto headwater models serve
    """
    from headwater.commands.models import run_serve

    run_command(run_serve(settings_of(config), once=once))


@models.command("local")
def models_local_command(
    port: Annotated[
        int, typer.Option(min=0, max=65_535, help="Port on 127.0.0.1; 0 takes a free one.")
    ] = 8081,
    threads: Annotated[int, typer.Option(min=0, max=1_024, help="Threads; 0: all there are.")] = 0,
    config: ConfigOption = None,
) -> None:
    """Serve a small language model on this machine, for a first look at composed answers.

    It is SmolLM2-135M-Instruct, which answers simple questions from a short context and no others. What goes into
    headwater.toml is printed. It answers who sends its key, which is kept in a file of the home.

    Example:

      headwater models local --port 8081
    """
    from headwater.commands.local_model import run_local

    run_command(run_local(settings_of(config), port=port, threads=threads))


def _run_part(name: str, port: int | None, config: ConfigOption) -> None:
    from headwater.commands import up

    settings = settings_of(config)
    run_command(up.run(settings, env=os.environ, port=port, parts=frozenset({up.Part(name)})))
