"""Topics whose questions are refused, whatever the docs say: told by their words alone."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from index.core.terms import terms_of
from schemas.errors import BadConfiguration

_BETWEEN = 1
"""Other terms that may stand among those of a topic: "advice on purely legal matters" is about legal advice."""
_AROUND = ".,;:!?\"'`()[]{}<>*“”‘’«»„¿¡。，、；：！？（）「」"
_NAME = re.compile(r"[_/\\=@:.]|[a-z][A-Z]")
"""What makes a run of characters a name: its parts say nothing of what a question is about."""


@dataclass(frozen=True, slots=True)
class Topic:
    """A phrase as it was configured, and its terms, each once."""

    phrase: str
    terms: frozenset[str]


def topics_of(phrases: Sequence[str]) -> tuple[Topic, ...]:
    """The topics that `phrases` name, in their order.

    Raises: BadConfiguration for one of which nothing is left without its common words.
    """
    topics = []
    for phrase in phrases:
        terms = frozenset(_plain_terms(phrase))
        if not terms:
            raise BadConfiguration(
                f"answer.refuse_topics: {phrase!r} has no word that tells a topic from other questions"
            )
        topics.append(Topic(" ".join(phrase.split()), terms))
    return tuple(topics)


def topic_of(question: str, topics: Sequence[Topic]) -> Topic | None:
    """The first of `topics` that `question` is plainly about, if any.

    It is where all words of the topic stand close together in it, in any case, inflection and
    order. A part of a name is no word: `price_per_token` is not about prices.
    """
    asked = _plain_terms(question) if topics else []
    return next((topic for topic in topics if _stands_in(topic.terms, asked)), None)


def _stands_in(terms: frozenset[str], asked: Sequence[str]) -> bool:
    width = len(terms) + _BETWEEN if len(terms) > 1 else 1
    starts = range(max(1, len(asked) - width + 1))
    return any(terms <= set(asked[start : start + width]) for start in starts)


def _plain_terms(text: str) -> list[str]:
    terms: list[str] = []
    for run in text.split():
        word = run.strip(_AROUND)
        found = terms_of(word)
        terms += found[:1] if _NAME.search(word) else found
    return terms
