"""In which order a batch of events is applied."""

from hypothesis import given
from hypothesis import strategies as st

from schemas.events import PageChanged, PageDeleted, PageEvent
from stream.core.order import in_order, in_parts
from tests.support.events import changed, deleted

paths = st.sampled_from(["a.md", "b.md", "c.md"])
revisions = st.integers(1, 5)
events = st.lists(
    st.builds(changed, paths, revisions)
    | st.builds(deleted, paths, revisions)
    | st.builds(lambda path, at, to: deleted(path, at, moved_to=to), paths, revisions, paths)
)


def kind(event: PageEvent) -> int:
    match event:
        case PageChanged():
            return 1
        case PageDeleted(moved_to=None):
            return 0
        case _:
            return 2


@given(events)
def test_deletions_go_first_and_those_of_moves_last(batch: list[PageEvent]) -> None:
    kinds = [kind(event) for event in in_order(batch)]

    assert kinds == sorted(kinds)


@given(events)
def test_events_of_a_kind_stay_in_the_order_they_came(batch: list[PageEvent]) -> None:
    ordered = in_order(batch)

    for number in range(3):
        assert [event for event in ordered if kind(event) == number] == [
            event for event in batch if kind(event) == number
        ]


@given(st.lists(st.builds(changed, paths, revisions), max_size=100))
def test_parts_lose_nothing_grow_and_stay_bounded(batch: list[PageEvent]) -> None:
    parts = in_parts(batch)

    assert [event for part in parts for event in part] == batch
    sizes = [len(part) for part in parts]
    assert sizes[:-1] == [2, 4, 8, 16, 16, 16, 16, 16][: max(0, len(sizes) - 1)]
    assert all(0 < size <= 16 for size in sizes)
