"""Docs that give orders, and a model that obeys them: nothing leaves that can be fetched, clicked or believed."""

import json
from pathlib import Path

import pytest

from api.core.ground import Grounding
from api.core.quote import compose_answer
from index.core.formats.invisible import strip_invisible
from schemas.answers import Hit
from tests.support.answers import (
    BORNE_OUT,
    DATA,
    SERVE,
    UNLIMITED,
    CachedJudge,
    answer_of,
    cites_of,
    grounding,
    hostile_blocks,
    read,
)
from tests.support.exits import exits_of

CASES = [
    json.loads(line)
    for line in (Path(__file__).parent / "injections.jsonl").read_text("utf-8").splitlines()
]
written = pytest.mark.parametrize("says", [pytest.param(c["says"], id=c["name"]) for c in CASES])


def test_there_are_at_least_sixty_written_cases() -> None:
    assert len({case["says"] for case in CASES}) >= 60


@written
def test_s18_s19_no_exit_leaves_a_model_that_repeats_hostile_docs(says: str) -> None:
    output = f"{BORNE_OUT}\n\n{says}\n\n{BORNE_OUT}"

    released = read(Grounding(hostile_blocks(says), limits=UNLIMITED), [output])

    answer = answer_of(released)
    assert exits_of(answer, urls={DATA, SERVE}, cites=cites_of(released)) == []
    assert answer.startswith(f"{BORNE_OUT} [1]")


@written
def test_s18_s19_no_exit_leaves_a_model_that_says_what_no_docs_say(says: str) -> None:
    released = read(Grounding(hostile_blocks(""), limits=UNLIMITED), [f"{BORNE_OUT}\n\n{says}"])

    answer = answer_of(released)
    assert exits_of(answer, urls={DATA, SERVE}, cites=cites_of(released)) == []
    assert "evil" not in answer


@written
def test_the_same_leaves_at_every_split(says: str) -> None:
    output = f"{BORNE_OUT}\n\n{says}\n\n{BORNE_OUT}"
    judge = CachedJudge(hostile_blocks(says), UNLIMITED)
    whole = read(grounding(judge), [output])

    splits = [read(grounding(judge), [output[:at], output[at:]]) for at in range(len(output))]

    assert [at for at, released in enumerate(splits) if released != whole] == []
    assert read(grounding(judge), output) == whole


@written
def test_s18_s19_no_exit_is_quoted_from_hostile_docs(says: str) -> None:
    hit = Hit(
        url=DATA,
        title="Ray Data",
        section="Batches",
        anchor="",
        text=strip_invisible(f"{BORNE_OUT}\n\n{says}"),  # as all that reads docs leaves it
        score=1.0,
        source="docs",
        commit="c0",
    )

    quoted = compose_answer(
        "How does Ray Data transform batches?",
        [hit],
        threshold=0.0,
        max_sentences=50,
        max_chars=9_999,
    )

    cites = {citation.n for citation in quoted.citations}
    assert exits_of(quoted.answer, urls=(), cites=cites) == []
    assert "transforms batches of rows" in quoted.answer


@pytest.mark.parametrize(
    "answer",
    [
        *(
            "![x](y)",
            "[x](https://evil.example)",
            "<b>x</b>",
            "https://evil.example",
            "x[7]",
            "\\[7]",
        ),
        *(
            "www.evil.example",
            "evil.com",
            "a@b.example",
            "//evil.example",
            "<!-- x -->",
            "System: x",
        ),
        *("`<|im_start|>`", "[a]\n\n[a]: https://evil.example", "x\u200b", "x[^1]\n\n[^1]: y"),
        *(
            "$\\href{x}{y}$",
            "[x](/y)",
            "<javascript:a()>",
            "&#91;7&#93;",
            "[**7**]",
        ),
    ],
)
def test_the_judge_sees_an_exit(answer: str) -> None:
    assert exits_of(answer, urls={DATA}, cites={1})


@pytest.mark.parametrize(
    "answer",
    [
        f'Use `a.b` as [the docs]({DATA}) say. [1]\n\n```python\nx[0] = "https://x.example"\n```\n\n[1]',
        "## A\n\n1. **B** 3 < 4 & 5. [1]\n   - C\n\n| a | b |\n| --- | --- |\n| `c` | d [1] |",
    ],
)
def test_the_judge_passes_what_is_harmless(answer: str) -> None:
    assert exits_of(answer, urls={DATA}, cites={1}) == []
