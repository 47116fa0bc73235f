"""How two rankings become one list of sections to read: fused, page first."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

from index.core.alike import likeness, shingles_of, telling_words
from index.core.inline_code import without_signs
from index.core.names import defines
from schemas.ids import Generation, SourceName


@dataclass(frozen=True, slots=True)
class QueryTerms:
    """The distinct terms of a question, as `index.core.terms` makes them."""

    terms: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class RankWeights:
    """How the rankings are weighed; every value is 0 or more.

    `k1` and `b` are BM25's; the field weights multiply a term's count there. The best lexical score of a question
    counts as much as a cosine of `lexical`, the others in proportion. A page is worth its best chunk and `page` times
    its next two. At most `per_page` chunks of one page are taken.
    """

    k1: float = 1.2
    b: float = 0.75
    title: float = 3.0
    heading: float = 2.0
    path: float = 1.0
    body: float = 1.0
    lexical: float = 0.5
    page: float = 0.1
    per_page: int = 2
    alike: float = 0.8
    exact: float = 0.2


@dataclass(frozen=True, slots=True)
class ChunkKey:
    """A chunk by its page and place."""

    source: SourceName
    path: str
    ordinal: int


@dataclass(frozen=True, slots=True)
class Candidate:
    """A chunk that one of the legs found, with all that a hit shows.

    `cosine` is its similarity to the question, in [-1, 1]; `lexical` its BM25 score, 0 when no term
    matches. `committed_at` is of `commit`, `revision` the page's.
    """

    key: ChunkKey
    section: int
    url: str
    title: str
    heading_path: tuple[str, ...]
    anchor: str
    text: str
    commit: str
    cosine: float
    lexical: float
    committed_at: datetime | None = None
    revision: int = 0


@dataclass(frozen=True, slots=True)
class Around:
    """The texts of its section before and after a chunk, the nearest ones, in reading order."""

    before: tuple[str, ...] = ()
    after: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class SourceAsOf:
    """What the answers reflect of a source: the newest commit that is wholly searchable or parked."""

    commit: str
    committed_at: datetime | None
    indexed_at: datetime | None
    parked: int


@dataclass(frozen=True, slots=True)
class Candidates:
    """What one snapshot of the store offers a question: of no `generation` while there is none."""

    chunks: tuple[Candidate, ...]
    as_of: Mapping[SourceName, SourceAsOf]
    generation: Generation | None = None


@dataclass(frozen=True, slots=True)
class Parts:
    """What a score is made of: (`cosine` + `lexical` + `exact`) by `weight`, and what is added: `page` and `pinned`.

    `lexical` is what its share of the best lexical score counts, `exact` that the question names it, `weight` that of
    the page's path (which divides what is below 0, so that more weight never means a lower place), `page` what further
    chunks of the page add, `pinned` what puts the curated answer to a question before all others.
    """

    cosine: float = 0.0
    lexical: float = 0.0
    weight: float = 1.0
    page: float = 0.0
    pinned: float = 0.0
    exact: float = 0.0

    @property
    def score(self) -> float:
        """All of it together."""
        fused = self.cosine + self.lexical + self.exact
        weighted = fused * self.weight if fused >= 0 or not self.weight else fused / self.weight
        return weighted + self.page + self.pinned


@dataclass(frozen=True, slots=True)
class Ranked:
    """A candidate with its fused score, and what that is made of."""

    candidate: Candidate
    score: float
    parts: Parts = field(default_factory=Parts)


@dataclass(frozen=True, slots=True)
class Ordered:
    """A ranking, and the best first what has no place in it, since its page has all that it may have."""

    ranked: list[Ranked]
    crowded: list[Ranked]


WeightOf = Callable[[ChunkKey], float]
"""What the score of a chunk is multiplied by, 0 or more, for the path of its page."""


def same_weight(_key: ChunkKey) -> float:
    """Every page counts the same."""
    return 1.0


@dataclass(frozen=True, slots=True)
class Standing:
    """The places of a chunk in both rankings, from 1; None where a ranking has it not."""

    vectors: int | None
    lexical: int | None


def order_page_first(
    candidates: Sequence[Candidate],
    *,
    weights: RankWeights,
    weight_of: WeightOf = same_weight,
    first: Sequence[Candidate] = (),
    names: Sequence[str] = (),
) -> Ordered:
    """Fuse both rankings, order the pages, and take the best chunk of each, then the second best, and so on.

    `names` are those of the question, as `names_in` gives them. Ties fall back to source, path and ordinal. The first
    chunk of a page carries the page's score. Those that are to be `first` come before all candidates, in their order.
    """
    fused = _fuse(candidates, weights, weight_of, names)
    by_page: dict[tuple[SourceName, str], list[Ranked]] = {}
    for ranked in sorted(fused, key=_best_first):
        key = ranked.candidate.key
        by_page.setdefault((key.source, key.path), []).append(ranked)
    pages = sorted(
        (_scored(page, weights) for page in by_page.values()), key=lambda page: _best_first(page[0])
    )
    rounds = (
        sorted((page[depth] for page in pages if depth < len(page)), key=_best_first)
        for depth in range(weights.per_page)
    )
    others = [ranked for round_ in rounds for ranked in round_]
    crowded = sorted((one for page in pages for one in page[weights.per_page :]), key=_best_first)
    return Ordered([*_above(_fuse(first, weights, weight_of, names), others), *others], crowded)


def without_repeats(
    ranked: Sequence[Ranked], *, least: float, k: int, most: int | None = None
) -> list[Ranked]:
    """The first `k`, or `most`, but for those that repeat one before them: so a copy takes no other section's place.

    A repeat stands below the same headings, shares at least `least` of its runs of words, and has the same numbers,
    names and negations. The headings decide too: a docstring that many classes inherit answers for each of them, and
    the reader asked for one. Where there are fewer than `k` others, repeats have the places that are left.
    """
    most = k if most is None else most
    kept: list[int] = []
    repeats: list[int] = []
    seen: dict[tuple[str, ...], list[str]] = {}
    for n, one in enumerate(ranked):
        if len(kept) == most:
            break
        candidate = one.candidate
        texts = seen.setdefault((candidate.title, *candidate.heading_path), [])
        said = without_signs(candidate.text)
        if any(_says_the_same(said, text, least) for text in texts):
            repeats.append(n)
        else:
            kept.append(n)
            texts.append(said)
    free = max(0, min(k, most) - len(kept))
    return [ranked[n] for n in sorted([*kept, *repeats[:free]])]


def _says_the_same(one: str, other: str, least: float) -> bool:
    if least > 1 or telling_words(one) != telling_words(other):
        return False
    return likeness(shingles_of(one), shingles_of(other)) >= least


def standings_of(
    candidates: Sequence[Candidate], *, has_vectors: bool
) -> Mapping[ChunkKey, Standing]:
    """Where each candidate stands in each ranking by itself; ties fall back to source, path and ordinal."""
    by_cosine = _places(candidates, [one.cosine for one in candidates]) if has_vectors else {}
    matching = [one for one in candidates if one.lexical > 0]
    by_terms = _places(matching, [one.lexical for one in matching])
    return {one.key: Standing(by_cosine.get(one.key), by_terms.get(one.key)) for one in candidates}


def _places(candidates: Sequence[Candidate], scores: Sequence[float]) -> Mapping[ChunkKey, int]:
    keys = [candidate.key for candidate in candidates]
    ranked = sorted(
        (-score, key.source, key.path, key.ordinal, key)
        for key, score in zip(keys, scores, strict=True)
    )
    return {key: place for place, (*_, key) in enumerate(ranked, 1)}


def _fuse(
    candidates: Sequence[Candidate],
    weights: RankWeights,
    weight_of: WeightOf,
    names: Sequence[str],
) -> list[Ranked]:
    """Cosine plus the share of the best lexical score: both stay comparable where ranks alone would not."""
    best = max((candidate.lexical for candidate in candidates), default=0.0) or 1.0
    all_parts = (
        Parts(
            cosine=one.cosine,
            lexical=weights.lexical * one.lexical / best,
            exact=weights.exact if _is_named(one, names) else 0.0,
            weight=weight_of(one.key),
        )
        for one in candidates
    )
    return [
        Ranked(one, parts.score, parts) for one, parts in zip(candidates, all_parts, strict=True)
    ]


def _above(first: Sequence[Ranked], others: Sequence[Ranked]) -> list[Ranked]:
    """`first` with scores above all others, in their order."""
    highest = max((one.score for one in (*first, *others)), default=0.0)
    scores = [highest + place for place in range(len(first), 0, -1)]
    all_parts = [
        replace(one.parts, pinned=score - one.parts.score)
        for one, score in zip(first, scores, strict=True)
    ]
    return [
        Ranked(one.candidate, parts.score, parts)
        for one, parts in zip(first, all_parts, strict=True)
    ]


def _is_named(candidate: Candidate, names: Sequence[str]) -> bool:
    headings = (candidate.title, *candidate.heading_path[-1:])
    return bool(names) and defines(names, headings=headings, text=without_signs(candidate.text))


def _scored(page: Sequence[Ranked], weights: RankWeights) -> list[Ranked]:
    more = weights.page * sum(ranked.score for ranked in page[1:3])
    parts = replace(page[0].parts, page=more)
    return [Ranked(page[0].candidate, parts.score, parts), *page[1:]]


def _best_first(ranked: Ranked) -> tuple[float, SourceName, str, int]:
    key = ranked.candidate.key
    return (-ranked.score, key.source, key.path, key.ordinal)
