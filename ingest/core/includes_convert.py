"""Markdown as rst, for rst pages that include a README: headings, code, links; the rest reads the same."""

import re

_HEADING = re.compile(r"(?P<marks>#{1,6})\s+(?P<title>.*)")
_FENCE = re.compile(r"(?P<indent>\s*)(?P<marks>`{3,}|~{3,})\s*\{?(?P<language>[\w+-]*)\}?.*")
_CODE = re.compile(r"(?<![`\\])(`+)(?!`)(?P<code>.+?)(?<!`)\1(?!`)")
_LINK = re.compile(r"(?<![!\\])\[(?P<text>[^\[\]]+)\]\((?P<url>[^()\s]+)(?:\s+\"[^\"]*\")?\)")
_UNDERLINES = "=-~^\"'"
_MAX_LINE_CHARS = 2000
"""A longer line is no prose, and looking for spans in it could take long."""


def rst_of_markdown(text: str) -> str:
    """Rewrite what rst would misread; a line it does not know stays as it is."""
    out: list[str] = []
    fence = ""
    for line in text.split("\n"):
        found = _FENCE.fullmatch(line)
        if fence:
            is_end = line.strip().startswith(fence) and not line.strip().strip(fence[0])
            fence = "" if is_end else fence
            out.append("" if is_end else f"   {line}".rstrip())
        elif found:
            fence = found["marks"]
            out += ["", f"{found['indent']}.. code-block:: {found['language']}".rstrip(), ""]
        else:
            out += _line(line)
    return "\n".join(out)


def _line(line: str) -> list[str]:
    if heading := _HEADING.fullmatch(line):
        title = _inline(heading["title"].rstrip().rstrip("#").rstrip())
        return ["", title, _UNDERLINES[len(heading["marks"]) - 1] * max(len(title), 3), ""]
    return [_inline(line)]


def _inline(text: str) -> str:
    """Code spans get their two backticks; links outside of them the form of rst."""
    if len(text) > _MAX_LINE_CHARS:
        return text
    out = ""
    at = 0
    for span in _CODE.finditer(text):
        out += _LINK.sub(r"`\g<text> <\g<url>>`__", text[at : span.start()])
        out += f"``{span['code'].strip()}``"
        at = span.end()
    return out + _LINK.sub(r"`\g<text> <\g<url>>`__", text[at:])
