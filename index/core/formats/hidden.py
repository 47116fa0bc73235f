"""Which elements a browser shows nothing of, the same in every format that may hold HTML."""

import re
from collections.abc import Mapping

UNSEEN_TAGS = frozenset(
    {
        "audio",
        "base",
        "canvas",
        "datalist",
        "dialog",
        "embed",
        "head",
        "hw-unseen",
        "iframe",
        "link",
        "meta",
        "noscript",
        "object",
        "script",
        "style",
        "svg",
        "template",
        "title",
        "video",
    }
)
"""Elements that a browser shows no text of, whatever their attributes say."""
_COMMENT = re.compile(r"/\*.*?(?:\*/|\Z)", re.DOTALL)
_ESCAPE = re.compile(r"\\([0-9a-fA-F]{1,6})\s?")
_HIDING = re.compile(
    r"(?:^|;)\s*(?:display\s*:\s*none|visibility\s*:\s*(?:hidden|collapse))", re.IGNORECASE
)


def is_hidden(attributes: Mapping[str, str | None]) -> bool:
    """Tell whether nothing of an element with these attributes is shown; a tab panel can be chosen, so it counts."""
    if not attributes or attributes.get("role") == "tabpanel":
        return False
    if "hidden" in attributes and (attributes["hidden"] or "").strip().lower() != "until-found":
        return True
    if (attributes.get("aria-hidden") or "").strip().lower() == "true":
        return True
    style = attributes.get("style") or ""
    return _HIDING.search(_ESCAPE.sub(_unescaped, _COMMENT.sub("", style))) is not None


def _unescaped(escape: re.Match[str]) -> str:
    """The character that a CSS escape stands for. Source: CSS Syntax Module Level 3, 4.3.7."""
    code = int(escape[1], 16)
    return chr(code) if 0 < code < 0x110000 else "\ufffd"
