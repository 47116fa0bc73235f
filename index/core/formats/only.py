"""Whether the published HTML holds what Sphinx's `only` directive guards."""

import ast

_TAGS = frozenset({"html", "builder_html", "format_html"})
"""The tags Sphinx sets when it builds a site; those of `-t` on its command line are not known here."""
_MAX_CHARS = 200


def is_in_html(expression: str) -> bool:
    """Evaluate tags joined by `and`, `or`, `not`; what is no such expression counts as shown.

    Source: https://www.sphinx-doc.org/en/master/usage/restructuredtext/directives.html#including-content-based-on-tags
    """
    if len(expression) > _MAX_CHARS:
        return True
    try:
        return _holds(ast.parse(expression.strip(), mode="eval").body)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return True


def _holds(node: ast.expr) -> bool:
    match node:
        case ast.Name(id=tag):
            return tag in _TAGS
        case ast.UnaryOp(op=ast.Not(), operand=operand):
            return not _holds(operand)
        case ast.BoolOp(op=ast.And(), values=values):
            return all(_holds(value) for value in values)
        case ast.BoolOp(values=values):
            return any(_holds(value) for value in values)
    raise ValueError("no expression of tags")
