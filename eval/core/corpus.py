"""The indexed texts as questions are made from: passages, and which words tell one page from the others."""

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from api.core.segments import Kind, Segment, segments_of
from api.core.vocabulary import CONNECTING
from index.core.inline_code import without_signs
from index.core.stored import DumpedPage
from index.core.terms import terms_of

_WORD = re.compile(r"[^\W\d_]{2,}")
_TO = re.compile(r"\bto ([a-z]{2,})\b")
_NUMBER = re.compile(
    r"^(?:(?:chapter|section|appendix|part|step)\s+)?[A-Z\d]+(?:\.\d+)*[.:)]\s+", re.I
)
_SIGNS = re.compile(r"[\u00b6#\u2600-\u27bf\ufe0f\U0001f000-\U0001faff]+")
_MOST_PAGES = 5
"""Pages that may hold all words of a question; with more, it could be about any of them."""
_LEAST_SHARE = 3
_REPEATED = 4
"""Pages with the same heading from which on it says nothing of one of them."""
_LEAST_VERB = 2
_LEAST_VERB_SHARE = 0.12
"""How often, and how much of the time, a verb stands after "to"."""
_GENERIC = frozenset(
    """
    about|additional information|additional resources|api|api reference|arguments|attributes|author|authors|background
    |basic usage|basics|best practices|caveats|changelog|class|code|command line|compatibility|concepts|conclusion
    |configuration|contributing|description|details|diagnostics|end-to-end example|environment|environment variables
    |example|examples|exit status|faq|features|files|for more information|functions|further reading|general
    |getting started|glossary|guide|guides|history|how it works|installation|installing|introduction|key concepts
    |learn more|limitations|methods|miscellaneous|more examples|more information|motivation|name|next steps|note|notes
    |notice|options|other|overview|parameters|prerequisites|problem|properties|quick start|quickstart|rationale
    |raises|reference|references|related|related topics|remarks|requirements|resources|results|return type|return value
    |returns|sample|sample output|see also|set up|setup|solution|step|steps|summary|support|synopsis|syntax
    |table of contents|tip|tips|troubleshooting|tutorial|tutorials|usage|use cases|user guide|user guides|warning
    |what\u2019s next|what's next|why|yields
    """.replace("\n    ", "").split("|")
)
"""Headings that tell nothing of what the section is about."""
_SAYS_NOTHING = CONNECTING | frozenset(
    terms_of(
        "apply argument check context do example let lets mean mind much name need pass problem purpose return returns"
        " rule set stand stands take want"
    )
)
"""Terms that a question has from its wording: they do not tell what it is about."""
_PROSE = (Kind.SENTENCE, Kind.ITEM)


@dataclass(frozen=True, slots=True)
class Passage:
    """The own text of a section, with what it is called: `source` is its address, anchor included.

    `heading` and `context` are without numbers; `context` is what stands over the heading, the
    page's title at least, nearest first.
    """

    page: str
    source: str
    heading: str
    context: tuple[str, ...]
    text: str
    segments: tuple[Segment, ...]


def passages_of(pages: Iterable[DumpedPage]) -> list[Passage]:
    """Every section with text of its own, in the order of the pages and of reading."""
    return [passage for page in pages if page.url for passage in _passages(page)]


def _passages(page: DumpedPage) -> Iterator[Passage]:
    texts: dict[int, list[str]] = {}
    for section, text, _ in page.chunks:
        texts.setdefault(section, []).append(without_signs(text))
    title = bare(page.title)
    for ordinal, (path, anchor) in enumerate(page.sections):
        if ordinal not in texts or not path:
            continue
        heading, *over = [bare(one) for one in reversed(path)]
        context = dict.fromkeys(one for one in (*over, title) if one and one != heading)
        source = f"{page.url}#{anchor}" if anchor else page.url
        text = "\n\n".join(texts[ordinal])
        yield Passage(page.url, source, heading, tuple(context), text, segments_of(text))


def bare(heading: str) -> str:
    """A heading without its number and signs."""
    return _NUMBER.sub("", " ".join(_SIGNS.sub(" ", heading).split())).strip()


@dataclass(frozen=True, slots=True)
class Lexicon:
    """How the corpus uses words.

    `spellings` counts each word in its prose, `verbs` those after "to"; `named` holds every term of its headings and
    prose, `pages_by_heading` counts the pages that have a heading, in lower case.
    """

    spellings: Mapping[str, int]
    verbs: Mapping[str, int]
    named: frozenset[str]
    pages_by_heading: Mapping[str, int]
    pages_by_term: Mapping[str, set[str]]
    page_count: int
    _is_telling: dict[frozenset[str], bool] = field(default_factory=dict)

    @classmethod
    def of(cls, passages: Sequence[Passage]) -> "Lexicon":
        """Read all of the corpus."""
        spellings: Counter[str] = Counter()
        verbs: Counter[str] = Counter()
        named: set[str] = set()
        pages: dict[str, set[str]] = {}
        for passage in passages:
            prose = " ".join(one.text for one in passage.segments if one.kind in _PROSE)
            over = " ".join([passage.heading, *passage.context])
            spellings.update(_WORD.findall(prose))
            verbs.update(_TO.findall(prose))
            named.update(terms_of(f"{over} {prose}"))
            for term in {*terms_of(over), *terms_of(passage.text)}:
                pages.setdefault(term, set()).add(passage.page)
        headings = Counter(
            heading for heading, _ in {(one.heading.lower(), one.page) for one in passages}
        )
        count = len({passage.page for passage in passages})
        return cls(spellings, verbs, frozenset(named), headings, pages, count)

    def is_telling(self, question: str) -> bool:
        """Whether only a few pages hold all that the question names, so that it can be told which is meant."""
        terms = frozenset(terms_of(question)) - _SAYS_NOTHING
        if terms not in self._is_telling:
            self._is_telling[terms] = self._tells(terms)
        return self._is_telling[terms]

    def _tells(self, terms: frozenset[str]) -> bool:
        has_name = any("_" in term or "." in term for term in terms)
        if not terms or (len(terms) < 2 and not has_name):
            return False
        holding = sorted((self.pages_by_term.get(term, set()) for term in terms), key=len)
        most = max(1, min(_MOST_PAGES, self.page_count // _LEAST_SHARE))
        return len(set.intersection(*holding)) <= most

    def is_generic(self, heading: str) -> bool:
        """Whether a heading tells nothing of what its section is about, or the same of several pages."""
        lowered = heading.lower()
        is_known = (
            lowered.rstrip(".:!? ") in _GENERIC
            or self.pages_by_heading.get(lowered, 0) >= _REPEATED
        )
        return is_known or not terms_of(heading)

    def is_alone(self, heading: str) -> bool:
        """Whether one page alone has a section of that heading."""
        return self.pages_by_heading.get(heading.lower(), 0) <= 1

    def is_verb(self, word: str) -> bool:
        """Whether a word in lower case is used as a verb more than now and then."""
        count = self.verbs.get(word, 0)
        is_common = count >= max(_LEAST_VERB, _LEAST_VERB_SHARE * self.spellings.get(word, 0))
        return is_common and bool(terms_of(word))

    def in_sentence(self, heading: str) -> str:
        """A heading as it would stand inside a sentence: only names keep their capitals."""
        return _WORD.sub(lambda word: self._cased(word[0]), heading)

    def _cased(self, word: str) -> str:
        lowered = word.lower()
        is_name = not word.istitle() or self.spellings.get(word, 0) > self.spellings.get(lowered, 0)
        return word if is_name else lowered

    def infinitive_of(self, word: str) -> str | None:
        """The verb that "Creating", "Creates" or "Create" is a form of, None for other words."""
        lowered = word.lower()
        known = [form for form in _forms(lowered) if self.is_verb(form)]
        return max(known, key=lambda form: self.verbs[form], default=None)


def _forms(word: str) -> Iterator[str]:
    if word.endswith("ing"):
        stem = word[:-3]
        yield from (stem, f"{stem}e")
        if stem[-2:-1] == stem[-1:]:
            yield stem[:-1]
        return
    yield word
    if word.endswith("ies"):
        yield f"{word[:-3]}y"
    elif word.endswith("es"):
        yield from (word[:-1], word[:-2])
    elif word.endswith("s"):
        yield word[:-1]
