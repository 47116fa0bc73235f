"""The reStructuredText of an {eval-rst} directive as MyST, so that one parser reads both."""

import re

_DIRECTIVE = re.compile(r"([ \t]*)\.\.[ \t]+(?:\|[^|\n]*\|[ \t]+)?([\w:.+-]*\w)::(?:[ \t]+(.*))?$")
_LABEL = re.compile(r"[ \t]*\.\.[ \t]+_([^:\n`]+):[ \t]*$")
_COMMENT = re.compile(r"([ \t]*)\.\.(?:[ \t]|$)")
_UNDERLINE = re.compile(r"([=\-~^\"'`#*+.:_])\1{2,}[ \t]*$")
_ROLE = re.compile(r":([a-z][\w:+-]*):`([^`\n]+)`")
_LINK = re.compile(r"`([^`<\n]+)<([^>`\n]*)>`__?")
_NUMBER = re.compile(r"^([ \t]*)#\.", re.MULTILINE)
_BACKTICKS = re.compile(r"`{3,}")
_MAX_DEPTH = 12


def rst_to_myst(text: str, depth: int = 0) -> str:
    """Rewrite directives, labels, headings, literal blocks, roles and links; the rest is alike."""
    lines = text.expandtabs(8).split("\n")
    rewritten: list[str] = []
    styles: list[str] = []
    at = 0
    while at < len(lines):
        line = lines[at]
        directive = _DIRECTIVE.match(line)
        label = _LABEL.match(line)
        comment = _COMMENT.match(line)
        at += 1
        if label:
            rewritten += ["", f"({label[1]})="]
        elif comment:
            body, at = _indented(lines, at, len(comment[1]))
            if directive:
                rewritten += _fenced(directive, body, depth)
        elif _is_underline(line, rewritten):
            rewritten[-1] = "#" * min(_level(line[0], styles), 6) + " " + rewritten[-1].strip()
        elif line.rstrip().endswith("::"):
            body, at = _indented(lines, at, len(line) - len(line.lstrip()))
            rewritten += [
                _inline(line.rstrip()[:-2] + ":").rstrip(":") + ":",
                *_code_fence(body, ""),
            ]
        else:
            rewritten.append(_inline(line))
    return "\n".join(rewritten)


def _indented(lines: list[str], at: int, indent: int) -> tuple[list[str], int]:
    """The lines below that stand deeper than `indent`, dedented, and where they stop."""
    stop = at
    while stop < len(lines) and (
        not lines[stop].strip() or len(lines[stop]) - len(lines[stop].lstrip()) > indent
    ):
        stop += 1
    body = lines[at:stop]
    while body and not body[-1].strip():
        body.pop()
    while body and not body[0].strip():
        body.pop(0)
    margin = min((len(line) - len(line.lstrip()) for line in body if line.strip()), default=0)
    return [line[margin:] for line in body], stop


def _fenced(directive: re.Match[str], body: list[str], depth: int) -> list[str]:
    name, argument = directive[2], directive[3] or ""
    is_text = depth < _MAX_DEPTH and "code" not in name and name != "math"
    content = rst_to_myst("\n".join(body), depth + 1).split("\n") if is_text else body
    indent = directive[1]
    return [
        "",
        *(indent + line for line in _code_fence(content, f"{{{name}}} {argument}")),
    ]


def _code_fence(content: list[str], info: str) -> list[str]:
    longest = max((len(run) for run in _BACKTICKS.findall("\n".join(content))), default=2)
    fence = "`" * (longest + 1)
    return ["", fence + info, *content, fence, ""]


def _is_underline(line: str, above: list[str]) -> bool:
    title = above[-1].strip() if above else ""
    return bool(_UNDERLINE.match(line)) and bool(title) and len(line.rstrip()) >= len(title) // 2


def _level(char: str, styles: list[str]) -> int:
    if char not in styles:
        styles.append(char)
    return styles.index(char) + 1


def _inline(line: str) -> str:
    line = _LINK.sub(lambda link: f"[{link[1].strip()}]({link[2].replace(' ', '%20')})", line)
    return _NUMBER.sub(r"\g<1>1.", _ROLE.sub(r"{\1}`\2`", line))
