"""Costs: what all answers cost is what the routes cost together."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from eval.core.costs import cost_by_route


@given(st.lists(st.tuples(st.sampled_from(["cheap", "strong", "code"]), st.floats(0, 10))))
def test_routes_add_up_to_the_whole(answers: list[tuple[str, float]]) -> None:
    routes = cost_by_route(answers)

    assert sum(route.answers for route in routes) == len(answers)
    assert sum(route.cost for route in routes) == pytest.approx(sum(cost for _, cost in answers))
    assert sum(route.share for route in routes) == pytest.approx(1.0 if answers else 0.0)
    assert all(
        route.cost_per_answer * route.answers == pytest.approx(route.cost) for route in routes
    )
    assert [route.cost for route in routes] == sorted((r.cost for r in routes), reverse=True)
