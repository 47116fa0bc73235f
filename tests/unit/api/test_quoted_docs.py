"""A small documentation, read as the index reads it: what is asked of it is quoted as it stands there."""

import re
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from api.core.evidence import found_for
from api.core.passage import MAX_CODE_CHARS, MAX_SEGMENT_CHARS, passage_of
from api.core.quote import Quoted, compose_answer
from api.core.segments import Kind
from api.core.select import pick_segments
from api.settings import AnswerSettings
from index.core.asking import asked_terms
from index.core.chunks import ChunkLimits, split_page
from index.core.formats.markdown import parse_markdown
from index.core.terms import terms_of
from schemas.answers import HEADING_JOINT, MAX_AROUND, Hit
from schemas.formats import Dialect

RENDERER = MarkdownIt("commonmark", {"html": True}).enable("table")
OPTIONS = "\n".join(
    f"| `option_{name}` | {n} | Sets how {name} is handled by the workers of a queue. |"
    for n, name in enumerate(
        [
            "amber",
            "basalt",
            "cedar",
            "dune",
            "ember",
            "fjord",
            "grove",
            "heath",
            "iris",
            "jade",
            "kelp",
            "loam",
        ]
    )
)
PAGES = {
    "install": """# Install Acme

Acme runs on Linux and on macOS. It needs Python 3.11.

## With pip

To install the client, take it from the package index:

```bash
pip install acme-queue
acme init
```

`acme init` writes a configuration to ~/.acme.toml. npm users need nothing else.

## Uninstall

1. Stop the workers.
2. Remove the package.
3. Delete the folder.
""",
    "retries": """# Retries

A failed job is tried five times. The weather has no bearing on it. Nobody knows when rain falls.

To retry by hand, name the job. A job keeps its name as long as it is known to the queue, and a \
queue forgets the names of jobs only a week after they were done, so that a person who comes back \
from a long weekend still finds everything at its place and can look at what went wrong. Run this \
to retry a job that was lost after all of these many words, which fill the chunk to its very end:

```bash
acme again --now
```
""",
    "limits": """# Limits

| Limit | Value |
|---|---|
| payload of a job | 256 KiB |
| jobs in a queue | 10,000 |

These plans are free of charge:

- the plan for students
- the plan for open source
""",
    "options": f"# Options\n\n| Option | Default | Meaning |\n|---|---|---|\n{OPTIONS}\n",
}


def hits_of(question: str) -> list[Hit]:
    """Every chunk that shares a term with the question, those with most terms first."""
    asked = frozenset(asked_terms(question))
    found = [
        (len(asked & frozenset(terms_of(f"{hit.section} {hit.text}"))), hit) for hit in every_hit()
    ]
    return [hit for count, hit in sorted(found, key=lambda pair: -pair[0]) if count][:7]


def every_hit() -> Iterator[Hit]:
    limits = ChunkLimits(target_chars=400, max_tokens=120)
    for name, text in PAGES.items():
        page = parse_markdown(text, dialect=Dialect.GITHUB)
        chunks = split_page(
            page.title,
            page.sections,
            limits=limits,
            count_tokens=lambda texts: [len(text.split()) for text in texts],
        )
        for ordinal, section in enumerate(page.sections):
            own = [chunk for chunk in chunks if chunk.section == ordinal]
            texts = [chunk.text for chunk in own]
            for n, chunk in enumerate(texts):
                around = own[max(0, n - MAX_AROUND) : n + 1 + MAX_AROUND]
                yield Hit(
                    url=f"https://docs.example.org/{name}",
                    title=page.title,
                    section=HEADING_JOINT.join(section.path),
                    anchor=section.anchor,
                    text=chunk,
                    score=1.0,
                    source="docs",
                    commit="c0ffee",
                    similarity=0.4,
                    before=tuple(texts[max(0, n - MAX_AROUND) : n]),
                    after=tuple(texts[n + 1 : n + 1 + MAX_AROUND]),
                    code=tuple(one.code for one in around),
                )


def answer(question: str) -> Quoted:
    settings = AnswerSettings()
    return compose_answer(
        question,
        hits_of(question),
        threshold=settings.refuse_below,
        max_sentences=settings.max_sentences,
        max_chars=settings.max_chars,
    )


@pytest.mark.parametrize(
    ("question", "expected"),
    [
        (
            "How do I install the client?",
            "To install the client, take it from the package index: [1]\n\n"
            "```\npip install acme-queue\nacme init\n```\n\n[1]",
        ),
        (
            "How do I retry a job?",
            "fill the chunk to its very end: [1]\n\n```\nacme again --now\n```",
        ),
        ("How do I uninstall it?", "- Stop the workers. [1]\n- Remove the package. [1]\n- Delete"),
        (
            "What is the payload limit?",
            "| Limit | Value |\n| --- | --- |\n| payload of a job | 256 KiB |\n\n[1]",
        ),
        (
            "What does option_loam do?",
            "| Option | Default | Meaning |\n| --- | --- | --- |\n| `option_loam` | 11 |",
        ),
        ("Which plans are free?", "These plans are free of charge: [1]\n\n- the plan for students"),
        ("Which plan is for students?", "- the plan for students [1]"),
        ("What does acme init write?", "`acme init` writes a configuration to `~/.acme.toml`. [1]"),
        ("What do npm users need?", "npm users need nothing else. [1]"),
    ],
)
def test_an_answer_is_quoted_with_what_makes_sense_of_it(question: str, expected: str) -> None:
    assert expected in answer(question).answer


def test_what_adds_nothing_is_left_out() -> None:
    assert answer("How often is a failed job tried?").answer == (
        "A failed job is tried five times. [1]"
    )
    assert "jobs in a queue" not in answer("What is the payload limit?").answer


@pytest.mark.parametrize("question", ["Who won the chess match?", "How do I bake sourdough bread?"])
def test_what_the_docs_do_not_say_is_refused(question: str) -> None:
    assert answer(question).refused


WORDS = sorted({word for text in PAGES.values() for word in re.findall(r"[a-z_]{4,}", text)})
questions = st.builds(
    lambda asking, words: f"{asking} {' '.join(words)}?",
    st.sampled_from(["How do I", "What is", "Which"]),
    st.lists(st.sampled_from(WORDS), min_size=1, max_size=5),
)


@given(questions)
def test_every_quote_stands_in_its_section(question: str) -> None:
    sections: dict[tuple[str, str], str] = {}
    for hit in every_hit():
        sections[hit.url, hit.section] = sections.get((hit.url, hit.section), "") + f"\n{hit.text}"

    for citation in answer(question).citations:
        text = " ".join(sections[citation.url.partition("#")[0], citation.section].split())
        assert all(" ".join(part.split()) in text for part in citation.quote.split(" … "))


@given(questions, st.integers(1, 6), st.integers(100, 1500))
def test_an_answer_stays_within_its_budget(question: str, sentences: int, chars: int) -> None:
    hits = hits_of(question)
    passages = [passage_of(hit) for hit in hits]

    picks = pick_segments(
        found_for(question, hits), passages, max_sentences=sentences, max_chars=chars
    )

    texts = {kind: [p.segment.text for p in picks if p.segment.kind is kind] for kind in Kind}
    code = texts.pop(Kind.CODE)
    most = max(2 * chars, MAX_SEGMENT_CHARS) + MAX_SEGMENT_CHARS * len(
        code
    )  # the line that leads to it
    assert sum(len(text) for same in texts.values() for text in same) <= most
    assert len(code) <= 1
    assert all(len(block) <= MAX_CODE_CHARS for block in code)


@given(questions)
def test_tables_and_fences_of_an_answer_are_whole(question: str) -> None:
    quoted = answer(question)
    tokens = RENDERER.parse(quoted.answer)
    kinds = [token.type for token in tokens]
    shown = [token.content for token in tokens if token.type == "inline"]

    assert kinds.count("fence") * 2 == len(re.findall(r"(?m)^`{3,}", quoted.answer))
    assert kinds.count("table_open") == quoted.answer.count("| --- |\n")
    assert not any("---" in text or "```" in text for text in shown)
    assert kinds.count("tbody_open") == kinds.count("table_open")
