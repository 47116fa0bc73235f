"""Characters a reader cannot see, which must not reach an index or a model."""

import re

_UNSEEN = (
    "\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f\u202a-\u202e\u2060-\u206f\u3164\ufe00-\ufe0f"
    "\ufdd3-\ufdef\ufeff\uffa0\ufff0-\ufffb\U0001bca0-\U0001bca3\U0001d173-\U0001d17a\U000e0000-\U000e0fff"
)
_INVISIBLE = re.compile(f"[{_UNSEEN}]")
_LINE_ENDS = re.compile("\r\n?|[\x85\u2028\u2029]")
_CONTROL = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f]")
_ANY = re.compile(f"[{_UNSEEN}\r\u2028\u2029\x00-\x08\x0b-\x1f\x7f-\x9f]")


def strip_unseen(text: str) -> str:
    """Drop zero-width, bidirectional and tag characters alone."""
    return _INVISIBLE.sub("", text)


def strip_invisible(text: str) -> str:
    """Drop zero-width, bidirectional, tag and control characters; line ends become `\\n`. Idempotent."""
    if _ANY.search(text) is None:  # as nearly every text, of which a page has many short ones
        return text
    return _CONTROL.sub("", _LINE_ENDS.sub("\n", strip_unseen(text)))
