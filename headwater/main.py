"""The command line: reads the environment, runs one command, turns failures into exit statuses.

Each command imports its own module, so that `--help` and a wrong option need not wait for the libraries of all.
"""

import os
import signal
import sys
import traceback
from importlib import metadata
from typing import Annotated

import typer

from headwater.cli import EXIT_SIGNALLED, ConfigOption, JsonOption, run_command, settings_of
from headwater.commands.sources import SourceOptions, with_sources
from headwater.console import print_text, say
from headwater.deployment import (
    ingest_command,
    models,
    serve_command,
    topics,
    worker_command,
)
from headwater.evaluating import evaluation
from headwater.failing import fail
from headwater.operating import generation, parked
from headwater.routing import route
from headwater.seeing.logs import log_to_stderr
from ingest.settings import SourceKind
from schemas.answers import MAX_K, QueryRequest, SearchRequest

app = typer.Typer(
    help="Answers from the head of your docs: an index that follows every commit.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
)
Location = Annotated[
    list[str] | None,
    typer.Argument(help="A folder, repository, git URL or bundle; none: the configured sources."),
]
Question = Annotated[
    list[str],
    typer.Argument(help="The question, best in quotes: the shell reads some signs itself."),
]

Paths = Annotated[
    list[str] | None,
    typer.Option("--path", help="Look only in pages whose path matches; may be repeated."),
]
Version = Annotated[
    str | None, typer.Option(help="Look only in sources configured as of this version.")
]
MinCommit = Annotated[
    list[str] | None,
    typer.Option(
        metavar="SOURCE=COMMIT",
        help="Wait at most 10 s until this commit is searchable; may be repeated.",
    ),
]

Name = Annotated[str | None, typer.Option(help="The source's name (default: from the location).")]
Kind = Annotated[
    SourceKind | None, typer.Option(help="git or folder (default: told from the location).")
]
Ref = Annotated[str, typer.Option(help="Branch or tag (default: the repository's own).")]
Root = Annotated[str, typer.Option(help="The folder that holds the docs.")]
Include = Annotated[
    list[str] | None, typer.Option(help="Pattern of files to take; may be repeated.")
]
Exclude = Annotated[
    list[str] | None, typer.Option(help="Pattern of files to leave out; may be repeated.")
]
Url = Annotated[str, typer.Option(help="Page address from {path}, {stem}, {dir}, {pretty}.")]


def main() -> None:
    """Run the program; the one place where every failure becomes a line and an exit status."""
    log_to_stderr()
    try:
        status = app(prog_name="headwater", standalone_mode=False)  # what a command exits with
        sys.exit(status)
    except typer.Abort:
        sys.exit(EXIT_SIGNALLED + signal.SIGINT)
    except Exception as error:  # this process's boundary
        if os.environ.get("HEADWATER_DEBUG"):
            traceback.print_exception(error)
        sys.exit(fail(error))


def _print_version(is_asked: bool) -> None:
    if is_asked:
        print_text(f"headwater {metadata.version('headwater')}")
        raise typer.Exit


@app.callback()
def program(
    _version: Annotated[
        bool,
        typer.Option(
            "--version", help="Print the version.", is_eager=True, callback=_print_version
        ),
    ] = False,
) -> None:
    """Answers from the head of your docs: an index that follows every commit."""


@app.command("index")
def index_command(
    location: Location = None,
    name: Name = None,
    kind: Kind = None,
    ref: Ref = "",
    root: Root = "",
    include: Include = None,
    exclude: Exclude = None,
    url: Url = "",
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Say what would change; change nothing.")
    ] = False,
    json: JsonOption = False,
    config: ConfigOption = None,
) -> None:
    """Bring the index in step with the docs and wait until it is.

    Examples:

      headwater index ~/project/docs --kind folder

      headwater index https://github.com/ray-project/ray --root doc/source --url 'https://docs.ray.io/en/master/{stem}.html'
    """
    options = SourceOptions(
        locations=location,
        name=name,
        kind=kind,
        ref=ref,
        root=root,
        include=include,
        exclude=exclude,
        url=url,
    )
    from headwater.commands import index
    from headwater.commands.remembered import remember_sources

    settings = with_sources(settings_of(config), options)
    if location and not dry_run:
        remember_sources(settings)
    run_command(index.run(settings, env=os.environ, dry_run=dry_run, json=json))


@app.command("up")
def up_command(
    location: Location = None,
    port: Annotated[
        int | None, typer.Option(min=0, max=65_535, help="Port to answer on; 0 takes a free one.")
    ] = None,
    name: Name = None,
    kind: Kind = None,
    ref: Ref = "",
    root: Root = "",
    include: Include = None,
    exclude: Exclude = None,
    url: Url = "",
    config: ConfigOption = None,
) -> None:
    """Index, keep following the docs, and answer questions over HTTP, all on this machine.

    Example:

      headwater up ~/project --root docs --port 8000
    """
    options = SourceOptions(
        locations=location,
        name=name,
        kind=kind,
        ref=ref,
        root=root,
        include=include,
        exclude=exclude,
        url=url,
    )
    say("starting")  # what comes next takes seconds before it can say anything
    from headwater.commands import up
    from headwater.commands.remembered import remember_sources

    settings = with_sources(settings_of(config), options)
    if location:
        remember_sources(settings)
    run_command(up.run(settings, env=os.environ, port=port))


@app.command("search")
def search_command(
    question: Question,
    k: Annotated[int, typer.Option("-k", min=1, max=MAX_K, help="How many chunks.")] = 7,
    path: Paths = None,
    version: Version = None,
    min_commit: MinCommit = None,
    json: JsonOption = False,
    config: ConfigOption = None,
) -> None:
    """Find the chunks that answer a question, without composing an answer.

    Example:

      headwater search "how do I limit retries" -k 5
    """
    from headwater.commands import ask

    request = SearchRequest(
        question=" ".join(question),
        k=k,
        path=tuple(path) if path else None,
        version=version,
        min_commit=_commits(min_commit),
    )
    run_command(ask.run_search(settings_of(config), request, env=os.environ, json=json))


@app.command("ask")
def ask_command(
    question: Question,
    k: Annotated[
        int | None,
        typer.Option("-k", min=1, max=MAX_K, help="How many chunks (default: as configured)."),
    ] = None,
    route: Annotated[
        str,
        typer.Option(
            help="What is to answer: a configured role, or `extractive` (default: it is chosen)."
        ),
    ] = "",
    path: Paths = None,
    version: Version = None,
    min_commit: MinCommit = None,
    explain: Annotated[
        bool, typer.Option("--explain", help="Show why each section ranked where it did.")
    ] = False,
    json: JsonOption = False,
    config: ConfigOption = None,
) -> None:
    """Answer a question from the docs, with citations.

    On a terminal the answer appears while it is composed.

    Examples:

      headwater ask "how do I limit retries"

      headwater ask "how do I limit retries" --explain
    """
    from headwater.commands import ask

    request = QueryRequest(
        question=" ".join(question),
        k=k,
        route=route or None,
        path=tuple(path) if path else None,
        version=version,
        min_commit=_commits(min_commit),
        explain=explain,
    )
    run_command(ask.run_ask(settings_of(config), request, env=os.environ, json=json))


def _commits(given: list[str] | None) -> dict[str, str] | None:
    """Commits by source. Raises: typer.BadParameter."""
    pairs = [one.rpartition("=") for one in given or ()]
    if not all(source and commit for source, _, commit in pairs):
        raise typer.BadParameter("give SOURCE=COMMIT", param_hint="--min-commit")
    return {source: commit for source, _, commit in pairs} or None


@app.command("status")
def status_command(json: JsonOption = False, config: ConfigOption = None) -> None:
    """Show each source: the commit it reflects, what is behind and what is parked."""
    from headwater.commands import inspect

    run_command(inspect.run_status(settings_of(config), env=os.environ, json=json))


@app.command("verify")
def verify_command(
    location: Location = None,
    name: Name = None,
    kind: Kind = None,
    ref: Ref = "",
    root: Root = "",
    include: Include = None,
    exclude: Exclude = None,
    url: Url = "",
    repair: Annotated[bool, typer.Option("--repair", help="Publish what differs again.")] = False,
    vectors: Annotated[
        int, typer.Option("--vectors", min=0, help="Embed so many texts again and compare.")
    ] = 0,
    json: JsonOption = False,
    config: ConfigOption = None,
) -> None:
    """Rebuild every page from its source in memory and compare it with the index; exit 1 unless equal.

    Without a location and without configured sources, it is those that `index` and `up` were given here.

    Examples:

      headwater verify

      headwater verify ~/project/docs --kind folder
    """
    options = SourceOptions(
        locations=location,
        name=name,
        kind=kind,
        ref=ref,
        root=root,
        include=include,
        exclude=exclude,
        url=url,
    )
    from headwater.commands import inspect

    settings = with_sources(settings_of(config), options, may_lack=True)
    run_command(
        inspect.run_verify(settings, env=os.environ, repair=repair, vectors=vectors, json=json)
    )


@app.command("migrate")
def migrate_command(
    check: Annotated[
        bool, typer.Option("--check", help="Only say what is missing; exit 1 if anything is.")
    ] = False,
    json: JsonOption = False,
    config: ConfigOption = None,
) -> None:
    """Bring the database's schema up to date."""
    from headwater.commands import upkeep

    run_command(upkeep.run_migrate(settings_of(config), check=check, json=json))


app.command("serve")(serve_command)
app.command("ingest")(ingest_command)
app.command("worker")(worker_command)
app.add_typer(topics, name="topics")
app.add_typer(models, name="models")
app.add_typer(generation, name="generation")
app.add_typer(parked, name="parked")
app.add_typer(evaluation, name="eval")
app.add_typer(route, name="route")


if __name__ == "__main__":
    main()
