"""An extractive answer is made of the docs' own words, cited, inert, or it is a refusal."""

import re

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from api.core.passage import passage_of
from api.core.quote import Quoted, address_of, compose_answer, nearest_addresses
from api.core.segments import Kind
from api.core.select import _picks
from api.settings import AnswerSettings
from schemas.answers import Hit

RENDERER = MarkdownIt("commonmark", {"html": True}).enable("table")
SCALING = (
    "Autoscaling adjusts the number of replicas to the traffic. "
    "It adds replicas when requests queue up and removes them when the queue is short. "
    "The weather has no bearing on it."
)
INSTALL = (
    "Install the operator with Helm:\n\n"
    "helm repo add kuberay https://ray-project.github.io/kuberay-helm\n"
    "helm install kuberay-operator kuberay/kuberay-operator\n\n"
    "The operator then watches for clusters."
)


def hit(text: str, *, page: str = "serve", anchor: str = "", similarity: float | None = 0.7) -> Hit:
    return Hit(
        url=f"https://docs.example.org/{page}.html",
        title=page.title(),
        section=anchor.replace("-", " ").title(),
        anchor=anchor,
        text=text,
        score=1.0,
        source="docs",
        commit="c0ffee",
        similarity=similarity,
    )


def answer_of(
    question: str, hits: list[Hit], *, threshold: float | None = None, max_sentences: int = 4
) -> Quoted:
    settings = AnswerSettings()
    return compose_answer(
        question,
        hits,
        threshold=settings.refuse_below if threshold is None else threshold,
        max_sentences=max_sentences,
        max_chars=settings.max_chars,
    )


def quote_of(question: str, *texts: str) -> str:
    return answer_of(question, [hit(text, page=f"p{n}") for n, text in enumerate(texts)]).answer


def test_the_sentences_that_answer_are_quoted_whole_each_with_its_marker() -> None:
    quoted = answer_of("When does autoscaling add replicas?", [hit(SCALING, anchor="scale")])

    assert quoted.answer == (
        "Autoscaling adjusts the number of replicas to the traffic. [1] It adds replicas when"
        " requests queue up and removes them when the queue is short. [1]"
    )
    assert not quoted.refused
    assert [citation.url for citation in quoted.citations] == [
        "https://docs.example.org/serve.html#scale"
    ]


def test_a_quote_is_text_of_the_page_to_the_letter_and_marks_what_it_leaves_out() -> None:
    text = "Replicas are workers that\nserve requests. The weather is fine. Dead replicas restart."

    quoted = answer_of("What are replicas, do replicas restart?", [hit(text)])

    assert quoted.citations[0].quote == (
        "Replicas are workers that\nserve requests. … Dead replicas restart."
    )


def test_chunks_of_one_section_share_a_citation() -> None:
    hits = [
        hit("A delay of ten seconds is kept at first.", anchor="scale"),
        hit("The bound is a hundred replicas a node.", anchor="scale"),
    ]

    quoted = answer_of("Which delay, which bound?", hits)

    assert [citation.n for citation in quoted.citations] == [1]
    assert quoted.citations[0].quote == " … ".join(one.text for one in hits)
    assert quoted.answer.count("[1]") == 2


def test_a_sentence_that_two_pages_share_is_quoted_once() -> None:
    answer = quote_of("When does autoscaling add replicas?", SCALING, SCALING)

    assert answer.count("adds replicas when") == 1


def test_a_question_of_how_gets_the_code_and_the_line_that_leads_to_it() -> None:
    answer = quote_of("How do I install the operator?", INSTALL)

    assert "Install the operator with Helm: [1]" in answer
    assert (
        "```\nhelm repo add kuberay https://ray-project.github.io/kuberay-helm\n"
        "helm install kuberay-operator kuberay/kuberay-operator\n```\n\n[1]"
    ) in answer


def test_a_question_of_what_gets_no_code() -> None:
    assert "```" not in quote_of("What is the operator?", INSTALL)


def test_code_that_the_chunk_cuts_off_is_not_quoted() -> None:
    answer = quote_of(
        "How do I start a cluster?", "Start a cluster like so.\n\nray.init(\n    num_cpus=2,"
    )

    assert "```" not in answer


@pytest.mark.parametrize(
    ("after", "has_code"),
    [
        (("acme add-replicas", "The end of it all."), True),
        (("x = {", "    1: 2}"), True),
        (("a = 1", "b = 2", "c = 3", "d = 4"), False),
    ],
)
def test_code_past_the_chunk_is_quoted_if_it_is_whole(
    after: tuple[str, ...], has_code: bool
) -> None:
    found = msgspec.structs.replace(hit("To add a replica, run this:"), after=after)

    assert ("```" in answer_of("How do I add a replica?", [found]).answer) is has_code


def test_a_list_of_steps_comes_whole() -> None:
    steps = ["Drain the cluster.", "Stop it.", "Wait.", "Copy the files.", "Check.", "Begin anew."]
    text = "To upgrade a cluster:\n\n" + "\n".join(
        f"{n}. {step}" for n, step in enumerate(steps, 1)
    )

    answer = quote_of("How do I upgrade a cluster?", text)

    assert "\n".join(f"- {step} [1]" for step in steps) in answer


def test_an_answer_is_short() -> None:
    text = " ".join(f"Replica {n} of the deployment takes requests in order." for n in range(60))

    quoted = answer_of("Which replica takes requests?", [hit(text)], max_sentences=3)

    assert quoted.answer.count("[1]") <= 3
    assert len(quoted.answer) < 800


@pytest.mark.parametrize(
    ("question", "hits"),
    [
        ("How do I bake bread?", [hit(SCALING, similarity=0.1)]),
        ("How do I bake bread?", [hit(SCALING, similarity=None)]),
        ("When does autoscaling add replicas?", []),
        ("When does autoscaling add replicas?", [hit("| a | b |\n|---|---|\n| c | d |")]),
    ],
)
def test_weak_evidence_makes_a_refusal_without_citations(question: str, hits: list[Hit]) -> None:
    quoted = answer_of(question, hits)

    assert quoted.refused
    assert quoted.citations == ()
    assert quoted.answer.startswith("The documentation does not answer this question.")


def test_the_threshold_decides_between_an_answer_and_a_refusal() -> None:
    hits = [hit(SCALING)]
    score = answer_of("When does autoscaling add replicas?", hits).score

    below, above = (
        answer_of("When does autoscaling add replicas?", hits, threshold=score + change)
        for change in (0.0, 0.001)
    )

    assert (below.refused, above.refused) == (False, True)


def test_the_nearest_pages_are_the_best_section_of_each_page_in_order() -> None:
    hits = [hit("", page="a", anchor="2"), hit("", page="b"), hit("", page="a", anchor="1")]

    assert nearest_addresses(hits) == [
        "https://docs.example.org/a.html#2",
        "https://docs.example.org/b.html",
    ]


def test_an_anchor_cannot_end_a_link_early() -> None:
    assert address_of(hit("", anchor='a b")(<x>')) == (
        "https://docs.example.org/serve.html#a%20b%22%29%28%3Cx%3E"
    )


hostile_text = st.lists(
    st.sampled_from(
        [
            *("Replicas scale. ", "Autoscaling adds replicas ", "![x](http://evil.example/?q=1) "),
            *(
                "<img src=http://evil.example>",
                "[click](javascript:alert(1)) ",
                "[1]: http://evil.example\n",
            ),
            *(
                "<script>alert(1)</script>",
                "\n\n",
                "```\n",
                "`",
                "- ",
                "1. ",
                "> ",
                "# ",
                "~~~\n",
                "    ",
            ),
            *(
                "<http://evil.example>",
                "[1]",
                "](",
                "\\",
                "replicas = 1\n",
                "www.evil.example ",
                "| a |\n",
            ),
        ]
    ),
    max_size=20,
).map("".join)


@given(
    st.lists(hostile_text | st.text(), min_size=1, max_size=4), st.sampled_from(["How ", "What "])
)
def test_s18_no_answer_holds_html_an_image_or_a_link(texts: list[str], asking: str) -> None:
    hits = [hit(text, page=f"p{n}") for n, text in enumerate(texts)]

    quoted = answer_of(f"{asking} does autoscaling add replicas?", hits, threshold=0)

    tokens = RENDERER.parse(quoted.answer)
    kinds = {leaf.type for token in tokens for leaf in (token, *(token.children or ()))}
    assert not kinds & {"html_block", "html_inline", "image", "link_open"}
    assert {c.url.partition("#")[0] for c in quoted.citations} <= {one.url for one in hits}


@given(st.lists(hostile_text | st.text(), min_size=1, max_size=4))
def test_every_marker_has_its_citation_and_every_citation_its_marker(texts: list[str]) -> None:
    hits = [hit(text, page=f"p{n}") for n, text in enumerate(texts)]

    quoted = answer_of("How does autoscaling add replicas?", hits, threshold=0)

    shown = re.sub(r"(?ms)^( *)(- )?(`{3,}).*?^\3$|`[^`\n]*`", "", quoted.answer)
    markers = {int(n) for n in re.findall(r"(?<!\\)\[(\d+)\]", shown)}
    assert markers == {citation.n for citation in quoted.citations}
    assert [citation.n for citation in quoted.citations] == list(range(1, len(markers) + 1))


@given(st.lists(hostile_text | st.text(), min_size=1, max_size=4))
def test_every_quote_is_found_in_a_hit(texts: list[str]) -> None:
    hits = [hit(text.replace("…", ""), page=f"p{n}") for n, text in enumerate(texts)]

    quoted = answer_of("How does autoscaling add replicas?", hits, threshold=0)

    by_url = {one.url: one.text for one in hits}
    for citation in quoted.citations:
        assert all(piece in by_url[citation.url] for piece in citation.quote.split(" … "))


def test_the_head_of_a_table_stands_before_a_row_or_not_at_all() -> None:
    table = "name | job\namber | keeps jobs\nbasalt | retries jobs"
    passages = [passage_of(hit(text)) for text in (table, table, f"{table}\ncedar | drops jobs")]
    places = [
        (rank, n) for rank, passage in enumerate(passages) for n in range(len(passage.segments))
    ]

    kinds = [(pick.rank, pick.segment.kind) for pick in _picks(places, passages)]

    assert kinds == [(0, Kind.HEAD), (0, Kind.ROW), (0, Kind.ROW), (2, Kind.HEAD), (2, Kind.ROW)]
