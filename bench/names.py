"""Questions that name something exactly, made from what is indexed, and whether its own section comes first."""

import random
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TypeVar

from bench.lab import Recorded, shown_gain
from bench.sizes import size
from eval.core.paired import paired_gain
from headwater.runtime import Runtime
from index.core.stored import DumpedPage
from index.handlers import Within, search_index
from schemas.answers import Hit
from schemas.ids import Generation, SourceName

_K = 7
_Thing = TypeVar("_Thing")
_EACH = 100
_ASKED = ("What does {} do?", "How do I use {}?", "{}", "Which parameters does {} take?")
_TITLE = re.compile(r"[A-Za-z_]\w*(?:\.[A-Za-z_]\w*)+")
_HEADED = re.compile(r"(?:(?:[A-Z]|\d+)(?:\.\d+)*\. )?([A-Za-z]\w*_\w*[A-Za-z0-9])")
"""A title that is a name alone, or a number and a name: `53.10. pg_cast`."""
_FLAG = re.compile(r"(?<![\w-])--[a-z][a-z0-9-]+")


@dataclass(frozen=True, slots=True)
class _Named:
    """A question that names something; what defines that is at `url`, or for a flag has it in its text."""

    kind: str
    question: str
    url: str
    flag: str = ""

    @property
    def group(self) -> str:
        """What questions have in common that are found or missed together."""
        return self.flag or self.url

    def is_answered_by(self, hit: Hit) -> bool:
        return self.flag in hit.text if self.flag else hit.url == self.url


async def name_figures(runtime: Runtime, generation: Generation) -> dict[str, object]:
    """The share of questions whose section is first, and among the k found, as shipped and without exact names."""
    pages: list[DumpedPage] = []
    for source in runtime.settings.source:
        dump = await runtime.store.generations.dump(generation, SourceName(source.name))
        pages += dump.values()
    questions = _questions(pages)
    shipped = runtime.searcher.weights
    variants = {
        "shipped": shipped,
        "exact names not counted": replace(shipped, exact=0.0),
        "vectors alone": replace(shipped, exact=0.0, lexical=0.0),
    }
    recorded = Recorded(runtime)
    found: dict[tuple[str, str], list[int | None]] = {}
    for one in questions:
        for name, weights in variants.items():
            searcher = recorded.searcher(weights)
            hits = await search_index(one.question, k=_K, within=Within(), searcher=searcher)
            ranks = [n for n, hit in enumerate(hits.hits, 1) if one.is_answered_by(hit)]
            found.setdefault((name, one.kind), []).append(min(ranks, default=None))
    shares = {
        name: {kind: _shares(ranks) for (of, kind), ranks in found.items() if of == name}
        for name in variants
    }
    return {**shares, "first_shipped_less_variant": _gains(questions, found)}


def _gains(
    questions: Sequence[_Named],
    found: Mapping[tuple[str, str], Sequence[int | None]],
) -> dict[str, object]:
    """How much oftener the section comes first as shipped, for each kind, paired by question."""
    gains: dict[str, dict[str, object]] = {}
    for name, kind in found:
        if name != "shipped":
            ours, theirs = (
                [float(rank == 1) for rank in found[of, kind]] for of in ("shipped", name)
            )
            groups = [one.group for one in questions if one.kind == kind]
            gains.setdefault(name, {})[kind] = shown_gain(paired_gain(ours, theirs, groups))
    return dict(gains)


def _shares(ranks: Sequence[int | None]) -> dict[str, float]:
    return {
        "n": len(ranks),
        "first": round(sum(rank == 1 for rank in ranks) / len(ranks), 4),
        f"among {_K}": round(sum(rank is not None for rank in ranks) / len(ranks), 4),
    }


def _questions(pages: Sequence[DumpedPage]) -> list[_Named]:
    """The same for the same index: whole names, their last two parts, last parts that only one page has, flags, and
    names that are the titles of pages.
    """
    rng = random.Random(7)
    named = {page.title: page.url for page in pages if _TITLE.fullmatch(page.title)}
    tails = {n: Counter(_tail(title, n) for title in named) for n in (1, 2)}
    kinds = {
        "whole names": [(title, url) for title, url in named.items()],
        "last two parts": [
            (_tail(t, 2), url) for t, url in named.items() if tails[2][_tail(t, 2)] == 1
        ],
        "last part": [
            (_tail(t, 1), url)
            for t, url in named.items()
            if tails[1][_tail(t, 1)] == 1 and "_" in _tail(t, 1).strip("_")
        ],
    }
    asked = [
        _Named(kind, rng.choice(_ASKED).format(name), url)
        for kind, of_kind in kinds.items()
        for name, url in _some(of_kind, rng)
    ]
    texts = (text for page in pages for _, text, _ in page.chunks)
    flags = sorted({flag for text in texts for flag in _FLAG.findall(text)})
    asked += [
        _Named("flags", rng.choice(_ASKED).format(flag), "", flag) for flag in _some(flags, rng)
    ]
    headed = [
        (found[1], page.url)
        for page in pages
        if (found := _HEADED.fullmatch(page.title)) and page.chunks
    ]
    counts = Counter(name for name, _ in headed)
    titles = [(name, url) for name, url in headed if counts[name] == 1]
    return asked + [
        _Named("titles", rng.choice(_ASKED).format(name), url) for name, url in _some(titles, rng)
    ]


def _some(things: Sequence[_Thing], rng: random.Random) -> list[_Thing]:
    most = size(_EACH, 5)
    return list(things) if len(things) <= most else rng.sample(list(things), most)


def _tail(title: str, parts: int) -> str:
    return ".".join(title.split(".")[-parts:])
