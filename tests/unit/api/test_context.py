"""What is placed in the context: the best chunks first, neighbours counted, nothing twice, never above the budget."""

from collections.abc import Sequence
from dataclasses import replace

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from api.core.context import Packing, bare_block, blocks_of, fit_blocks, place_hits
from api.core.passage import joined
from api.core.tokens import estimate_tokens
from schemas.answers import Hit
from tests.support.hits import hit

_TEXTS = (
    "Ray Data reads files.",
    "It is set with these options:",
    "workers: how many",
    "and it goes on here",
    "    indented = True",
    "- an item",
    "A much longer paragraph that says a little more about the same matter. " * 3,
)


def ranked(found: Sequence[Hit]) -> list[Hit]:
    """Curated answers first, with scores above all others as the search gives them."""
    raised = [msgspec.structs.replace(one, score=one.score + 5 * one.pinned) for one in found]
    return sorted(raised, key=lambda one: -one.score)


texts = st.sampled_from(_TEXTS)
hits = st.lists(
    st.builds(
        hit,
        texts,
        page=st.sampled_from("abc"),
        before=st.lists(texts, max_size=2),
        after=st.lists(texts, max_size=2),
        score=st.floats(-2, 2),
        pinned=st.sampled_from([False, False, True]),
    ),
    max_size=9,
).map(ranked)
packings = st.builds(
    Packing,
    k=st.integers(1, 9),
    neighboured=st.integers(0, 9),
    tokens=st.integers(1, 200),
    weak=st.floats(0, 1, exclude_min=True),
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


def strong_of(found: Sequence[Hit], packing: Packing) -> set[tuple[str, str]]:
    """The hits of the first k that score at least `weak` of the best, told by page and text."""
    shown = found[: packing.k]
    best = max((one.score for one in shown if not one.pinned), default=0.0)
    least = best * packing.weak if best > 0 else best / packing.weak
    return {(one.url, one.text) for one in shown if one.pinned or one.score >= least}


def held_of(found: Sequence[Hit], packing: Packing) -> set[tuple[str, str]]:
    return {(one.hit.url, chunk) for one in place_hits(found, packing) for chunk in one.chunks}


@given(hits, packings)
def test_no_strong_hit_gives_its_place_or_tokens_to_a_neighbour(
    found: list[Hit], packing: Packing
) -> None:
    alone = held_of(found, replace(packing, neighboured=0))
    roomy = replace(packing, tokens=1_000_000)

    assert strong_of(found, packing) & alone <= held_of(found, packing)
    assert strong_of(found, packing) <= held_of(found, roomy)


@given(hits, packings, st.integers(1, 300))
def test_no_hit_gives_its_tokens_of_a_model_to_a_neighbour(
    found: list[Hit], packing: Packing, budget: int
) -> None:
    blocks = blocks_of(found, packing)
    bare = [bare_block(block) for block in blocks]
    sizes, bare_sizes = ([estimate_tokens(one.text) for one in some] for some in (blocks, bare))

    fitted = fit_blocks(blocks, sizes, bare_sizes=bare_sizes, budget_tokens=budget)
    alone = fit_blocks(bare, bare_sizes, budget_tokens=budget)

    assert [one.n for one in fitted] == [one.n for one in alone]
    assert len(fitted) < 2 or sum(estimate_tokens(one.text) for one in fitted) <= budget


@given(hits, packings)
def test_a_bare_block_holds_the_hits_alone(found: list[Hit], packing: Packing) -> None:
    texts_found = {(one.url, one.text) for one in found}
    placed = place_hits(found, packing)

    for one in placed:
        own = [chunk for chunk in one.chunks if (one.hit.url, chunk) in texts_found]
        assert list(one.found) == own
    for block in blocks_of(found, packing):
        of_it = [one for one in placed if block.url == f"{one.hit.url}#s"]
        assert bare_block(block).text == "\n\n".join(joined(one.found)[0] for one in of_it)


@pytest.mark.parametrize(
    ("scores", "k", "chunks", "pinned"),
    [
        ((1.0, 0.99, 0.98), 7, 3, False),
        ((-0.01, -0.011, -0.012), 3, 9, False),
        ((0.0, 0.0, 0.0), 3, 9, False),
        ((2.3, 1.1, 1.0), 3, 9, True),
    ],
)
def test_hits_that_score_alike_are_all_placed(
    scores: tuple[float, ...], k: int, chunks: int, pinned: bool
) -> None:
    announced = "Set these options:"
    found = [
        hit(announced, page=page, after=["workers: how much"], score=score, pinned=pinned and not n)
        for n, (page, score) in enumerate(zip("abc", scores, strict=True))
    ]
    packing = Packing(k, neighboured=3, tokens=chunks * estimate_tokens(announced))

    assert [one.hit.url[-1] for one in place_hits(found, packing)] == ["a", "b", "c"]


def test_much_worse_than_a_best_score_below_zero_is_weak() -> None:
    cut_off = hit("Set these options:", after=["workers: how many"], score=-0.01)
    worse = hit("Another page.", page="b", score=-0.03)

    placed = place_hits([cut_off, worse], Packing(2, neighboured=1))

    assert [one.chunks for one in placed] == [("Set these options:", "workers: how many")]
