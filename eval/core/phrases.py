"""Questions from the sentences of a section: what a sentence says can be done, asked for."""

import re
from collections.abc import Callable, Iterator

from api.core.segments import Kind
from eval.core.corpus import Lexicon, Passage

NAME = re.compile(r"[A-Za-z_]\w*(?:(?:\.|::)[A-Za-z_]\w*)+|[A-Za-z]\w*_\w+|[a-z]+[A-Z]\w*")
"""A name of a program: with dots, underscores or capitals inside."""
Pick = Callable[[str], int]
"""A number that is always the same for the same words."""
_SENTENCES = 4
_PRONOUNS = {"you": "I", "your": "my", "yourself": "myself", "yours": "mine"}
_PRONOUN = re.compile(rf"\b({'|'.join(_PRONOUNS)})\b", re.IGNORECASE)


def sentence_questions(passage: Passage, lexicon: Lexicon, pick: Pick) -> Iterator[str]:
    """A question for each of the first sentences that says how or with what something is done, or what it is."""
    sentences = texts_of(passage, Kind.SENTENCE)[:_SENTENCES]
    for at, sentence in enumerate(map(in_one_line, sentences)):
        is_summary = at == 0 and bool(NAME.fullmatch(passage.heading) or " \u2014 " in sentence)
        for pattern, word in (*_PATTERNS, *(_SUMMARY if is_summary else ())):
            found = pattern.search(sentence)
            phrase = found and (
                in_first_person(found["x"]) if word is _called else verb_phrase(found["x"], lexicon)
            )
            if phrase:
                yield f"{word(phrase, pick(phrase))}?"
                break


def verb_phrase(text: str, lexicon: Lexicon) -> str | None:
    """Words that begin with a verb, as they stand after "How do I"; None for others."""
    first, _, rest = text.strip(" ,;:").partition(" ")
    verb = lexicon.infinitive_of(first)
    if verb is None or not rest or first.lower().endswith("ing"):
        return None
    return in_first_person(f"{verb} {rest}")


def in_first_person(text: str) -> str:
    """What is said to a reader, as the reader says it."""
    return _PRONOUN.sub(lambda word: _PRONOUNS[word[0].lower()], text.strip(" ,;:"))


def texts_of(passage: Passage, kind: Kind) -> list[str]:
    """Its segments of one kind, in reading order."""
    return [segment.text for segment in passage.segments if segment.kind is kind]


def in_one_line(text: str) -> str:
    """Without line ends and bold marks."""
    return " ".join(text.replace("**", "").split())


def _how(phrase: str, pick: int) -> str:
    return (
        f"{('How do I', 'How can I', 'What is the way to', 'What do I need to')[pick % 4]} {phrase}"
    )


def _what(phrase: str, pick: int) -> str:
    return f"{('What lets me', 'What should I use to', 'What do I need to')[pick % 3]} {phrase}"


def _called(phrase: str, pick: int) -> str:
    return f"{('What is the name of', 'What do you call', 'Which one is')[pick % 3]} {phrase}"


_PATTERNS: tuple[tuple[re.Pattern[str], Callable[[str, int], str]], ...] = tuple(
    (re.compile(pattern), word)
    for pattern, word in (
        (r"^To (?P<x>[a-z][^,;:]{10,110}),", _how),
        (r"\bhow to (?P<x>[a-z][^.,;:]{10,110})[.,;:]", _how),
        (r"^If you (?:want|need|would like|wish) to (?P<x>[^,;:]{10,110}),", _how),
        (r"^You can (?:also |then )?(?P<x>[a-z].{10,110}?)(?: by | using | with | via | through |[.,;:])", _how),
        (r"\b(?:lets|allows|enables) (?:you|users|one) (?:to )?(?P<x>[a-z][^.,;:]{10,110})[.,;:]", _what),
        (r"\b(?:is|are|can be) used to (?P<x>[a-z][^.,;:]{10,110})[.,;:]", _what),
        (r"^(?:An?|The) [\w -]{3,40} (?:is|are) (?P<x>(?:an?|the) [^.,;:]{15,110})\.", _called),
    )
)  # fmt: skip
_SUMMARY = (
    (re.compile(r"^.{3,60}? [–—-]+ (?P<x>[a-z][^.,;:]{10,110})(?:[.,;:]|$)"), _what),
    (re.compile(r"^(?P<x>[A-Z][a-z]+ [^.,;:]{12,110})(?:[.,;:]|$)"), _what),
)
"""How the first sentence of a reference entry says what the entry is for."""
