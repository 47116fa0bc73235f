"""What is placed in the context: the best chunks first, neighbours counted, nothing twice, never above the budget."""

from collections.abc import Sequence
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from api.core.context import Packing, blocks_of, place_hits
from api.core.tokens import estimate_tokens
from schemas.answers import Hit

_TEXTS = (
    "Ray Data reads files.",
    "It is set with these options:",
    "workers: how many",
    "and it goes on here",
    "    indented = True",
    "- an item",
    "A much longer paragraph that says a little more about the same matter. " * 3,
)


def hit(
    text: str,
    *,
    page: str = "a",
    before: Sequence[str] = (),
    after: Sequence[str] = (),
    score: float = 1.0,
) -> Hit:
    return Hit(
        url=f"https://x/{page}",
        title="A",
        section="A",
        anchor="s",
        text=text,
        score=score,
        source="docs",
        commit="c0ffee",
        before=tuple(before),
        after=tuple(after),
    )


texts = st.sampled_from(_TEXTS)
hits = st.lists(
    st.builds(
        hit,
        texts,
        page=st.sampled_from("abc"),
        before=st.lists(texts, max_size=2),
        after=st.lists(texts, max_size=2),
        score=st.floats(0, 2),
    ),
    max_size=9,
).map(lambda found: sorted(found, key=lambda one: -one.score))
packings = st.builds(
    Packing,
    k=st.integers(1, 9),
    neighboured=st.integers(0, 9),
    tokens=st.integers(1, 200),
    weak=st.floats(0, 1),
)


@given(hits, packings)
def test_neighbours_count_towards_k(found: list[Hit], packing: Packing) -> None:
    placed = place_hits(found, packing)

    assert sum(len(one.chunks) for one in placed) <= packing.k


@given(hits, packings)
def test_only_a_first_chunk_alone_passes_the_budget(found: list[Hit], packing: Packing) -> None:
    placed = place_hits(found, packing)
    chunks = [chunk for one in placed for chunk in one.chunks]

    assert len(chunks) == 1 or sum(map(estimate_tokens, chunks)) <= packing.tokens
    assert bool(chunks) == bool(found)


@given(hits, packings)
def test_no_chunk_of_a_section_is_placed_twice(found: list[Hit], packing: Packing) -> None:
    chunks = [(one.hit.url, chunk) for one in place_hits(found, packing) for chunk in one.chunks]

    assert len(chunks) == len(set(chunks))


@given(hits, packings)
def test_what_is_left_out_is_worse_than_all_that_is_placed(
    found: list[Hit], packing: Packing
) -> None:
    placed = place_hits(found, packing)
    held = {(one.hit.url, chunk) for one in placed for chunk in one.chunks}
    is_held = [(one.url, one.text) in held for one in found]
    first_out = is_held.index(False) if False in is_held else len(found)
    ranks = [found.index(one.hit) for one in placed]

    assert ranks == sorted(ranks)
    assert all(rank < first_out for rank in ranks)


@given(hits, packings)
def test_a_neighbour_stands_right_beside_its_chunk_in_reading_order(
    found: list[Hit], packing: Packing
) -> None:
    for one in place_hits(found, packing):
        around = [*one.hit.before[-1:], one.hit.text, *one.hit.after[:1]]

        assert one.hit.text in one.chunks
        assert "\n".join(one.chunks) in "\n".join(around)


@given(hits, packings)
def test_the_blocks_hold_what_is_placed_and_are_counted_from_one(
    found: list[Hit], packing: Packing
) -> None:
    blocks = blocks_of(found, packing)
    by_url = {block.url: block.text for block in blocks}

    assert [block.n for block in blocks] == list(range(1, len(blocks) + 1))
    for one in place_hits(found, packing):
        assert all(chunk in by_url[f"{one.hit.url}#s"] for chunk in one.chunks)


def test_only_what_was_cut_off_brings_its_other_part() -> None:
    whole = hit("It stands alone.", before=["Before it."], after=["After it."])
    announcing = hit("Set these options:", page="b", after=["workers: how many"])
    cut = hit("and it goes on here", page="c", before=["It begins here,"])

    placed = place_hits([whole, announcing, cut], Packing(k=7, neighboured=3))

    assert [one.chunks for one in placed] == [
        ("It stands alone.",),
        ("Set these options:", "workers: how many"),
        ("It begins here,", "and it goes on here"),
    ]


@pytest.mark.parametrize(
    ("last_score", "k", "pages"),
    [(0.4, 3, "ab"), (0.6, 3, "abc"), (0.6, 4, "abc"), (0.4, 4, "abc")],
)
def test_a_neighbour_takes_a_free_place_or_that_of_a_weak_hit(
    last_score: float, k: int, pages: str
) -> None:
    announcing = hit("Set these options:", after=["workers: how many"])
    others = [hit("Another page.", page="b"), hit("A third page.", page="c", score=last_score)]

    placed = place_hits([announcing, *others], Packing(k=k, neighboured=1))

    assert [one.hit.url[-1] for one in placed] == list(pages)
    assert len(placed[0].chunks) == (2 if k > len(pages) else 1)


@given(hits, packings)
def test_no_strong_hit_gives_its_place_to_a_neighbour(found: list[Hit], packing: Packing) -> None:
    strong = [one for one in found[: packing.k] if one.score >= packing.weak * found[0].score]
    roomy = replace(packing, tokens=1_000_000)

    held = {(one.hit.url, chunk) for one in place_hits(found, roomy) for chunk in one.chunks}

    assert {(one.url, one.text) for one in strong} <= held
