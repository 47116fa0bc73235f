"""Writes the reference of configuration and command line from the settings and the program itself.

`python -m headwater.reference` writes both pages; with `--check` it exits 1 when one of them differs.
"""

import argparse
import inspect
import re
import sys
import typing
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

import msgspec
import msgspec.inspect as shapes
import typer
from typer.models import ArgumentInfo, OptionInfo

from headwater.console import say
from headwater.main import app
from headwater.settings import Settings

FOLDER = Path(__file__).resolve().parents[1] / "docs" / "reference"
ALIASES = {
    "home": "HEADWATER_HOME",
    "database.url": "HEADWATER_DATABASE_URL",
    "kafka.servers": "HEADWATER_KAFKA",
    "ray.address": "HEADWATER_RAY_ADDRESS",
}

_LISTS = ("source", "llm")
"""Sections that may be there several times, which no variable can name."""

MEANINGS = {
    "source.kind": "What the source is read from: a git repository (URL, path or bundle file), or a"
    " folder as it stands.",
    "source.include": "Patterns of files to take, relative to `root`.",
    "source.exclude": "Patterns of files to leave out, relative to `root`; they win over `include`.",
    "source.dialect": "Which generator publishes the Markdown pages. `auto` looks for the generator's own"
    " configuration file, then at the syntax of each page.",
    "embedding.device": "Where texts are embedded: `auto`, `cpu`, or a device name of torch such as `cuda`.",
    "chunking.target_chars": "A chunk is closed once its text would pass so many characters.",
    "chunking.read_timeout_s": "Reading one page may take so many seconds; a page that takes longer is parked.",
    "kafka.security": "How the broker is spoken to: in the clear or by TLS, with or without a user.",
    "kafka.sasl_mechanism": "How the user proves to be one, where `security` begins with `SASL`.",
    "kafka.sasl_username": "The user, where `security` begins with `SASL`.",
    "kafka.ca_file": "The certificates that the broker's own is checked against; empty: those of the system.",
    "kafka.cert_file": "A certificate of ours, where the broker asks for one.",
    "kafka.key_file": "The key of that certificate.",
    "api.host": "The address to listen on.",
    "api.port": "The port to listen on; 0 takes a free one.",
    "api.hosts": "Names the server may be addressed by, beside `127.0.0.1`, `localhost` and `[::1]`. A name with a"
    " port is valid at that port alone.",
}
"""What a key means, where the settings' own docstring does not speak of it."""

_INTRODUCTION = """# Configuration

The configuration is the file `headwater.toml` in the current folder, or the file that `--config` names.
No file is needed when sources are named on the command line.

Relative paths start at the folder of the file. Any key outside of lists can also be set by an environment
variable, which wins over the file: `HEADWATER_<SECTION>__<KEY>`. An unknown key or a bad value stops the
program with exit status 2 and one line that names it. Secrets are given by the name of an environment
variable, never in the file.

This page is generated from the program; see [choosing what is indexed](../how-to/choose-what-is-indexed.md)
for examples.
"""

_COMMAND_LINE = """# Command line

The program is `.venv/bin/headwater` after `make install`. This page is generated from it.

Values go to stdout, everything else to stderr. With `--json` a command prints one JSON value on stdout
and nothing else there. Progress bars appear on a terminal only. `headwater --version` prints the version.

## Exit status

- Exit status 0 means that it is done.
- Exit status 1 means that a check did not hold: `verify`, `migrate --check` or `topics apply` found something, or
  `eval run` could not measure a question.
- Exit status 2 means wrong use, a wrong configuration, or a source that can never be read as configured.
- Exit status 3 means that something it needs cannot be reached: the database, the broker, the
  cluster or a repository.
- Exit status 4 means that a worker got nowhere while records waited for it, and is to be started again.
- Exit status 70 means an internal error; with the variable `HEADWATER_DEBUG` set to 1 the traceback is printed.
- Exit status 128 and more means that a signal ended it: 130 Ctrl-C, 143 SIGTERM. `up`, `ingest`, `worker` and
  `serve` end with 0 at either, or with the signal's after 25 seconds, where a deployment's process still hangs.
"""


def main() -> None:
    """Write the pages, or with `--check` compare them. Exit status 1: one differs."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help="compare only; exit 1 on a difference")
    is_check = parser.parse_args().check
    differing = [path for path, text in pages().items() if not _is_same(path, text)]
    for path in differing:
        say(
            f"{path.name} {'differs: run python -m headwater.reference' if is_check else 'written'}"
        )
        if not is_check:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(pages()[path], "utf-8")
    sys.exit(1 if is_check and differing else 0)


def pages() -> Mapping[Path, str]:
    """The pages as they should be, by where they stand."""
    return {
        FOLDER / "configuration.md": configuration_page(Settings),
        FOLDER / "command-line.md": command_line_page(app),
    }


def _is_same(path: Path, text: str) -> bool:
    return path.is_file() and path.read_text("utf-8") == text


@dataclass(frozen=True, slots=True)
class Key:
    """One key of the configuration: `name` has its section before it, "source.root"."""

    name: str
    type: str
    default: str
    variable: str
    meaning: str


def configuration_page(settings: type[msgspec.Struct]) -> str:
    """Every section with its keys, as Markdown."""
    parts = [_INTRODUCTION]
    for section, struct, keys in sections_of(settings):
        parts.append(f"{_section_heading(section)}\n\n{_first_paragraph(struct)}\n")
        parts.append(_table(("key", "type", "default", "variable", "meaning"), _rows(keys)))
    return "\n".join(parts)


def sections_of(settings: type[msgspec.Struct]) -> Iterator[tuple[str, type, list[Key]]]:
    """The top level as "", then each section with its struct."""
    top = _fields(settings)
    yield "", settings, [_key("", settings, field) for field in top if not _struct_of(field.type)]
    for field in top:
        if struct := _struct_of(field.type):
            yield field.name, struct, [_key(field.name, struct, key) for key in _fields(struct)]


def _fields(struct: type) -> Sequence[shapes.Field]:
    shape = shapes.type_info(struct)
    assert isinstance(shape, shapes.StructType)
    return shape.fields


def _struct_of(shape: shapes.Type) -> type | None:
    """The struct that a section, or each of a list of sections, is read into."""
    inner = shape.item_type if isinstance(shape, shapes.VarTupleType) else shape
    return inner.cls if isinstance(inner, shapes.StructType) else None


def _key(section: str, struct: type, field: shapes.Field) -> Key:
    name = f"{section}.{field.name}" if section else field.name
    is_variable = section not in _LISTS and not isinstance(field.type, shapes.VarTupleType)
    variable = ALIASES.get(name, f"HEADWATER_{section}__{field.name}".upper())
    return Key(
        name,
        _type(field.type),
        _default(field),
        f"`{variable}`" if is_variable else "",
        _told(struct, field.name) or MEANINGS.get(name, ""),
    )


def _told(struct: type, key: str) -> str:
    """The sentences of a struct's docstring that begin with a key, else those that speak of it."""
    text = " ".join(inspect.cleandoc(struct.__doc__ or "").split())
    sentences = re.split(r"(?<=[.!?]) (?=[A-Z`])", text)
    speaking = [sentence for sentence in sentences if f"`{key}`" in sentence]
    return " ".join([one for one in speaking if one.startswith(f"`{key}`")] or speaking)


def _type(shape: shapes.Type) -> str:
    match shape:
        case shapes.UnionType():
            kinds = [kind for kind in shape.types if not isinstance(kind, shapes.NoneType)]
            return " or ".join(map(_type, kinds))
        case shapes.VarTupleType():
            kind, of, rest = _type(shape.item_type).partition(" of ")
            return f"list of {kind}s{of}{rest}"
        case shapes.EnumType():
            return "one of " + ", ".join(f"`{choice.value}`" for choice in shape.cls)
        case shapes.IntType():
            return f"whole number{_bounds(shape)}"
        case shapes.FloatType():
            return f"number{_bounds(shape)}"
        case shapes.StructType():
            return "table of " + ", ".join(f"`{field.name}`" for field in shape.fields)
        case shapes.BoolType():
            return "`true` or `false`"
    return "text"


def _bounds(shape: shapes.IntType | shapes.FloatType) -> str:
    if shape.le is None:
        return ""
    least = f"above {shape.gt}" if shape.gt is not None else shape.ge
    return f", {least} to {shape.le}"


def _default(field: shapes.Field) -> str:
    if field.required:
        return "required"
    value = field.default
    if isinstance(value, msgspec.Struct):
        inner = msgspec.structs.asdict(value).items()
        return "`{ " + ", ".join(f"{key} = {one}" for key, one in inner) + " }`"
    if value is None or value == "" or value == ():
        return "empty"
    if isinstance(value, tuple):
        return "`[" + ", ".join(f'"{one}"' for one in value) + "]`"
    if isinstance(value, bool):
        return f"`{str(value).lower()}`"
    return f'`"{value}"`' if isinstance(value, str) else f"`{value}`"


def _section_heading(section: str) -> str:
    if not section:
        return "## Top level"
    return f"## `[[{section}]]`" if section in _LISTS else f"## `[{section}]`"


def _first_paragraph(struct: type) -> str:
    return " ".join(inspect.cleandoc(struct.__doc__ or "").partition("\n\n")[0].split())


def _rows(keys: Sequence[Key]) -> list[tuple[str, ...]]:
    return [
        (f"`{key.name.rpartition('.')[2]}`", key.type, key.default, key.variable, key.meaning)
        for key in keys
    ]


def _table(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A table without the columns that are empty in every row."""
    kept = [at for at in range(len(heads)) if any(row[at] for row in rows)]
    lines = [[heads[at] for at in kept], ["---"] * len(kept)]
    lines += [[row[at].replace("|", "\\|") for at in kept] for row in rows]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines) + "\n"


def command_line_page(program: typer.Typer) -> str:
    """Every command with its arguments, options and examples, as Markdown."""
    commands = [*_commands(program, "headwater")]
    return "\n".join([_COMMAND_LINE, *(_command(name, call) for name, call in commands)])


def _commands(program: typer.Typer, prefix: str) -> Iterator[tuple[str, typing.Any]]:
    """Each command's full name and callback, in the order of the program's help."""
    for command in program.registered_commands:
        yield f"{prefix} {command.name}", command.callback
    for group in program.registered_groups:
        if group.typer_instance is not None:
            yield from _commands(group.typer_instance, f"{prefix} {group.name}")


def _command(name: str, call: typing.Any) -> str:
    told, _, examples = inspect.cleandoc(call.__doc__ or "").partition("\nExample")
    hints = typing.get_type_hints(call, include_extras=True)
    parameters = [
        (parameter, *typing.get_args(hints[parameter.name])[:2])
        for parameter in inspect.signature(call).parameters.values()
    ]
    arguments = [one for one in parameters if isinstance(one[2], ArgumentInfo)]
    usage = " ".join([name, *(_argument_usage(one[0], one[1]) for one in arguments), "[OPTIONS]"])
    lines = [line.strip() for line in examples.partition("\n")[2].splitlines() if line.strip()]
    return "\n".join(
        [
            f"## {name}\n\n{told.strip()}\n\n```text\n{usage}\n```\n",
            _table(("option", "type", "default", "meaning"), [_option(*one) for one in parameters]),
            *(
                [f"```console\n{chr(10).join(f'$ {line}' for line in lines)}\n```\n"]
                if lines
                else []
            ),
        ]
    )


def _argument_usage(parameter: inspect.Parameter, hint: object) -> str:
    name = parameter.name.upper() + ("…" if "list" in str(hint) else "")
    return name if parameter.default is inspect.Parameter.empty else f"[{name}]"


def _option(
    parameter: inspect.Parameter, hint: object, told: ArgumentInfo | OptionInfo
) -> tuple[str, ...]:
    flag = f"--{parameter.name.replace('_', '-')}"
    spelled = (told.default, *(told.param_decls or ()))  # typer keeps a first spelling in `default`
    names = ", ".join(str(one) for one in spelled if str(one).startswith("-")) or flag
    name = parameter.name.upper() if isinstance(told, ArgumentInfo) else names
    return (f"`{name}`", _hint(hint, told), _shown(parameter.default), told.help or "")


def _hint(hint: object, told: ArgumentInfo | OptionInfo) -> str:
    inner = next((kind for kind in typing.get_args(hint) if kind is not type(None)), hint)
    if inner is bool:
        return "flag"
    if inner in (int, float):
        kind = "whole number" if inner is int else "number"
        return f"{kind}{f', {told.min} to {told.max}' if told.max else ''}"
    if isinstance(inner, type) and issubclass(inner, StrEnum):
        return "one of " + ", ".join(f"`{choice}`" for choice in inner)
    return (
        "path"
        if inner is Path
        else "text, repeatable"
        if typing.get_origin(inner) is list
        else "text"
    )


def _shown(default: object) -> str:
    if default is inspect.Parameter.empty:
        return "required"
    return "" if default in (None, "", False) else f"`{default}`"


if __name__ == "__main__":
    main()
