"""Writes what an include stands for in the markup around it."""

import re

from ingest.core.includes_pieces import Include, continuation_of
from schemas.formats import Format

_FRONT_MATTER = re.compile(r"\A\ufeff?---[ \t]*\n.*?^---[ \t]*(?:\n|\Z)", re.DOTALL | re.MULTILINE)
_HEADING = re.compile(r"(?P<marks>#{1,6})(?=\s)")
_FENCE = re.compile(r"\s*(?P<marks>`{3,}|~{3,})")


def render_code(include: Include, code: str) -> str:
    """The code as a code block of the page, indentation kept."""
    language = _language(include)
    if include.syntax is Format.RST:
        caption = include.options.get("caption")
        head = [f".. code-block:: {language}".rstrip()]
        head += [f"   :caption: {caption}"] if caption else []
        return _placed(
            include, [*head, "", *(f"   {line}".rstrip() for line in code.split("\n")), ""]
        )
    longest = max((len(run) for run in re.findall(r"`+", code)), default=0)
    marks = "`" * max(3, longest + 1)
    return _placed(include, [f"{marks}{language}", *code.split("\n"), marks])


def render_text(include: Include, text: str) -> str:
    """The text as blocks of the page, parted from what stands around it."""
    lines = text.strip("\n").split("\n")
    return _placed(include, [*([] if include.lead.strip(" >") else [""]), *lines, ""])


def render_placed(include: Include, text: str) -> str:
    """The text where the include stands, every line behind its indent."""
    return _placed(include, text.split("\n"))


def render_rst_in_markdown(include: Include, text: str) -> str:
    """The rst text in a block that Markdown hands to the rst parser."""
    longest = max((len(run) for run in re.findall(r"`+", text)), default=0)
    marks = "`" * max(3, longest + 1)
    return _placed(include, [f"{marks}{{eval-rst}}", *text.strip("\n").split("\n"), marks])


def placeholder(include: Include, why: str) -> str:
    """What stands for an include that cannot be filled: a comment that no reader and no index sees."""
    if include.in_code:
        return include.lead.rstrip()
    name = re.sub(r"-{2,}|:{2,}", "-", re.sub(r"[^\w./ :@-]", "?", include.argument))[:200]
    if include.syntax is Format.RST:
        return _placed(include, [f".. {why}; {name}", ""])
    return _placed(include, [f"<!-- {why}: {name} -->"])


def body_of(text: str, include: Include) -> str:
    """An included Markdown text without its front matter, its headings moved down as the include asks."""
    text = _FRONT_MATTER.sub("", text, count=1)
    offset = include.options.get("heading-offset", "")
    return _shifted(text, int(offset)) if offset.isdecimal() and 0 < int(offset) < 6 else text


def _placed(include: Include, lines: list[str]) -> str:
    further = continuation_of(include.lead)
    first, *rest = lines
    return "\n".join(
        [(include.lead + first).rstrip(), *((further + line).rstrip() for line in rest)]
    )


def _language(include: Include) -> str:
    options = include.options
    named = options.get("language") or options.get("code") or options.get("lexer") or ""
    return named if re.fullmatch(r"[\w+.-]*", named) else ""


def _shifted(text: str, offset: int) -> str:
    lines = []
    fence = ""
    for line in text.split("\n"):
        if found := _FENCE.match(line):
            marks = found["marks"]
            fence = marks if not fence else "" if marks.startswith(fence) else fence
        heading = None if fence else _HEADING.match(line)
        depth = min(len(heading["marks"]) + offset, 6) if heading else 0
        lines.append("#" * depth + line[heading.end() :] if heading else line)
    return "\n".join(lines)
