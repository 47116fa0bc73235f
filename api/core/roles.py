"""Marks by which a text passes for another speaker: a model's own tags, lines of a transcript."""

import re
import unicodedata

_NAMES = r"system|assistant|user|human|developer|admin|administrator|chatbot|ai"
_FENCES = r"context|documents?|instructions?|tool|think|thinking|tool_call|tool_response|function_call|untrusted"
_TAG = re.compile(
    rf"<\|[^<>|]{{0,60}}\|>|<\|(?:im|start|end|eot|begin|system|user)|\|>|\[/?INST\]|<</?SYS>>|</?(?:s|bos|eos|pad)>"
    rf"|<(?:start|end)_of_turn>|</?(?:{_NAMES}|{_FENCES})\b[^<>]{{0,80}}>"
    r"|[<［\[|]{1,2}\s*(?:begin|end)\s+(?:of\s+)?(?:system|context|documents?|sources?|instructions?|prompt)"
    r"|-{3,}\s*(?:begin|end)\s+(?:of\s+)?(?:system|context|documents?|sources?|instructions?|prompt)",
    re.IGNORECASE,
)
_SPEAKER = re.compile(
    rf"[\W_]*(?:{_NAMES})(?:\s+(?:prompt|message|note|instructions?|override|response))?[\W_]{{0,4}}:",
    re.IGNORECASE,
)
_SPEAKER_ALONE = re.compile(
    rf"[\W_]*(?:{_NAMES})(?:\s+(?:prompt|message|instructions?|override))?[\W_]*", re.IGNORECASE
)
# Letters of other alphabets that are drawn like Latin ones.
_LOOKALIKES = str.maketrans(
    "АВЕЅІЈКМНОРСТХУаеѕіјорсхуΑΒΕΖΗΙΚΜΝΟΡΤΥΧονɑｉ", "ABESIJKMHOPCTXYaesijopcxyABEZHIKMNOPTYXovai"
)


def has_role_tag(text: str) -> bool:
    """Whether a text holds a tag that a chat template would read as the end or start of a turn."""
    return bool(_TAG.search(_plain(text)))


def speaks_as_another(text: str, *, is_heading: bool = False) -> bool:
    """Whether a sentence or heading begins as a turn of a transcript does."""
    plain = _plain(text)
    return bool(_SPEAKER.match(plain) or (is_heading and _SPEAKER_ALONE.fullmatch(plain)))


def is_of_another(text: str) -> bool:
    """Whether a piece of the docs passes for another speaker."""
    return has_role_tag(text) or speaks_as_another(text)


def _plain(text: str) -> str:
    return text if text.isascii() else unicodedata.normalize("NFKC", text).translate(_LOOKALIKES)
