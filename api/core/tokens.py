"""How many tokens a text takes where nobody can count them."""

from collections.abc import Iterable

_BYTES_A_TOKEN = 2.5
"""Fewer than the usual 3.5 to 4.5 of English, and about what code and tables have."""
MESSAGE_TOKENS = 8
"""What a chat template puts around one message, at most."""


def estimate_tokens(text: str) -> int:
    """A number of tokens that a text seldom passes, 1 or more."""
    return 1 + int(len(text.encode("utf-8", "replace")) / _BYTES_A_TOKEN)


def most_tokens(texts: Iterable[str]) -> int:
    """A number that the tokens of `texts` never pass: no tokenizer of bytes makes several of one."""
    return sum(len(text.encode("utf-8", "replace")) for text in texts)
