"""Names that a question gives exactly, and the sections that define them."""

import re
from collections.abc import Sequence
from functools import lru_cache

MAX_NAMES = 16
"""Names of one question that are looked for."""

_TOKEN = re.compile(r"(?<![\w-])--[A-Za-z][\w-]*|[A-Za-z_]\w*(?:\.[A-Za-z_]\w*)*")
_HUMP = re.compile(r"[a-z0-9][A-Z]")
_KIND = re.compile(
    r"^(?:async |class |classmethod |def |exception |function |method |module |property )+"
)


def names_in(question: str) -> tuple[str, ...]:
    """The names of code and the flags that stand in a question, each once, in lower case, at most `MAX_NAMES`.

    `ray.data.Dataset`, `map_batches`, `RunConfig` and `--num-cpus` are names; a word that any text may hold is none.
    """
    found = dict.fromkeys(token.lower() for token in _TOKEN.findall(question) if _is_name(token))
    return tuple(found)[:MAX_NAMES]


def defines(names: Sequence[str], *, headings: Sequence[str], text: str) -> bool:
    """Whether a section is what one of `names` (as `names_in` gives them) leads to.

    A name of code does where a heading is that name, or ends in it: `Dataset.map_batches` leads to the section
    `ray.data.Dataset.map_batches(fn)`. A flag does where a heading or the text has it as a whole.
    """
    flags = [name for name in names if name.startswith("-")]
    if len(flags) < len(names):
        spoken = [_spoken(heading) for heading in headings]
        if any(one == name or one.endswith(f".{name}") for name in names for one in spoken):
            return True
    parts = [part.lower() for part in (*headings, text)] if flags else []
    return any(flag in part and _has_flag(part, flag) for flag in flags for part in parts)


def _is_name(token: str) -> bool:
    return (
        "." in token
        or "_" in token.strip("_")
        or token[:2] in ("--", "__")
        or bool(_HUMP.search(token))
    )


def _has_flag(text: str, flag: str) -> bool:
    return re.search(rf"(?<![\w-]){re.escape(flag)}(?![\w-])", text) is not None


@lru_cache(maxsize=4_096)
def _spoken(heading: str) -> str:
    return _KIND.sub("", heading.strip("` ").lower()).partition("(")[0].strip("` ")
