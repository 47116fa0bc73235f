"""Two ways to retrieve on the same questions: compared one question at a time, on as much context."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

_RESAMPLES = 10_000
_SEED = 7


@dataclass(frozen=True, slots=True)
class Shown:
    """A chunk in the context: its page's URL without an anchor, its characters, and the address of its section."""

    url: str
    chars: int
    section: str = ""


@dataclass(frozen=True, slots=True)
class Gain:
    """The mean of paired differences with its 95 % interval, and how many questions went either way."""

    gain: float
    interval: tuple[float, float]
    better: int
    worse: int
    n: int


def paired_gain(
    ours: Sequence[float], theirs: Sequence[float], groups: Sequence[str] | None = None
) -> Gain:
    """Ours less theirs on the same questions, at least one; the interval is a bootstrap's over questions.

    With `groups` (one name a question, such as its page) it is one over groups: questions of a group go together, so
    that asking a page twice makes nothing surer. Equal input gives equal figures. Source: Efron & Tibshirani, An
    Introduction to the Bootstrap (percentiles), 1993.
    """
    differences = np.asarray(ours, dtype=np.float64) - np.asarray(theirs, dtype=np.float64)
    of = np.unique(groups, return_inverse=True)[1] if groups else np.arange(len(differences))
    sums, sizes = np.bincount(of, differences), np.bincount(of)
    drawn = np.random.default_rng(_SEED).integers(len(sums), size=(_RESAMPLES, len(sums)))
    means = sums[drawn].sum(axis=1) / sizes[drawn].sum(axis=1)
    low, high = np.quantile(means, (0.025, 0.975))
    return Gain(
        float(differences.mean()),
        (float(low), float(high)),
        int((differences > 0).sum()),
        int((differences < 0).sum()),
        len(differences),
    )


def cut_alike(
    ours: Sequence[Shown], theirs: Sequence[Shown], *, least: float = 0.5
) -> tuple[set[str], set[str]]:
    """The pages that both show on as many pages and in as many characters as the one with fewer has.

    Each is read from its best chunk on, first until the page that is one too many, then to the last character. A chunk
    that the end falls into counts where at least the share `least` of it is read; 1 counts whole chunks alone.
    """
    pages = min(len({one.url for one in ours}), len({one.url for one in theirs}))
    first, second = _first_pages(ours, pages), _first_pages(theirs, pages)
    chars = min(sum(one.chars for one in first), sum(one.chars for one in second))
    return _read(first, chars, least), _read(second, chars, least)


def _first_pages(shown: Sequence[Shown], pages: int) -> list[Shown]:
    kept: list[Shown] = []
    seen: set[str] = set()
    for one in shown:
        if len(seen | {one.url}) > pages:
            break
        seen.add(one.url)
        kept.append(one)
    return kept


def _read(shown: Sequence[Shown], chars: int, least: float) -> set[str]:
    read: set[str] = set()
    for one in shown:
        if chars <= 0 or chars < one.chars * least:
            break
        read.add(one.url)
        chars -= one.chars
    return read
