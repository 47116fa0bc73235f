"""Finds the includes of Markdown: MyST directives, MkDocs snippets and MDX partials."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from ingest.core.includes_pieces import (
    Include,
    Kind,
    Pieces,
    Rule,
    continuation_of,
    is_option,
    options_of,
)
from ingest.core.includes_rst import split_rst
from schemas.formats import Format

_FENCE = re.compile(
    r"(?P<lead>(?:[ \t]|>|[-*+][ ]|\d{1,9}[.)][ ])*)(?P<marks>`{3,}|~{3,}|:{3,})[ ]*(?P<info>[^`]*)"
)
_DIRECTIVE = re.compile(r"\{(?P<name>[\w:.+-]+)\}[ ]*(?P<argument>.*)")
_SNIPPET = re.compile(
    r"""(?P<lead>[ \t>]*)(?P<escape>;*)-+8<-+(?:[ \t]+(?:"(?P<path>[^"]+)"|'(?P<other>[^']+)'))?[ \t]*"""
)
_IMPORT = re.compile(
    r"""import\s+(?P<name>[A-Z]\w*)\s+from\s+['"](?P<raw>!!raw-loader!)?(?P<path>(?:\.{1,2}/|@site/|/)[^'"]+)['"];?\s*"""
)
_USE = re.compile(
    r"(?P<span>(`+)[^`].*?(?<!`)\2(?!`))"
    r"|<CodeBlock\b(?P<attributes>[^<>]*)>\s*\{(?P<raw>[A-Z]\w*)\}\s*</CodeBlock>"
    r"|<(?P<name>[A-Z]\w*)(?:\s[^<>]*)?(?:/>|></(?P=name)>)"
)
_MAX_LINE_CHARS = 2000
# Blocks whose body is shown and not read; every other directive holds more page.
_CODE = frozenset(
    [
        "code",
        "code-block",
        "sourcecode",
        "code-cell",
        "literalinclude",
        "parsed-literal",
        "mermaid",
        "math",
        "raw",
        "graphviz",
        "prompt",
        "highlight",
        "doctest",
        "testcode",
        "testoutput",
        "toctree",
        "jupyter-execute",
    ]
)


@dataclass(frozen=True, slots=True)
class _Open:
    """A fence whose end has not come yet."""

    marks: str
    is_code: bool

    def is_closed_by(self, line: str) -> bool:
        text = line.strip().lstrip("> \t")
        return len(text) >= len(self.marks) and set(text) == {self.marks[0]}


class MarkdownSplitter:
    """Cuts one Markdown text at its includes; made for one text and used once."""

    def __init__(self, text: str, *, in_code: bool = False) -> None:
        self._lines = text.split("\n")
        self._open: list[_Open] = [_Open("\0", is_code=True)] if in_code else []
        self._imports = {} if in_code else _imports_of(self._lines)
        self._at = 0

    def split(self) -> Pieces:
        """The text in order, as plain pieces and includes."""
        pieces: Pieces = []
        while self._at < len(self._lines):
            pieces += self._next()
            if self._at < len(self._lines):
                pieces.append("\n")
        return pieces

    def _next(self) -> Pieces:
        line = self._lines[self._at]
        self._at += 1
        if "<!--" in line and not self._in_code and _opens_comment(line):
            return self._comment()
        if "8<-" in line and (snippet := _SNIPPET.fullmatch(line.rstrip())):
            return self._snippet(snippet, line)
        if self._open and self._open[-1].is_closed_by(line):
            self._open.pop()
            return [line]
        if self._in_code:
            return [line]
        if fence := _FENCE.fullmatch(line.rstrip()):
            return self._fence(fence, line)
        if self._imports and len(line) <= _MAX_LINE_CHARS:
            return list(self._uses(line))
        return [line]

    def _comment(self) -> Pieces:
        """A comment of several lines as it stands: what an include would put in could end it and show its rest."""
        start = self._at - 1
        while self._at < len(self._lines):
            self._at += 1
            if "-->" in self._lines[self._at - 1]:
                break
        return ["\n".join(self._lines[start : self._at])]

    @property
    def _in_code(self) -> bool:
        return bool(self._open) and self._open[-1].is_code

    def _snippet(self, found: re.Match[str], line: str) -> Pieces:
        if found["escape"]:
            return [line.replace(";", "", 1)]
        path = found["path"] or found["other"]
        paths = [path] if path else self._snippet_block()
        pieces: Pieces = []
        for name in paths:
            pieces += ["\n"] if pieces else []
            pieces.append(
                Include(
                    name,
                    Rule.SNIPPET,
                    Kind.PLACED,
                    Format.MARKDOWN,
                    found["lead"],
                    in_code=self._in_code,
                )
            )
        return pieces

    def _snippet_block(self) -> list[str]:
        """The names between two bare markers; a leading `;` turns one off."""
        names = []
        while self._at < len(self._lines):
            line = self._lines[self._at].strip()
            self._at += 1
            if re.fullmatch(r"-+8<-+", line):
                break
            if line and not line.startswith(";"):
                names.append(line.strip("\"'"))
        return names

    def _fence(self, found: re.Match[str], line: str) -> Pieces:
        marks = found["marks"]
        directive = _DIRECTIVE.fullmatch(found["info"].strip())
        name = directive["name"] if directive else ""
        if directive and name in {"include", "literalinclude", "eval-rst"}:
            body = self._body(marks)
            if name == "eval-rst":
                return [line, "\n", *_in_rst(body), f"{continuation_of(found['lead'])}{marks}"]
            return [_include(name, directive["argument"], found["lead"], body)]
        is_code = name in _CODE if directive else marks[0] != ":"
        self._open.append(_Open(marks, is_code))
        return [line]

    def _body(self, marks: str) -> list[str]:
        """The lines up to the end of the fence, which is taken as well."""
        fence = _Open(marks, is_code=True)
        start = self._at
        while self._at < len(self._lines):
            self._at += 1
            if fence.is_closed_by(self._lines[self._at - 1]):
                return self._lines[start : self._at - 1]
        return self._lines[start:]

    def _uses(self, line: str) -> Iterator[str | Include]:
        at = 0
        for found in _USE.finditer(line):
            name = found["raw"] or found["name"]
            if name not in self._imports:
                continue
            before = line[at : found.start()]
            is_alone = not before.strip() and not line[found.end() :].strip()
            options = {"language": _language(found["attributes"])} if found["raw"] else {}
            yield "" if is_alone else before
            yield Include(
                argument=self._imports[name],
                rule=Rule.MDX,
                kind=Kind.CODE if found["raw"] else Kind.TEXT if is_alone else Kind.PLACED,
                syntax=Format.MARKDOWN,
                lead=before if is_alone else "",
                options=options,
            )
            at = found.end()
        yield line[at:]


def _opens_comment(line: str) -> bool:
    """Whether a comment begins the line and does not end on it."""
    text = line.lstrip("> \t")
    return text.startswith("<!--") and "-->" not in text[4:]


def _include(name: str, argument: str, lead: str, body: Sequence[str]) -> Include:
    options = _fence_options(body)
    as_code = name == "literalinclude" or not options.keys().isdisjoint({"literal", "code"})
    kind = Kind.CODE if as_code else Kind.TEXT
    return Include(argument.strip(), Rule.SPHINX, kind, Format.MARKDOWN, lead, options)


def _fence_options(body: Sequence[str]) -> dict[str, str]:
    """Options stand at the top of the body as `:name: value`, or as YAML between two `---`."""
    lines = [line.strip().lstrip("> ") for line in body]
    if lines and lines[0] == "---":
        end = lines.index("---", 1) if "---" in lines[1:] else len(lines)
        pairs = (line.partition(":") for line in lines[1:end] if ":" in line)
        return {key.strip(): value.strip().strip("\"'") for key, _, value in pairs}
    end = next((i for i, line in enumerate(lines) if not is_option(line)), len(lines))
    return options_of(lines[:end])


def _in_rst(body: Sequence[str]) -> Pieces:
    return [*split_rst("\n".join(body)), "\n"] if body else []


def _imports_of(lines: Sequence[str]) -> dict[str, str]:
    """The partials and raw files that an MDX page imports, by the name it gives them."""
    found = (_IMPORT.fullmatch(line) for line in lines if line.startswith("import"))
    return {
        match["name"]: match["path"]
        for match in found
        if match and (match["raw"] or match["path"].endswith((".md", ".mdx")))
    }


def _language(attributes: str | None) -> str:
    found = re.search(r"""\blanguage=\{?["']([\w+-]+)["']""", attributes or "")
    return found[1] if found else ""
