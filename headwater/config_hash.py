"""One hash of everything configured that may change an answer."""

import re
from collections.abc import Mapping
from hashlib import sha256

import msgspec

from api.core.trained import TrainedRouter
from headwater.settings import Settings

CHANGES_NO_ANSWER: Mapping[str, frozenset[str]] = {
    "": frozenset({"home", "database", "api", "kafka", "ray", "telemetry"}),
    "source": frozenset({"poll_s", "webhook_secret_env"}),
    "embedding": frozenset({"device", "cache"}),
    "chunking": frozenset({"read_timeout_s"}),
    "answer": frozenset({"cached"}),
    "retrieval": frozenset({"rerank_s"}),
    "llm": frozenset(
        {"api_key_env", "api_key_file", "price_per_million", "first_token_s", "total_s", "retries"}
    ),
    "conversation": frozenset({"hours"}),
    "router": frozenset({"model"}),
}
"""The keys of each section ("" has the sections) that change where, when or at what cost is answered, and not what.

Every other key counts, so that a new one does until somebody says that it does not. A router's file counts by content.
"""
_FOLDERS = re.compile(r"(?<=^cross-encoder:)/.*/")
_HASH_CHARS = 16


def config_hash(settings: Settings, *, router: TrainedRouter | None = None) -> str:
    """A hash that is equal for equal answers: 16 hex digits.

    The order of keys, of sources and of what they include and exclude does not matter, nor where a folder or a local
    repository stands on this machine. That of models, synonyms, topics and weights does: the first of them go first.
    `router` is the one of the router's file.
    """
    tree: dict[str, object] = msgspec.to_builtins(settings)
    counting = {
        section: _counting(section, value)
        for section, value in tree.items()
        if section not in CHANGES_NO_ANSWER[""]
    }
    whole = msgspec.json.encode((counting, router.hash if router else ""), order="deterministic")
    return sha256(whole).hexdigest()[:_HASH_CHARS]


def _counting(section: str, value: object) -> object:
    """What of a section counts, in an order of its own where the program looks at none."""
    if isinstance(value, (list, tuple)):
        entries = [_counting(section, entry) for entry in value]
        if section == "source":
            entries.sort(key=lambda entry: str(entry["name"]))  # type: ignore[index] # a section
        return entries
    assert isinstance(value, dict)  # every key of the top level that counts is a section
    left_out = CHANGES_NO_ANSWER.get(section, frozenset())
    kept = {key: one for key, one in value.items() if key not in left_out}
    if section == "source":
        kept |= {"location": _located(str(kept["location"]))}
        kept |= {key: sorted(kept[key]) for key in ("include", "exclude")}
    if section == "retrieval":
        kept |= {"reranker": _FOLDERS.sub("", kept["reranker"])}
    return kept


def _located(location: str) -> str:
    """A location that is the same on every machine: a path stands for whatever is there."""
    is_remote = "://" in location or "@" in location.partition("/")[0]
    return location if is_remote else ""
