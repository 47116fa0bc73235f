"""Topics whose questions are refused, whatever the docs say: told by their words alone."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from index.core.synonyms import Synonyms, variants_of
from index.core.terms import terms_of
from schemas.errors import BadConfiguration

_BETWEEN = 1
"""Other terms that may stand among those of a topic: "advice on purely legal matters" is about legal advice."""
_MOST_WAYS = 64
"""Of saying one topic with synonyms, so that a question is compared with no more."""
_AROUND = ".,;:!?\"'`()[]{}<>*“”‘’«»„¿¡。，、；：！？（）「」"
_NAME = re.compile(r"[_/\\=@:.]|[a-z][A-Z]")
"""What makes a run of characters a name: its parts say nothing of what a question is about."""

_JOINT = re.compile(r"[\W_]+")


@dataclass(frozen=True, slots=True)
class Topic:
    """A phrase as it was configured, and the terms, each once, of every way to say it, its own first."""

    phrase: str
    ways: tuple[frozenset[str], ...]


def topics_of(phrases: Sequence[str], synonyms: Synonyms = ()) -> tuple[Topic, ...]:
    """The topics that `phrases` name, in their order, each by `synonyms` as well.

    Raises: BadConfiguration for one of which nothing is left without its common words.
    """
    topics = []
    for phrase in phrases:
        ways = _ways_to_say(phrase, synonyms)
        if not all(ways):
            raise BadConfiguration(
                f"answer.refuse_topics: {phrase!r} has no word that tells a topic from other questions"
            )
        topics.append(Topic(" ".join(phrase.split()), ways))
    return tuple(topics)


def topic_of(question: str, topics: Sequence[Topic]) -> Topic | None:
    """The first of `topics` that `question` is plainly about, if any.

    It is where all words of the topic stand close together in it, in any case, inflection and
    order. A part of a name is no word: `price_per_token` is not about prices. But what is made of the words of a
    topic alone is about it, whatever joins them: `legal/advice`.
    """
    if not topics:
        return None
    asked = _plain_terms(question)
    joined = {frozenset(terms_of(_JOINT.sub(" ", run))) for run in question.split()}
    return next(
        (
            topic
            for topic in topics
            if any(way in joined or _stands_in(way, asked) for way in topic.ways)
        ),
        None,
    )


def _ways_to_say(phrase: str, synonyms: Synonyms) -> tuple[frozenset[str], ...]:
    ways = {frozenset(_plain_terms(phrase)): phrase}
    waiting = [phrase]
    while waiting:
        for said in variants_of(waiting.pop(0), synonyms, most=_MOST_WAYS):
            terms = frozenset(_plain_terms(said))
            if terms not in ways and len(ways) < _MOST_WAYS:
                ways[terms] = said
                waiting.append(said)
    return tuple(ways)


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
