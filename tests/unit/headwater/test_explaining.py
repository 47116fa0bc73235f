"""The table that says why sections ranked where they did."""

from headwater.commands.explaining import explained
from schemas.answers import Explanation, Hit, LeftOut, LeftOutReason, Why

HIT = Hit(
    url="https://d/a",
    title="Actors",
    section="Actors › State",
    anchor="state",
    text="Text.",
    score=1.255,
    source="docs",
    commit="c0ffee",
    similarity=0.8,
    lexical=7.0,
    vector_rank=2,
    lexical_rank=1,
    why=Why(
        path="a.md",
        cosine=0.8,
        lexical=0.5,
        lexical_share=1.0,
        page_bonus=0.085,
        path_weight=0.9,
        synonyms=("kubernet",),
    ),
)


def test_each_part_of_a_score_stands_in_its_column() -> None:
    table = explained(Explanation(question="Why?", terms=("whi",), hits=(HIT,)))

    head, row, url, note = table.splitlines()[2:6]
    assert head.split() == ["#", "score", "cosine", "words", "page", "weight", "section"]
    assert row.split()[:8] == ["1", "1.255", "0.800", "(2)", "0.500", "(1)", "+0.085", "x0.9"]
    assert row.endswith("Actors › State")
    assert head.index("section") == row.index("Actors") == url.index("https://d/a#state")
    assert note.strip() == "by synonyms: kubernet"


def test_what_was_left_out_says_why() -> None:
    left_out = (
        LeftOut(
            url="https://f/q#renew",
            section="FAQ › Renew?",
            source="faq",
            path="q.md",
            reason=LeftOutReason.NOT_ASKED,
            likeness=0.5,
        ),
        LeftOut(
            url="https://d/old",
            section="Old",
            source="docs",
            path="old.md",
            reason=LeftOutReason.HIDDEN,
        ),
    )

    told = explained(
        Explanation(question="Why?", terms=(), synonyms=("k8s",), left_out=left_out)
    ).splitlines()

    assert "nothing is ranked" in told
    assert told[-3:] == [
        "looked for by no word; by synonyms k8s",
        "left out: FAQ › Renew?, https://f/q#renew: a curated answer to another question (0.50 alike)",
        "left out: Old, https://d/old: the weight of its path hides it",
    ]
