"""Which blocks of the context a sentence rests on."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from api.core.claims import Claims, numbers_of
from api.core.context import Block
from index.core.formats.invisible import strip_invisible
from index.core.terms import terms_of

_SAFE_ADDRESS = re.compile(
    r"https?://[A-Za-z0-9.-]+(?::\d+)?(?:[/?#][A-Za-z0-9._~:/?#@!*+,;=%&-]*)?"
)
_ENTITY = re.compile(r"&#?\w+;")
_ADDS_TERMS, _ADDS_SHARE = 2, 0.25
_IN_ADDRESS = "%#?=&~+-/@:"


@dataclass(frozen=True, slots=True)
class Support:
    """A block as sentences are held against it. `text` is all a model was shown of it."""

    n: int
    url: str
    text: str
    terms: frozenset[str]
    numbers: frozenset[str]

    def holds(self, claim: tuple[str, str]) -> bool:
        """Whether one of the things `claimed` gives stands in the block, not as a part of another."""
        kind, name = claim
        if kind == "number":
            return name in self.numbers
        if kind == "url":
            is_own = name in (self.url, self.url.partition("#")[0])
            return is_own or _stands(name, self.text, "/.@", _IN_ADDRESS)
        joined = "-" if name[0] == "-" else ""
        return _stands(name, self.text, joined, joined)


def claimed(claims: Claims) -> tuple[tuple[str, str], ...]:
    """The claims one by one, each with its kind, in a fixed order."""
    kinds = (("name", claims.names), ("number", claims.numbers), ("url", claims.urls))
    return tuple((kind, name) for kind, names in kinds for name in sorted(names))


def supports_of(blocks: Sequence[Block]) -> tuple[Support, ...]:
    """The blocks, prepared once for all sentences of an answer."""
    return tuple(_support(block) for block in blocks)


def links_of(blocks: Sequence[Block]) -> dict[str, str]:
    """Where a link may lead, by the address a model gives: a block's own, or its page's."""
    links = {block.url.partition("#")[0]: block.url for block in reversed(blocks)}
    links |= {block.url: block.url for block in blocks}
    return {given: url for given, url in links.items() if _is_safe(url)}


@dataclass(frozen=True, slots=True)
class Wanted:
    """What is asked of citations: the terms of a sentence, its claims, the markers it bore."""

    terms: frozenset[str]
    claims: tuple[tuple[str, str], ...]
    preferred: frozenset[int]


def cite(
    wanted: Wanted, supports: Iterable[Support], *, min_share: float, max_cites: int
) -> tuple[int, ...] | None:
    """The blocks that together hold every claim and `min_share` of the terms, or None.

    Fewest first: each is the one that adds the most claims, then one that is preferred (and has
    that share of the terms itself), then the one that adds the most terms, then the lowest number.
    Every one of them has at least half that share of the terms: a number alone makes no source. One
    that is not needed for the share is cited too where it adds a good part of the terms.
    """
    whole = len(wanted.terms)
    eligible = [one for one in supports if len(wanted.terms & one.terms) >= whole * min_share / 2]
    preferred = frozenset(
        one.n
        for one in eligible
        if one.n in wanted.preferred and len(wanted.terms & one.terms) >= whole * min_share
    )
    held = {
        one.n: frozenset(claim for claim in wanted.claims if one.holds(claim)) for one in eligible
    }
    chosen: list[int] = []
    claims, terms = frozenset(wanted.claims), wanted.terms
    while eligible and len(chosen) < max_cites:
        best = max(eligible, key=lambda one: _worth(one, held[one.n] & claims, terms, preferred))
        holds, adds = held[best.n] & claims, len(best.terms & terms)
        is_open = not chosen or claims or whole - len(terms) < whole * min_share
        is_wanted = adds >= max(_ADDS_TERMS, whole * _ADDS_SHARE)
        if not (holds or is_wanted or (is_open and adds)):
            break
        chosen.append(best.n)
        claims, terms = claims - holds, terms - best.terms
        eligible.remove(best)
    if not chosen or claims or whole - len(terms) < whole * min_share:
        return None
    return tuple(sorted(chosen))


def _worth(
    one: Support,
    claims: frozenset[tuple[str, str]],
    terms: frozenset[str],
    preferred: frozenset[int],
) -> tuple[int, bool, int, int]:
    return len(claims), one.n in preferred, len(one.terms & terms), -one.n


def _support(block: Block) -> Support:
    text = strip_invisible(f"{block.title}\n{block.section}\n{block.text}")
    return Support(block.n, block.url, text, frozenset(terms_of(text)), numbers_of(text))


def _stands(name: str, text: str, before: str, after: str) -> bool:
    """Whether `name` is in `text` with no character of a word, or of these, at its sides."""
    place = text.find(name)
    while place >= 0:
        end = place + len(name)
        left = text[place - 1 : place] if name[0] not in "./~" else ""
        if not _is_of(left, before) and not _is_of(text[end : end + 1], after):
            return True
        place = text.find(name, place + 1)
    return False


def _is_of(character: str, others: str) -> bool:
    return bool(character) and (character.isalnum() or character == "_" or character in others)


def _is_safe(url: str) -> bool:
    """Whether Markdown can lead to exactly this address, whoever renders it."""
    return bool(_SAFE_ADDRESS.fullmatch(url)) and not _ENTITY.search(url)
