"""Questions made from a corpus: whose answer can be told, each once, the same for a seed."""

import asyncio
import random
from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest

from eval.adapters.question_file import write_questions
from eval.core.corpus import Lexicon, passages_of
from eval.core.retrieval import Question
from eval.core.synthesize import template_questions
from eval.handlers import read_questions, synthesize_questions
from index.core.stored import DumpedPage
from index.core.terms import terms_of
from schemas.errors import BadConfiguration
from schemas.ids import SourceName, TextHash

_FILLER = (
    "Many people want to create, to create again, to return, to return again, to limit and to limit, and"
    " everybody likes to schedule, to schedule again and to store or to store"
)


def page(name: str, *sections: tuple[str, str], title: str = "") -> DumpedPage:
    title = title or name.title()
    return DumpedPage(
        f"{name}.md",
        f"https://docs.example/{name}",
        title,
        tuple(((title, heading), heading.lower().replace(" ", "-")) for heading, _ in sections),
        tuple((at, text, TextHash(b"")) for at, (_, text) in enumerate(sections)),
    )


CORPUS = [
    page(
        "jobs",
        ("Creating a nightly job", "To schedule a nightly backup of orchards, run the planner."),
        ("Overview", "You can limit the memory of a worker by its quota."),
        ("Retry budget", "A retry budget is the number of attempts that a job has before failure."),
        title="Jobs",
    ),
    page(
        "api",
        ("orchard.Basket.weigh_apples", "Returns the weight of all apples in a basket.\n\n- Returns: the weight"),
        ("orchard.Basket.count", "Create a tally sheet for pears.\n\n- ripe_only: The sort of pears that is counted."),
        title="API",
    ),
    page(
        "tools",
        ("Scale options", "- --tare: Store the empty weight of the basket.\n- --unit: The unit of the display."),
        ("Examples", "```python\nbasket = orchard.Basket.weigh_apples(all=True)\n```"),
        title="Command line tools",
    ),
    *(page(f"other{at}", ("Next steps", f"{_FILLER}. Nothing else is said in number {at}.")) for at in range(8)),
]  # fmt: skip


def made(
    pages: Sequence[DumpedPage] = CORPUS, *, count: int = 100, seed: int = 7
) -> list[Question]:
    return template_questions(pages, count=count, seed=seed)


def texts(questions: Sequence[Question]) -> list[str]:
    return [question.question for question in questions]


def about(source: str, questions: Sequence[Question]) -> str:
    return "\n".join(one.question for one in questions if one.source.endswith(source))


def test_every_part_of_a_section_gives_questions() -> None:
    questions = made()

    assert "create a nightly job" in about("#creating-a-nightly-job", questions)
    assert "schedule a nightly backup of orchards?" in about("#creating-a-nightly-job", questions)
    assert "limit the memory of a worker?" in about("#overview", questions)
    assert "the number of attempts that a job has" in about("#retry-budget", questions)
    assert "weigh_apples`" in about("#orchard.basket.weigh_apples", questions)
    assert "return the weight of all apples in a basket?" in about("weigh_apples", questions)
    assert "--tare" in about("#scale-options", questions) or "store the empty" in about(
        "#scale-options", questions
    )
    assert "`orchard.Basket.weigh_apples`" in about("#examples", questions)


def test_a_source_is_the_address_of_the_section_with_its_anchor() -> None:
    known = {f"{one.url}#{anchor}" for one in CORPUS for _, anchor in one.sections}

    assert {one.source for one in made()} <= known


def test_a_seed_gives_the_same_questions_whatever_the_order_of_the_pages() -> None:
    shuffled = list(CORPUS)
    random.Random(1).shuffle(shuffled)

    assert made(shuffled, count=9) == made(count=9)
    assert made(count=9, seed=8) != made(count=9)


def test_fewer_are_the_first_of_more() -> None:
    assert made(count=5) == made()[:5]


def test_no_two_questions_have_the_same_words() -> None:
    words = [tuple(sorted(terms_of(text))) for text in texts(made())]

    assert len(words) == len(set(words))


def test_a_heading_of_two_pages_is_asked_for_with_what_stands_over_it() -> None:
    alone = made([CORPUS[0], *CORPUS[3:]])
    twice = made([CORPUS[0], page("copy", ("Retry budget", "Text.")), *CORPUS[3:]])

    assert "retry budget?" in about("#retry-budget", alone)
    assert "in the context of jobs?" in about("jobs#retry-budget", twice)
    assert "in the context of copy?" in about("copy#retry-budget", twice)


def test_the_same_words_of_two_pages_give_no_question() -> None:
    same = ("Overview", "You can limit the memory of a worker by its quota.")

    questions = made([page("jobs", same), page("copy", same), *CORPUS[3:]])

    assert questions == []


@pytest.mark.parametrize(
    "heading", ["Overview", "Next steps", "See also", "Parameters", "1.2. Notes"]
)
def test_a_heading_that_says_nothing_gives_no_question(heading: str) -> None:
    questions = made([page("jobs", (heading, "Plain words alone.")), *CORPUS[1:]])

    assert about(heading.lower().replace(" ", "-"), questions) == ""


def test_a_heading_on_many_pages_says_nothing_of_one() -> None:
    repeated = [
        page(f"unit{at}", ("Orchard rules", f"Words of number {at}."), title=f"Unit {at}")
        for at in range(4)
    ]

    assert not any("orchard rules" in text.lower() for text in texts(made([*repeated, *CORPUS])))


@pytest.mark.parametrize(
    "sentence",
    [
        "To schedule these nightly orchards, run it.",
        "You can limit the memory of a worker shown in the following list.",
        "To schedule orchards as Table 4 says, run the planner.",
    ],
)
def test_a_sentence_that_points_elsewhere_gives_no_question(sentence: str) -> None:
    assert made([page("jobs", ("Overview", sentence)), *CORPUS[3:]]) == []


def test_a_share_of_the_questions_has_none_of_the_headings_words() -> None:
    headings = {f"{p.url}#{anchor}": path for p in CORPUS for path, anchor in p.sections}
    apart = [
        one
        for one in made()
        if not set(terms_of(one.question)) & set(terms_of(" ".join(headings[one.source])))
    ]

    assert len(apart) >= 3


def test_pages_are_asked_alike() -> None:
    long = page("long", *((f"Orchard number {at} {at}x", f"Words {at}.") for at in range(60)))

    sources = [one.source for one in made([long, *CORPUS], count=12)]

    assert sum("/long" in source for source in sources) <= 6


def test_only_words_used_as_verbs_are_taken_for_some() -> None:
    lexicon = Lexicon.of(passages_of(CORPUS))

    assert lexicon.infinitive_of("Creating") == "create"
    assert lexicon.infinitive_of("Returns") == "return"
    assert lexicon.infinitive_of("Orchards") is None
    assert lexicon.infinitive_of("The") is None


def test_both_verbs_of_a_heading_are_put_into_the_question() -> None:
    questions = made([page("jobs", ("Creating and storing pears", "Words.")), *CORPUS[1:]])

    assert "create and store pears?" in about("#creating-and-storing-pears", questions)


def test_sources_are_asked_one_after_the_other(tmp_path: Path) -> None:
    async def dump(name: SourceName) -> Mapping[str, DumpedPage]:
        pages = CORPUS[:2] if name == "guide" else CORPUS[2:]
        return {one.path: one for one in pages}

    names = [SourceName("guide"), SourceName("tools")]
    questions = asyncio.run(synthesize_questions(names, dump=dump, count=100, seed=7))
    write_questions(questions, tmp_path / "q.jsonl")

    assert questions == made()
    assert read_questions(tmp_path / "q.jsonl") == questions
    assert [file.name for file in tmp_path.iterdir()] == ["q.jsonl"]


def test_a_file_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    with pytest.raises(BadConfiguration, match="missing"):
        write_questions([], tmp_path / "missing" / "q.jsonl")


def test_words_that_many_pages_hold_do_not_tell_which_is_meant() -> None:
    many = [page(f"m{at}", ("Limits", "Worker memory has a quota.")) for at in range(6)]
    common, rare = Lexicon.of(passages_of([*many, *CORPUS])), Lexicon.of(passages_of(CORPUS))

    assert not common.is_telling("How much memory has a worker by quota?")
    assert rare.is_telling("How much memory has a worker by quota?")
    assert not rare.is_telling("How does memory work?")
