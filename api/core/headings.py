"""Whether the heading over what is quoted says what was asked, so that it is shown with the quote."""

import re
from collections.abc import Mapping

from api.core.evidence import Found
from api.core.passage import heading_of
from api.core.roles import is_of_another
from index.core.terms import terms_of

_MAX_CHARS = 120
_ADDS = 0.2
"""A heading is shown where it has this share of the question that the quotes below it lack,"""
_ASKS_NAME = re.compile(
    r"\b(?:which|when|since|what (?:version|release|endpoint))\b", re.IGNORECASE
)
"""or where the question asks for a name"""
_IS_NAME = re.compile(r"\d|[/_{]|--")
"""and it may be one: of a version, a code, an endpoint."""


def headings_shown(found: Found, quoted: Mapping[int, frozenset[str]]) -> dict[int, str]:
    """The headings to show, by the first rank of their section; `quoted` has the terms quoted by rank."""
    sections: dict[tuple[str, str], list[int]] = {}
    for rank in quoted:
        hit = found.hits[rank]
        sections.setdefault((hit.url, hit.anchor), []).append(rank)
    said = {
        ranks[0]: frozenset[str]().union(*(quoted[rank] for rank in ranks))
        for ranks in sections.values()
    }
    shown = {rank: _shown(found, rank, terms) for rank, terms in said.items()}
    return {rank: heading for rank, heading in shown.items() if heading}


def _shown(found: Found, rank: int, quoted: frozenset[str]) -> str:
    """The heading right over the hit at `rank` where it says what `quoted`, the terms quoted below it, do not.

    "" where it adds nothing to the answer, and for one that no reader would take for a heading.
    """
    heading = heading_of(found.hits[rank]).strip()
    if len(heading) > _MAX_CHARS or "\n" in heading or is_of_another(heading):
        return ""
    terms = frozenset(terms_of(heading))
    gain = found.subject.share(quoted | terms) - found.subject.share(quoted)
    names = _ASKS_NAME.search(found.question) and _IS_NAME.search(heading) and not terms <= quoted
    return heading if names or gain >= _ADDS else ""
