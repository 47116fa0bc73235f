"""A name that a question gives exactly leads to the section that defines it, and no other word does."""

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from index.core.names import MAX_NAMES, defines, names_in
from index.core.rank import RankWeights
from tests.support.candidates import candidate
from tests.support.ranking import rank_page_first

_parts = st.lists(st.from_regex(r"[a-z]{2,6}_[a-z]{2,6}", fullmatch=True), min_size=1, max_size=4)


@pytest.mark.parametrize(
    ("question", "names"),
    [
        ("What does ray.data.Dataset.map_batches() do?", ("ray.data.dataset.map_batches",)),
        ("Where is RunConfig, and what is `--num-cpus`?", ("runconfig", "--num-cpus")),
        ("I get ValueError: no __call__ in it", ("valueerror", "__call__")),
        ("How do I start Ray on AWS -- with 2.6.1 - or v3.0?", ()),
        ("Ends here. Then it goes on.", ()),
        ("map_batches, map_batches and MAP_BATCHES", ("map_batches",)),
        ("", ()),
    ],
)
def test_names_of_code_and_flags_are_names(question: str, names: tuple[str, ...]) -> None:
    assert names_in(question) == names


@pytest.mark.parametrize(
    ("name", "heading", "is_defined"),
    [
        ("Dataset.map_batches", "ray.data.Dataset.map_batches", True),
        ("map_batches", "ray.data.Dataset.map_batches(fn, *, batch_size)", True),
        ("ray.data.Dataset.map_batches", "class ray.data.Dataset.map_batches", True),
        ("map_batches", "`map_batches`", True),
        ("map_batches", "flat_map_batches", False),
        ("map_batches", "Using map_batches well", False),
        ("Dataset.map_batches", "ray.data.Dataset", False),
        ("--num-cpus", "ray start --num-cpus INTEGER", True),
        ("--num-cpus", "--num-cpus-per-node", False),
        ("--head", "The head node", False),
    ],
)
def test_a_heading_defines_the_name_it_ends_in(name: str, heading: str, is_defined: bool) -> None:
    assert defines(names_in(name), headings=("Reference", heading), text="") is is_defined


def test_a_text_has_a_flag_as_a_whole() -> None:
    assert defines(["--force"], headings=(), text="Options:\n  --FORCE, -f  Stop at once.")
    assert not defines(["--force"], headings=(), text="--force-all, ---force, x--force")


@given(_parts, st.integers(0, 3))
def test_each_tail_of_a_dotted_name_leads_to_it(parts: list[str], cut: int) -> None:
    whole = ".".join(parts)
    tail = ".".join(parts[min(cut, len(parts) - 1) :])

    assert defines(names_in(f"What is {tail}?"), headings=[f"{whole}(x)"], text="")


@given(st.text(max_size=300))
def test_names_stand_in_their_question(question: str) -> None:
    names = names_in(question)

    assert len(names) <= MAX_NAMES
    assert all(name in question.lower() for name in names)


@pytest.mark.parametrize("piece", ["a", "_", "a_", "a.", "--", "aB", "--a", "-a", "é"])
def test_long_questions_are_read_in_no_time(piece: str) -> None:
    start_s = time.process_time()

    names_in(piece * 20_000)

    assert time.process_time() - start_s < 0.5


def test_the_page_that_defines_a_name_stands_before_pages_that_speak_of_it() -> None:
    guide = candidate("Transforming data", 0.7, text="Call map_batches.")
    page = candidate("ray.data.Dataset.map_batches", 0.6)
    names = names_in("How do I use Dataset.map_batches?")

    def first(exact: float) -> str:
        weights = RankWeights(exact=exact)
        return rank_page_first([guide, page], k=1, weights=weights, names=names)[0].candidate.title

    assert first(exact=0.2) == page.title
    assert first(exact=0.0) == guide.title


@given(st.lists(st.floats(0, 1), min_size=1, max_size=8))
def test_a_question_without_names_is_ranked_as_if_they_did_not_count(cosines: list[float]) -> None:
    found = [candidate(f"a_{n}", cosine) for n, cosine in enumerate(cosines)]

    with_names = rank_page_first(found, k=8, weights=RankWeights(exact=5.0), names=names_in("How?"))

    assert with_names == rank_page_first(found, k=8, weights=RankWeights(exact=0.0))
