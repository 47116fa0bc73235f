"""How much of a source may be on its way to the index at once."""

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from ingest.core.window import NOTHING, PIECE, WINDOW, Load, has_room, in_pieces, load_of
from schemas.events import PageEvent
from tests.support.events import changed, deleted

LARGEST = 12
texts = st.integers(0, 2 * LARGEST).map("x".__mul__)
events = st.lists(
    st.builds(lambda text: changed("a.md", 1, text), texts) | st.just(deleted("b.md", 1))
)
sizes = st.builds(Load, st.integers(1, 5), st.integers(1, LARGEST))


@given(events, sizes)
def test_pieces_lose_nothing_and_keep_the_order(batch: list[PageEvent], size: Load) -> None:
    pieces = list(in_pieces(batch, size=size))

    assert [event for piece in pieces for event in piece] == batch
    assert all(pieces)


@given(events, sizes)
def test_only_a_page_alone_is_more_than_a_piece(batch: list[PageEvent], size: Load) -> None:
    for piece in in_pieces(batch, size=size):
        assert len(piece) == 1 or load_of(piece).fits(size)


@given(events, sizes)
def test_a_piece_ends_only_where_the_next_page_does_not_fit(
    batch: list[PageEvent], size: Load
) -> None:
    pieces = list(in_pieces(batch, size=size))

    for piece, following in pairwise(pieces):
        assert not load_of([*piece, following[0]]).fits(size)


@given(events)
def test_what_is_on_its_way_fits_into_the_window_or_is_one_page(batch: list[PageEvent]) -> None:
    """As a publisher does it whose index finishes the oldest page whenever there is no room."""
    window, size, under_way = Load(6, LARGEST), Load(3, LARGEST // 2), list[PageEvent]()

    for piece in in_pieces(batch, size=size):
        while not has_room(load_of(under_way), load_of(piece), window=window):
            under_way.pop(0)
        under_way += piece

        assert len(under_way) == 1 or load_of(under_way).fits(window)


def test_two_pieces_fill_a_window() -> None:
    assert has_room(PIECE, PIECE)
    assert not has_room(PIECE + PIECE, Load(1, 0))
    assert not has_room(Load(1, WINDOW.chars), Load(1, 1))


def test_a_page_larger_than_the_window_goes_alone() -> None:
    large = Load(1, WINDOW.chars + 1)

    assert has_room(NOTHING, large)
    assert not has_room(Load(1, 0), large)
    assert not has_room(large, Load(1, 0))
