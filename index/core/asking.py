"""What a question asks about, apart from the words that only ask."""

from index.core.terms import terms_of

_ASKING_WORDS = """
    able anyone best can could does example examples explain get getting give has have how know need
    or please possible should show tell use used using want way ways what when where which would
"""
_ASKING = frozenset(_ASKING_WORDS.split())


def asked_terms(question: str) -> tuple[str, ...]:
    """The terms of a question's subject, each once; all of its terms where that leaves none."""
    words = [word for word in question.split() if word.strip("?.,!:;\"'()").lower() not in _ASKING]
    return tuple(dict.fromkeys(terms_of(" ".join(words)) or terms_of(question)))
