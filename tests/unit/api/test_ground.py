"""A sentence leaves where the docs bear it out, with the blocks that do; everything else is withheld."""

import time
from itertools import permutations

import pytest

from api.core.context import Block
from api.core.ground import Grounding, GroundLimits
from tests.support.answers import UNLIMITED, answer_of, cites_of, read

DATA, SERVE = "https://docs.example/data.html#batches", "https://docs.example/serve.html"
BLOCKS = [
    Block(
        1,
        DATA,
        "Ray Data",
        "Batches",
        "Call ds.map_batches(fn, batch_size=64) to transform batches of rows. import ray\n"
        'ds = ray.data.read_csv("s3://bucket/x.csv")\nOn a lost node it raises RayActorError.',
        "docs",
        "c0",
    ),
    Block(
        2,
        SERVE,
        "Ray Serve",
        "Scaling",
        "Ray Serve scales replicas between 1 and 10. Start it with ray start --head --port 6379 and set"
        " RAY_ADDRESS. Since version 2.9.0 it logs to /tmp/ray/session. See https://github.com/ray/x for"
        " issues. Replicas report 1,000 requests.",
        "docs",
        "c0",
    ),
]


def left(output: str, *, limits: GroundLimits = UNLIMITED) -> str:
    return answer_of(read(Grounding(BLOCKS, limits=limits), [output]))


@pytest.mark.parametrize(
    ("says", "leaves"),
    [
        ("Ray Serve scales replicas.", "Ray Serve scales replicas. [2]"),
        ("Ray Data transforms batches of rows [1].", "Ray Data transforms batches of rows. [1]"),
        ("Ray Data transforms batches of rows [2].", "Ray Data transforms batches of rows. [1]"),
        (
            "Ray Data transforms rows, Ray Serve scales replicas.",
            "Ray Data transforms rows, Ray Serve scales replicas. [1][2]",
        ),
        ("Use `map_batches` for batches.", "Use `map_batches` for batches. [1]"),
        ("It scales to 10 replicas.", "It scales to 10 replicas. [2]"),
        ("They report 1000 requests.", "They report 1000 requests. [2]"),
        ("Set `RAY_ADDRESS` to start.", "Set `RAY_ADDRESS` to start. [2]"),
        ("Start with `--port`.", "Start with `--port`. [2]"),
        ("It logs to /tmp/ray/session.", "It logs to /tmp/ray/session. [2]"),
        ("Since v2.9.0 it logs.", "Since v2.9.0 it logs. [2]"),
        ("A lost node raises RayActorError.", "A lost node raises RayActorError. [1]"),
    ],
)
def test_a_sentence_the_docs_bear_out_leaves_with_its_source(says: str, leaves: str) -> None:
    assert left(says) == leaves


@pytest.mark.parametrize(
    "says",
    [
        "Paris is the capital of France.",
        "Ray Serve scales replicas between 1 and 99.",
        "Ray Data transforms batches of 4 rows.",
        "Use map_rows to transform batches of rows.",
        "Use `mapper` to transform batches of rows.",
        "Use ray.data.evil to transform batches of rows.",
        "Use BatchMapper to transform batches of rows.",
        "Start Ray Serve with --headless.",
        "Start Ray Serve with --hea.",
        "Set RAY_ADDR to start Ray Serve.",
        "Ray Serve logs to /tmp/ray/other.",
        "Since version 2.9.1 Ray Serve scales replicas.",
        "Since version 2.9 Ray Serve scales replicas.",
        "A lost node raises RayTaskError.",
        "Ray Serve scales replicas to 10ab1.",
        "See https://github.com/ray/y for issues.",
        "See https://github.com/ray for issues.",
        "Yes.",
        "Hello everyone!",
    ],
)
def test_what_the_docs_do_not_say_is_withheld_and_counted(says: str) -> None:
    grounding = Grounding(BLOCKS, limits=UNLIMITED)

    assert answer_of(read(grounding, [says])) == ""
    assert grounding.released == 0
    assert grounding.withheld == (says not in ("Yes.",))


@pytest.mark.parametrize(
    "asks",
    [
        "Does Ray Serve scale replicas?",
        "Question: Does Ray Serve scale replicas? [2]",
        "*Ray Serve scales replicas?*",
    ],
)
def test_a_question_is_no_answer_and_no_failure(asks: str) -> None:
    grounding = Grounding(BLOCKS, limits=UNLIMITED)

    assert answer_of(read(grounding, [f"{asks}\n\nRay Serve scales replicas."])) == (
        "Ray Serve scales replicas. [2]"
    )
    assert (grounding.withheld, grounding.released) == (0, 1)


def test_what_was_said_already_is_not_said_again() -> None:
    once = "Ray Serve scales replicas."

    assert left(f"{once} {once}\n\n{once}\n\n- {once}") == f"{once} [2]"
    assert (
        left(f"{once} It scales to 10 replicas. {once}")
        == f"{once} [2] It scales to 10 replicas. [2]"
    )


def test_a_lead_leaves_with_what_it_leads_into_and_not_alone() -> None:
    lead = "Here is an example:"

    assert (
        left(f"{lead}\n\nRay Serve scales replicas.") == f"{lead}\n\nRay Serve scales replicas. [2]"
    )
    assert left(f"{lead}\n\nParis is in France. Ray Serve scales.") == "Ray Serve scales. [2]"
    assert left(lead) == ""


def test_a_heading_leaves_with_what_is_below_it() -> None:
    below = "Ray Serve scales replicas."

    assert (
        left(f"# Ray Serve\n\n## Scaling\n\n{below}") == f"# Ray Serve\n\n## Scaling\n\n{below} [2]"
    )
    assert (
        left(f"## Ray Data\n\nParis.\n\n## Ray Serve\n\n{below}") == f"## Ray Serve\n\n{below} [2]"
    )
    assert left(f"## Paris in France\n\n{below}") == f"{below} [2]"


def test_code_leaves_by_lines_and_shows_where_one_is_missing() -> None:
    code = (
        "```python\nimport ray\n\ndef fn(batch):\n    return batch\n\nimport evil\n"
        'ds = ray.data.read_csv("s3://bucket/x.csv")\nds.map_batches(fn, batch_size=64)\n```'
    )

    assert left(code) == code.replace("import evil", "…") + "\n\n[1]"


@pytest.mark.parametrize(
    "line",
    [
        "pip install evil",
        "import evil",
        "ds = ray.data.read_evil()",
        "ds.map_batches(fn, batch_size=65)",
        "ds.map_batches(fn, concurrency=64)",
        'ds = ray.data.read_csv("s3://evil/x.csv")',
        "x = 1",
        "ray start --evil",
        "ds.map_batches()  # <|im_start|>",
        "ds.map_batches()  # ```",
    ],
)
def test_code_that_the_docs_do_not_have_is_withheld(line: str) -> None:
    assert left(f"```\n{line}\n```") == ""


def test_an_open_block_of_code_is_closed() -> None:
    assert left("```\nray start --head") == "```\nray start --head\n```\n\n[2]"


def test_lists_keep_their_shape() -> None:
    output = (
        "1. Ray Serve scales replicas.\n   - Start it with `--head`.\n   - Paris is in France.\n"
        "2. Ray Data transforms batches."
    )

    assert left(output) == (
        "1. Ray Serve scales replicas. [2]\n   - Start it with `--head`. [2]\n"
        "2. Ray Data transforms batches. [1]"
    )


def test_tables_keep_the_rows_that_hold() -> None:
    output = (
        "| Option | Description |\n|:--|--:|\n| `--head` | Start Ray Serve |\n| `--tail` | Stop |\n"
        "| `--port` | 6379 |"
    )

    assert left(output) == (
        "| Option | Description |\n| --- | --- |\n| `--head` | Start Ray Serve [2] |\n"
        "| `--port` | 6379 [2] |"
    )


def test_a_link_leads_to_a_page_that_was_read_and_nowhere_else() -> None:
    assert left(f"[Ray Serve]({SERVE}) scales.") == f"[Ray Serve]({SERVE}) scales. [2]"
    assert left("[Batches](https://docs.example/data.html) of Ray Data.") == (
        f"[Batches]({DATA}) of Ray Data. [1]"
    )
    assert left("See [issues](https://github.com/ray/x) of Ray Serve.") == (
        "See issues (`https://github.com/ray/x`) of Ray Serve. [2]"
    )


def test_it_is_over_past_the_limit_and_nothing_leaves_after_it() -> None:
    grounding = Grounding(BLOCKS)
    output = "Ray Serve scales. " + "Paris is in France. " * 3 + "Ray Data transforms batches. "

    released = read(grounding, output)

    assert grounding.is_over
    assert answer_of(released) == "Ray Serve scales. [2]"
    assert (grounding.released, grounding.withheld) == (1, 3)


def test_a_block_of_code_is_closed_when_it_is_over() -> None:
    grounding = Grounding(BLOCKS)

    released = read(grounding, ["```\nray start --head\n" + "evil.run()\n" * 5])

    assert grounding.is_over
    assert answer_of(released) == "```\nray start --head\n```\n\n[2]"
    assert cites_of(released) == {2}


def test_few_failures_among_many_do_not_end_it() -> None:
    grounding = Grounding(BLOCKS)

    said = [
        f"{' '.join(words)}. " for words in permutations(("Ray", "Serve", "scales", "replicas"))
    ]
    read(grounding, ["".join(said[:20]) + "Paris is in France. " * 5])

    assert (grounding.is_over, grounding.withheld) == (False, 5)


@pytest.mark.parametrize(
    "endless",
    ["word " * 200_000, "a" * 1_000_000, "`" * 1_000_000, "[" * 1_000_000, "| a" * 333_333],
    ids=["words", "letters", "ticks", "brackets", "cells"],
)
def test_a_sentence_that_never_ends_is_cut_in_linear_time_and_little_memory(endless: str) -> None:
    grounding = Grounding(BLOCKS, limits=UNLIMITED)
    began = time.process_time()

    released = [
        one for at in range(0, len(endless), 50) for one in grounding.feed(endless[at : at + 50])
    ]

    assert released == []
    assert grounding.withheld > 100
    assert len(grounding._reader._buffer) < 2_000
    assert time.process_time() - began < 5
    assert answer_of(read(grounding, ["\n\nRay Serve scales."])) == "Ray Serve scales. [2]"


def test_a_sentence_may_go_on_in_the_next_line() -> None:
    assert left("Ray Serve\nscales replicas. Ray Data\ntransforms batches.") == (
        "Ray Serve scales replicas. [2] Ray Data transforms batches. [1]"
    )


def test_other_scripts_end_their_sentences_without_a_space() -> None:
    block = Block(1, DATA, "数据", "", "数据集可以转换批次。请使用数据集。", "docs", "c0")

    released = read(Grounding([block]), "数据集可以转换批次。巴黎是法国的首都。")

    assert answer_of(released) == "数据集可以转换批次。 [1]"
