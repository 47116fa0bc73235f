"""Terms that mean the same: what a question is looked for by beside its own words."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from index.core.question_form import form_of
from index.core.terms import terms_of
from schemas.errors import BadConfiguration

_RUN = re.compile(r"\S+")
_SLACK = 1
"""Articles that may stand within an entry. Other words may not: a job from a queue is no job queue."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One way to say it, and the terms of that in order."""

    text: str
    terms: tuple[str, ...]


Synonyms = tuple[tuple[Entry, ...], ...]
"""Groups of entries that mean the same."""


def synonyms_of(groups: Sequence[Sequence[str]]) -> Synonyms:
    """Groups as configured, ready to use.

    Raises: BadConfiguration for a group of less than two entries, and an entry that has no term or another's.
    """
    return tuple(_group(entries) for entries in groups)


def widened_terms(question: str, synonyms: Synonyms) -> tuple[str, ...]:
    """The terms that `question` is looked for by as well, each once, none of them its own.

    They are those of every other entry of a group of which one entry stands in the question.
    """
    if not synonyms:
        return ()
    own = terms_of(question)
    added = (
        term
        for group in synonyms
        if any(_stands_in(entry.terms, own) for entry in group)
        for entry in group
        for term in entry.terms
        if term not in own
    )
    return tuple(dict.fromkeys(added))


def variants_of(question: str, synonyms: Synonyms, *, most: int = 4) -> tuple[str, ...]:
    """The question, and as it reads with one entry exchanged for another of its group; at most `most` in all."""
    variants = dict.fromkeys([question])
    for group in synonyms:
        for entry, span in _places(question, group):
            for other in group:
                if len(variants) == most:
                    return tuple(variants)
                if other is not entry:
                    text = f"{question[: span.start]}{other.text}{question[span.stop :]}"
                    variants.setdefault(text)
    return tuple(variants)


def _group(entries: Sequence[str]) -> tuple[Entry, ...]:
    if len(entries) < 2:
        raise BadConfiguration(
            f"retrieval.synonyms: the group {list(entries)!r} needs two terms that mean the same"
        )
    group: list[Entry] = []
    for text in entries:
        terms = tuple(terms_of(text))
        if not terms:
            raise BadConfiguration(f"retrieval.synonyms: {text!r} has no word to look for")
        if any(entry.terms == terms for entry in group):
            raise BadConfiguration(f"retrieval.synonyms: {text!r} stands twice in its group")
        group.append(Entry(" ".join(text.split()), terms))
    return tuple(group)


def _stands_in(terms: Sequence[str], all_: Sequence[str]) -> bool:
    width = len(terms)
    return any(tuple(all_[at : at + width]) == terms for at in range(len(all_) - width + 1))


def _places(question: str, group: Sequence[Entry]) -> Iterator[tuple[Entry, slice]]:
    """Where the first entries of a group stand, each at its first place."""
    runs = [slice(*run.span()) for run in _RUN.finditer(question)]
    for entry in group:
        words = len(entry.text.split()) + _SLACK
        spans = (
            slice(runs[at].start, runs[at + more].stop)
            for more in range(words)  # the shortest first: "on k8s" has no other term than "k8s"
            for at in range(len(runs) - more)
        )
        span = next((one for one in spans if _says(question[one], entry)), None)
        if span is not None:
            yield entry, _without_ends(question, span)


def _says(text: str, entry: Entry) -> bool:
    """The terms are compared first: they are quick."""
    return tuple(terms_of(text)) == entry.terms and form_of(text) == form_of(entry.text)


def _without_ends(text: str, span: slice) -> slice:
    """The span without the signs around its words."""
    start, stop = span.start, span.stop
    while stop > start and not text[stop - 1].isalnum():
        stop -= 1
    while start < stop and not text[start].isalnum():
        start += 1
    return slice(start, stop)
