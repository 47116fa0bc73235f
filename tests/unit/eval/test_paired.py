"""A paired comparison favours neither side, and neither side reads more than the other."""

from collections.abc import Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from eval.core.paired import Shown, cut_alike, paired_gain

shown = st.lists(st.builds(Shown, st.sampled_from("abcdefg"), st.integers(1, 900)), max_size=9)
scores = st.lists(st.tuples(st.booleans(), st.booleans()), min_size=1, max_size=30)
shares = st.sampled_from([0.5, 1.0])


@given(shown, shown, shares)
def test_cutting_does_not_ask_which_side_is_ours(
    ours: list[Shown], theirs: list[Shown], least: float
) -> None:
    assert cut_alike(ours, theirs, least=least) == cut_alike(theirs, ours, least=least)[::-1]


@given(shown, shown, shares)
def test_a_side_is_only_ever_cut_and_never_reads_more_pages_than_the_other_has(
    ours: list[Shown], theirs: list[Shown], least: float
) -> None:
    fewest = min(len({one.url for one in ours}), len({one.url for one in theirs}))

    for side, read in zip((ours, theirs), cut_alike(ours, theirs, least=least), strict=True):
        assert read <= {one.url for one in side}
        assert len(read) <= fewest


@given(shown, shares)
def test_alike_sides_are_not_cut(side: list[Shown], least: float) -> None:
    pages = {one.url for one in side}

    assert cut_alike(side, side, least=least) == (pages, pages)


def test_the_longer_side_loses_what_is_past_the_end_of_the_other() -> None:
    short = [Shown("a", 100), Shown("b", 100)]
    long = [Shown("c", 150), Shown("d", 150)]

    assert cut_alike(short, long, least=1.0) == ({"a", "b"}, {"c"})
    assert cut_alike(short, long, least=0.3) == ({"a", "b"}, {"c", "d"})
    assert cut_alike(short, long, least=0.5) == ({"a", "b"}, {"c"})


@settings(max_examples=20, deadline=None)
@given(scores)
def test_a_gain_is_the_difference_of_the_means_within_its_interval(
    pairs: Sequence[tuple[bool, bool]],
) -> None:
    ours, theirs = [one for one, _ in pairs], [other for _, other in pairs]

    gain = paired_gain(ours, theirs)

    assert gain.gain == pytest.approx((sum(ours) - sum(theirs)) / len(pairs))
    assert gain.interval[0] - 1e-9 <= gain.gain <= gain.interval[1] + 1e-9
    assert (gain.better, gain.worse) == (
        paired_gain(theirs, ours).worse,
        paired_gain(theirs, ours).better,
    )


def test_no_difference_has_no_width() -> None:
    assert paired_gain([1, 0, 1], [1, 0, 1]).interval == (0.0, 0.0)


@settings(max_examples=20, deadline=None)
@given(scores, st.integers(2, 4))
def test_asking_a_page_the_same_again_makes_nothing_surer(
    pairs: Sequence[tuple[bool, bool]], times: int
) -> None:
    ours, theirs = [one for one, _ in pairs], [other for _, other in pairs]
    pages = [f"page {n:02}" for n in range(len(pairs))]

    once = paired_gain(ours, theirs)
    again = paired_gain(ours * times, theirs * times, pages * times)

    assert (again.gain, *again.interval) == pytest.approx((once.gain, *once.interval))
    assert paired_gain(ours, theirs, pages).interval == pytest.approx(once.interval)
