"""Curated answers: they come first when their question is asked, and are nowhere when it is not."""

from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from api.core.conversation import searched_text
from index.core.pinned import likeness, set_apart
from index.core.rank import Candidate, ChunkKey, RankWeights
from index.core.steering import Steering
from index.core.synonyms import synonyms_of
from schemas.ids import SourceName
from tests.support.ranking import rank_page_first

FAQ, DOCS = SourceName("faq"), SourceName("docs")
HEADING = "How do I renew my licence?"
DELETE = "How do I delete a cluster?"
CURATED = [
    HEADING,
    DELETE,
    "Is it safe to delete backups?",
    "How can I move from Postgres to MySQL?",
    "Why does the gateway restart after an update?",
    "Who may read logs without a licence?",
    "What does --num-cpus mean for ray start?",
]
CONTENT = ["node", "proxy", "enable", "undo", "early", "Windows", "2.7", "--force", "map_batches"]
SMALL = ["why", "who", "when", "may", "not", "never", "without", "from", "before", "in", "on", "if"]
SIDES = ["from", "to", "with", "without", "before", "after", "in", "on", "over", "instead of"]


def candidate(
    source: SourceName, heading: str, *, cosine: float = 0.8, section: int = 0, ordinal: int = 0
) -> Candidate:
    return Candidate(
        key=ChunkKey(source, "a.md", ordinal),
        section=section,
        url=f"https://x/{source}",
        title="FAQ",
        heading_path=("FAQ", heading),
        anchor="",
        text=f"Text of {source} {heading} {ordinal}.",
        commit="c0ffee",
        cosine=cosine,
        lexical=0.0,
    )


@pytest.mark.parametrize(
    ("question", "heading"),
    [
        ("How do I renew my licence?", HEADING),
        ("HOW CAN I RENEW LICENCES", HEADING),
        ("renew licence", HEADING),
        ("please tell me how to renew a licence", HEADING),
        ("what does --num-cpus mean for ray start", "What does `--num-cpus` mean for ray start?"),
        ("what is rayfsdpstrategy.num_processes for", "What is RayFSDPStrategy.num_processes for?"),
        ("Are renewed licences old?", "Is my renewed licence old?"),
        ("What is the best way to renew a licence?", HEADING),
        ("Hello, could you tell me how to renew my licence please? Many thanks!", HEADING),
        ("How can we renew our licence?\nThanks!", HEADING),
        ("What’s a licence", "What is a licence?"),
        ("Why can’t I renew it?", "Why can't I renew it?"),
        ("许可证怎么续期？", "许可证怎么续期"),
    ],
)
def test_a_question_is_known_however_it_is_put(question: str, heading: str) -> None:
    assert likeness(question, heading).is_same


@pytest.mark.parametrize(
    ("question", "heading"),
    [
        ("How do I cancel my licence?", HEADING),
        ("How do I renew my driving licence abroad?", HEADING),
        ("How do I install it on Windows?", "How do I install it on macOS?"),
        (
            "How do I upgrade the Python version of a cluster on Windows?",
            "How do I upgrade the Python version of a cluster on Linux?",
        ),
        ("What is the purpose of num_gpus here?", "What is the purpose of num_cpus here?"),
        ("Does version 2.7 support Python 3.12?", "Does version 2.8 support Python 3.12?"),
        ("How do I delete a cluster node?", DELETE),
        ("Why can't I delete a cluster?", DELETE),
        ("Why can’t I delete a cluster?", DELETE),
        ("Who may delete a cluster?", DELETE),
        ("When may I delete a cluster?", DELETE),
        ("Can I delete a cluster?", DELETE),
        ("How do I not delete a cluster?", DELETE),
        ("How do I undo delete cluster?", DELETE),
        ("Can I undo it when I delete a cluster?", DELETE),
        ("I lost data.\nHow do I delete a cluster?", DELETE),
        ("How do I delete a cluster?\nWhy?", DELETE),
        ("What is a delete cluster?", DELETE),
        ("How do I restart the gateway proxy?", "How do I restart the gateway?"),
        ("Is it not safe to delete backups?", "Is it safe to delete backups?"),
        ("When is it safe to delete backups?", "Is it safe to delete backups?"),
        ("Why is it safe to delete backups?", "Is it safe to delete backups?"),
        ("How do I migrate from MySQL to Postgres?", "How do I migrate from Postgres to MySQL?"),
        (
            "How do I install it on a Mac without admin rights?",
            "How do I install it on a Mac with admin rights?",
        ),
        (
            "How do I enable object spilling to local disks on all nodes of a Ray cluster?",
            "How do I disable object spilling to local disks on all nodes of a Ray cluster?",
        ),
        ("How do I install Ray Serve?", "How do I install Ray?"),
        ("How do I call it from C++?", "How do I call it from C?"),
        ("Does it work with read/write?", "Does it work with read=write?"),
        ("What does plan A cost?", "What does the plan cost?"),
        ("What does -f do?", "What does --f do?"),
        ("Please!", "Thanks."),
        ("What is it?", HEADING),
        ("licence", HEADING),
        ("", HEADING),
        (HEADING, ""),
    ],
)
def test_a_question_that_only_resembles_another_is_not_taken_for_it(
    question: str, heading: str
) -> None:
    assert not likeness(question, heading).is_same


@given(st.sampled_from(CURATED), st.sampled_from([*CONTENT, *SMALL]), st.data())
def test_one_word_more_or_less_asks_something_else(
    heading: str, added: str, data: st.DataObject
) -> None:
    words = heading.split()
    at = data.draw(st.integers(0, len(words)))

    more = " ".join([*words[:at], added, *words[at:]])

    assert not likeness(more, heading).is_same
    assert not likeness(heading, more).is_same


@given(st.permutations(CONTENT), st.sampled_from(SIDES), st.sampled_from(SIDES))
def test_what_stands_on_the_other_side_of_a_preposition_asks_something_else(
    words: list[str], side: str, other: str
) -> None:
    one, two, *_ = words
    heading = f"How do I move {one} {side} {two}?"

    assert not likeness(f"How do I move {two} {side} {one}?", heading).is_same
    assert likeness(f"How do I move {one} {other} {two}?", heading).is_same == (side == other)


@given(st.sampled_from(["do not", "don't", "can't", "cannot", "never", "won't", "should not"]))
def test_a_negation_asks_something_else(negation: str) -> None:
    assert not likeness(f"How {negation} I delete a cluster?", DELETE).is_same
    assert not likeness(f"How do I {negation} delete a cluster?", DELETE).is_same


@given(st.text(max_size=100), st.text(max_size=100))
def test_likeness_goes_both_ways(one: str, other: str) -> None:
    assert likeness(one, other) == likeness(other, one)
    assert 0 <= likeness(one, other).share <= 1


def apart_of(
    question: str, found: Sequence[Candidate], *, has_vectors: bool = True
) -> tuple[list[str], list[str], list[str]]:
    apart = set_apart(found, [question], {FAQ}, has_vectors=has_vectors)
    return (
        [one.heading_path[-1] for one in apart.first],
        [one.heading_path[-1] for one in apart.others],
        [one.heading_path[-1] for one, _ in apart.left_out],
    )


def test_the_section_whose_question_is_asked_is_first_in_reading_order() -> None:
    found = [
        candidate(DOCS, "Licences", cosine=0.99),
        candidate(FAQ, HEADING, section=1, ordinal=2),
        candidate(FAQ, HEADING, section=1, ordinal=1, cosine=0.5),
        candidate(FAQ, "How do I cancel?", section=2, ordinal=3),
    ]

    first, others, left_out = apart_of("renew a licence", found)
    apart = set_apart(found, ["renew a licence"], {FAQ}, has_vectors=True)

    assert (first, others, left_out) == (
        [HEADING, HEADING],
        ["Licences"],
        ["How do I cancel?"],
    )
    assert [one.key.ordinal for one in apart.first] == [1, 2]


@pytest.mark.parametrize("cosine", [-1.0, 0.0, 0.6, 1.0])
def test_one_that_is_not_asked_for_is_left_out_whatever_its_similarity(cosine: float) -> None:
    found = [candidate(FAQ, HEADING, cosine=cosine), candidate(DOCS, "Licences", cosine=0.3)]

    assert apart_of("How do I cancel my licence?", found) == ([], ["Licences"], [HEADING])


def test_the_same_words_without_similarity_ask_something_else() -> None:
    found = [candidate(FAQ, HEADING, cosine=0.1)]

    assert apart_of(HEADING, found)[0] == []
    assert apart_of(HEADING, found, has_vectors=False)[0] == [HEADING]


def test_of_two_that_match_the_more_alike_is_given() -> None:
    found = [
        candidate(FAQ, "How do I renew my licence early?", cosine=0.95, section=1, ordinal=1),
        candidate(FAQ, HEADING, cosine=0.7, section=2, ordinal=2),
    ]

    assert apart_of(HEADING, found)[0] == [HEADING]


def test_without_pinned_sources_nothing_is_set_apart() -> None:
    found = [candidate(FAQ, HEADING)]

    apart = set_apart(found, [HEADING], (), has_vectors=True)

    assert (apart.first, apart.others, apart.left_out) == ((), tuple(found), ())


def test_in_a_conversation_what_is_asked_now_counts() -> None:
    steering = Steering(pinned=frozenset({FAQ}))

    assert steering.ways_to_ask(f"{HEADING}\nAnd on Mars?") == ("And on Mars?",)


@pytest.mark.parametrize("before", ["", "What is Mars?\n", "What is Mars?\nAnd Venus?\n"])
def test_thanks_do_not_hide_a_question_nor_does_what_led_to_it_pass(before: str) -> None:
    steering = Steering(pinned=frozenset({FAQ}))

    def first_of(question: str) -> int:
        ways = steering.ways_to_ask(before + searched_text(question, question))
        found = [candidate(FAQ, HEADING)]
        return len(set_apart(found, ways, {FAQ}, has_vectors=True).first)

    assert first_of(f"{HEADING}\nThanks!") == 1
    assert first_of(f"I lost data.\n{HEADING}") == 0


def test_a_synonym_asks_the_same() -> None:
    steering = Steering(synonyms=synonyms_of([["licence", "license key"]]))

    ways = steering.ways_to_ask("How do I renew my license key?")
    apart = set_apart([candidate(FAQ, HEADING)], ways, {FAQ}, has_vectors=True)

    assert len(apart.first) == 1


@pytest.mark.parametrize("between", ["from", "in", "without", "to", "and"])
def test_a_synonym_takes_no_word_that_tells_questions_apart(between: str) -> None:
    steering = Steering(synonyms=synonyms_of([["job queue", "queue"]]))

    ways = steering.ways_to_ask(f"How do I delete a job {between} queue?")

    assert not any(likeness(way, "How do I delete a queue?").is_same for way in ways)


@given(
    st.lists(st.floats(-1, 1), max_size=10),
    st.lists(st.floats(-1, 1), min_size=1, max_size=3),
    st.integers(1, 5),
)
def test_what_is_to_be_first_is_above_all_in_its_order(
    others: list[float], pinned: list[float], k: int
) -> None:
    first = [candidate(FAQ, HEADING, cosine=near, ordinal=n) for n, near in enumerate(pinned)]
    found = [candidate(DOCS, "A", cosine=near, ordinal=n) for n, near in enumerate(others)]

    ranked = rank_page_first(found, k=k, weights=RankWeights(), first=first)

    assert [one.candidate for one in ranked[: len(first)]] == first[:k]
    scores = [one.score for one in ranked[: len(first) + 1]]
    assert all(above > below for above, below in pairwise(scores))
    assert all(one.score == one.parts.score for one in ranked)
    assert all((one.parts.pinned > 0) == (one.candidate in first) for one in ranked)
    assert len(ranked) <= k


def test_a_curated_answer_changes_no_score_of_the_others() -> None:
    found = [replace(candidate(DOCS, "A", ordinal=n), lexical=float(n)) for n in range(3)]
    first = [replace(candidate(FAQ, HEADING), lexical=50.0)]

    without = rank_page_first(found, k=3, weights=RankWeights())
    ranked = rank_page_first(found, k=4, weights=RankWeights(), first=first)

    assert ranked[1:] == without
    assert ranked[0].parts.lexical == RankWeights().lexical
