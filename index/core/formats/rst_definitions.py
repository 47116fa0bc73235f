"""Directives that say nothing themselves but what other text on the page means: substitutions and roles."""

import re

from docutils import nodes

from index.core.formats.rst_call import Call


def replace(call: Call) -> list[nodes.Node]:
    return call.inline(call.joined().argument)


def date(call: Call) -> list[nodes.Node]:
    """The substitution's own name: what day it is depends on when the page is read."""
    return [nodes.Text(call.options.get("alt", ""))]


def unicode(call: Call) -> list[nodes.Node]:
    codes = call.argument.partition(" .. ")[0].split()
    return [nodes.Text(" ".join(_character(code) for code in codes))]


def _character(code: str) -> str:
    number = re.fullmatch(
        r"(?:0x|x|\\x|U\+|u|\\u|&#x)([0-9a-fA-F]{1,6});?|([0-9]{1,7})", code, re.IGNORECASE
    )
    if not number:
        return code
    point = int(number[1], 16) if number[1] else int(number[2])
    return chr(point) if 32 <= point <= 0x10FFFF and not 0xD800 <= point <= 0xDFFF else code


def role(call: Call) -> list[nodes.Node]:
    made = re.match(r"([^\s()]+)\s*(?:\(\s*([^\s()]+)\s*\))?", call.argument)
    if made:
        call.inliner.aliases[made[1].lower()] = call.inliner.aliased(made[2] or "strong")
    return []


def default_role(call: Call) -> list[nodes.Node]:
    call.inliner.default_role = call.argument
    return []
