"""What answers cost, by the route that they took."""

from collections.abc import Iterable

import msgspec


class RouteCost(msgspec.Struct, frozen=True, kw_only=True):
    """The answers of one route: how many, their share of all, and what they cost, in the currency of the prices."""

    route: str
    answers: int
    share: float
    cost: float
    cost_per_answer: float


def cost_by_route(answers: Iterable[tuple[str, float]]) -> list[RouteCost]:
    """Sum up (route, cost) of each answer; the route that cost most comes first, then by name."""
    costs: dict[str, list[float]] = {}
    for route, cost in answers:
        costs.setdefault(route, []).append(cost)
    count = sum(map(len, costs.values()))
    summed = [
        RouteCost(
            route=route,
            answers=len(each),
            share=len(each) / count,
            cost=sum(each),
            cost_per_answer=sum(each) / len(each),
        )
        for route, each in costs.items()
    ]
    return sorted(summed, key=lambda one: (-one.cost, one.route))
