"""Which questions are kept of all that templates make of a corpus."""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from hashlib import sha256
from itertools import islice

from eval.core.corpus import Lexicon, passages_of
from eval.core.retrieval import Question
from eval.core.templates import Draft, Origin, Templates
from index.core.stored import DumpedPage
from index.core.terms import terms_of

_ROUND = (
    Origin.SENTENCE, Origin.HEADING, Origin.NAME, Origin.SENTENCE, Origin.ITEM, Origin.HEADING, Origin.NAME,
    Origin.SENTENCE, Origin.CODE, Origin.ITEM,
)  # fmt: skip
"""In which proportions questions are taken, as far as the corpus has them."""


def template_questions(pages: Iterable[DumpedPage], *, count: int, seed: int) -> list[Question]:
    """At most `count` questions with the section that answers each, the same for the same seed and pages.

    Each section is asked once before any is asked twice, and pages alike. No two questions have the same words, and
    none could be about two pages by its words.
    """
    passages = passages_of(pages)
    templates = Templates(Lexicon.of(passages), seed=seed)
    drafts = [draft for passage in passages for draft in templates.drafts_of(passage)]
    return [
        Question(question=draft.question, source=draft.passage.source)
        for draft in islice(_in_rounds(_distinct(drafts), seed), count)
    ]


def _distinct(drafts: Sequence[Draft]) -> list[Draft]:
    """Without those whose words ask the same of two pages, and one of those that ask it of one page."""
    by_words: dict[tuple[str, ...], list[Draft]] = {}
    for draft in drafts:
        by_words.setdefault(tuple(sorted(terms_of(draft.question))), []).append(draft)
    return [same[0] for same in by_words.values() if len({one.passage.page for one in same}) == 1]


def _in_rounds(drafts: Sequence[Draft], seed: int) -> Iterator[Draft]:
    """All of them in the order in which they are wanted."""
    waiting = {origin: _in_turn(drafts, origin, seed) for origin in Origin}
    asked: Counter[str] = Counter()
    times = 0
    while any(waiting.values()):
        times += 1
        left: dict[Origin, list[Draft]] = {origin: [] for origin in Origin}
        turns = {origin: _unasked(waiting[origin], asked, times, left[origin]) for origin in Origin}
        while drawn := [draft for origin in _ROUND if (draft := next(turns[origin], None))]:
            yield from drawn
        waiting = left


def _unasked(
    drafts: Sequence[Draft], asked: Counter[str], times: int, left: list[Draft]
) -> Iterator[Draft]:
    """Those whose section was asked less than `times` when their turn comes; `left` takes the others."""
    for draft in drafts:
        if asked[draft.passage.source] < times:
            asked[draft.passage.source] += 1
            yield draft
        else:
            left.append(draft)


def _in_turn(drafts: Iterable[Draft], origin: Origin, seed: int) -> list[Draft]:
    """Those of one origin by lot, the first of every page before the second of any."""
    lots = sorted(
        (_lot(one, seed), at, one) for at, one in enumerate(drafts) if one.origin is origin
    )
    seen: Counter[str] = Counter()
    depths: list[tuple[int, Draft]] = []
    for _, _, draft in lots:
        seen[draft.passage.page] += 1
        depths.append((seen[draft.passage.page], draft))
    return [draft for _, draft in sorted(depths, key=lambda one: one[0])]


def _lot(draft: Draft, seed: int) -> bytes:
    return sha256(f"{seed}\n{draft.passage.source}\n{draft.question}".encode()).digest()
