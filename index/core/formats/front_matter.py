"""The metadata block a page may open with: YAML between `---`, TOML between `+++`."""

import re
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import yaml

MAX_FRONT_MATTER_CHARS = 64 * 1024
"""A longer block is text: no generator's page opens with one."""

_BYTE_ORDER_MARK = "\ufeff"
_KEY = re.compile(r"[A-Za-z_][\w-]*")


@dataclass(frozen=True, slots=True)
class FrontMatter:
    """What a page says about itself, and the text below; `line` counts the lines above `body`."""

    fields: Mapping[str, object]
    body: str
    line: int

    @property
    def title(self) -> str:
        """The title as published, "" when the block names none."""
        title = _text(self.fields.get("title")) or ""
        return title.encode(errors="replace").decode()  # YAML can write half of a surrogate pair

    @property
    def slug(self) -> str | None:
        """Docusaurus' `slug:`, which replaces the file's path in its address."""
        return _text(self.fields.get("slug"))

    @property
    def is_listed(self) -> bool:
        """False when the page's generator keeps it out of its site or out of its search.

        Sources: Docusaurus (`draft`, `unlisted`), Hugo and Material's blog (`draft`), Jekyll
        (`published`), Just the Docs (`search_exclude`), Sphinx (`nosearch`), Material for MkDocs
        (`search.exclude`), VitePress and Quarto (`search: false`). Sphinx' `orphan` only takes a
        page out of the navigation.
        """
        search = self.fields.get("search")
        is_searched = not _is_false(search) and not (
            isinstance(search, Mapping) and _is_true(search.get("exclude"))
        )
        hidden_by = ("draft", "unlisted", "nosearch", "search_exclude")
        return (
            is_searched
            and not any(_is_true(self.fields.get(key)) for key in hidden_by)
            and not _is_false(self.fields.get("published"))
        )


def split_front_matter(text: str) -> FrontMatter:
    """Take the metadata block off `text`; what is no such block stays in `body`. Never raises.

    Of a block that YAML refuses each line of the form `key: value` is read by itself, so that a draft with a slip in it
    stays a draft.
    """
    text = text.removeprefix(_BYTE_ORDER_MARK)
    for fence, ends, load in _STYLES:
        block = _block(text, fence, ends)
        if block is None:
            continue
        raw, rest = block
        fields = load(raw)
        if fields is not None:
            line = text.count("\n", 0, len(text) - len(rest))
            return FrontMatter(fields=fields, body=rest, line=line)
    return FrontMatter(fields={}, body=text, line=0)


def _block(text: str, fence: str, ends: tuple[str, ...]) -> tuple[str, str] | None:
    first, newline, rest = text[: MAX_FRONT_MATTER_CHARS + 1].partition("\n")
    if first.rstrip() != fence or not newline:
        return None
    size = len(first) + 1
    lines = rest.split("\n")
    for count, line in enumerate(lines):
        size += len(line) + 1
        if line.rstrip() in ends and size <= MAX_FRONT_MATTER_CHARS:
            return "\n".join(lines[:count]), text[size:]
    return None


class _PlainLoader(yaml.SafeLoader):
    """Safe, and without aliases: those make a small block stand for a huge or an endless value."""

    def compose_node(self, parent: yaml.Node | None, index: int) -> yaml.Node | None:
        if self.check_event(yaml.AliasEvent):
            raise yaml.YAMLError("aliases are not read")
        return super().compose_node(parent, index)


def _load_yaml(raw: str) -> Mapping[str, object] | None:
    try:
        loaded = yaml.load(raw, Loader=_PlainLoader)  # the loader above is a safe one
    except (yaml.YAMLError, ValueError, TypeError, OverflowError, RecursionError):
        return _plain_lines(raw)
    if loaded is None:
        return {}
    return {str(key): value for key, value in loaded.items()} if isinstance(loaded, dict) else None


def _plain_lines(raw: str) -> Mapping[str, object] | None:
    """The fields that stand on one line each, as text; None when there are none, so that it is hardly a block."""
    fields: dict[str, object] = {}
    for line in raw.split("\n"):
        key, colon, value = line.partition(":")
        if colon and _KEY.fullmatch(key):
            fields[key] = value.split(" #", 1)[0].strip().strip("\"'")
    return fields or None


def _load_toml(raw: str) -> Mapping[str, object] | None:
    try:
        return tomllib.loads(raw)
    except (ValueError, RecursionError):
        return None


_STYLES: tuple[tuple[str, tuple[str, ...], Callable[[str], Mapping[str, object] | None]], ...] = (
    ("---", ("---", "..."), _load_yaml),
    ("+++", ("+++",), _load_toml),
)


def _text(value: object) -> str | None:
    return str(value).strip() if isinstance(value, str | int | float) else None


def _is_true(value: object) -> bool:
    return value is True or (isinstance(value, str) and value.strip().lower() in ("true", "yes"))


def _is_false(value: object) -> bool:
    return value is False or (isinstance(value, str) and value.strip().lower() in ("false", "no"))
