"""What of the hits of a search a score counts: what answers place in their context, and nothing else."""

from collections.abc import Sequence

from api.core.context import Packing, place_hits
from api.core.quote import address_of
from eval.core.paired import Shown
from schemas.answers import Hit


def shown_of(hits: Sequence[Hit], packing: Packing) -> tuple[Shown, ...]:
    """The chunks that are placed of `hits` (best first), neighbours among them, in the order of their ranks."""
    return tuple(
        Shown(one.hit.url, len(chunk), address_of(one.hit))
        for one in place_hits(hits, packing)
        for chunk in one.chunks
    )
