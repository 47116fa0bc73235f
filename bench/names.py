"""Questions that name something exactly, made from what is indexed, and whether its own section comes first."""

import random
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TypeVar

from bench.lab import Recorded
from bench.sizes import size
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
_FLAG = re.compile(r"(?<![\w-])--[a-z][a-z0-9-]+")


@dataclass(frozen=True, slots=True)
class _Named:
    """A question that names something; what defines that is at `url`, or for a flag has it in its text."""

    kind: str
    question: str
    url: str
    flag: str = ""

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
    return {
        name: {kind: _shares(ranks) for (of, kind), ranks in found.items() if of == name}
        for name in variants
    }


def _shares(ranks: Sequence[int | None]) -> dict[str, float]:
    return {
        "n": len(ranks),
        "first": round(sum(rank == 1 for rank in ranks) / len(ranks), 4),
        f"among {_K}": round(sum(rank is not None for rank in ranks) / len(ranks), 4),
    }


def _questions(pages: Sequence[DumpedPage]) -> list[_Named]:
    """The same for the same index: whole names, their last two parts, last parts that only one page has, and flags."""
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
    return asked + [
        _Named("flags", rng.choice(_ASKED).format(flag), "", flag) for flag in _some(flags, rng)
    ]


def _some(things: Sequence[_Thing], rng: random.Random) -> list[_Thing]:
    most = size(_EACH, 5)
    return list(things) if len(things) <= most else rng.sample(list(things), most)


def _tail(title: str, parts: int) -> str:
    return ".".join(title.split(".")[-parts:])
