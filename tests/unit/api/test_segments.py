"""Segments are whole: sentences end where sentences end, code is never cut."""

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from api.core.segments import Kind, segments_of


def parts(text: str) -> list[tuple[str, str]]:
    return [(segment.kind.value, segment.text) for segment in segments_of(text)]


@pytest.mark.parametrize(
    "sentences",
    [
        ["Ray Serve scales.", "It adds replicas."],
        ["Pass e.g. a dict, i.e. a mapping.", "Then call it."],
        ["Use Python 3.11 or newer vs. older ones.", "See `a. B` for more."],
        ["The parts are split by ! and ? and so on.", "That is all of it."],
        ["Is it fast?", 'Yes, "very fast." Sometimes.'],
        ["Call ray.init(num_cpus=2) first.", "The file config.yaml is read then."],
        ["This works (see Fig. 2 for details).", "That does not."],
    ],
)
def test_sentences_end_where_they_end(sentences: list[str]) -> None:
    texts = [segment.text for segment in segments_of(" ".join(sentences))]

    assert " ".join(texts) == " ".join(sentences)
    assert texts[0] == sentences[0]


@pytest.mark.parametrize(
    "sentences",
    [
        ["失敗したジョブは三回再試行されます。", "その後、保留されます。"],
        ["作业失败后会重试三次！", "（之后会被搁置。）", "为什么会失败？"],
        ["ray.init を呼びます。", "map_batches も使えます。"],
    ],
)
def test_sentences_without_spaces_between_their_words_end_at_their_full_stop(
    sentences: list[str],
) -> None:
    assert parts("".join(sentences)) == [("sentence", one) for one in sentences]
    assert parts("保留されます") == [("other", "保留されます")]


def test_a_soft_line_break_ends_no_sentence() -> None:
    assert parts("One sentence that\ngoes on here.") == [
        ("sentence", "One sentence that\ngoes on here.")
    ]


@pytest.mark.parametrize(
    "text",
    ["acme reload reads the file anew.", "npm users do it too.", "eBPF is not needed for it."],
)
def test_a_sentence_may_begin_with_a_name_in_lower_case(text: str) -> None:
    assert parts(f"Some words first.\n\n{text}")[1:] == [("sentence", text)]


def test_list_items_keep_the_lines_that_continue_them() -> None:
    text = "Do this:\n- first thing\n  and more of it\n- second thing\n2. third thing"

    assert parts(text) == [
        ("sentence", "Do this:"),
        ("item", "- first thing\n  and more of it"),
        ("item", "- second thing"),
        ("item", "2. third thing"),
    ]


@pytest.mark.parametrize(
    "code",
    [
        "```python\nray.init()\n\nray.shutdown()\n```",
        "import ray\n\nray.init()",
        "from ray import serve\n\n@serve.deployment\nclass A:\n    pass\n\nserve.run(A.bind())",
        "pip install -U ray\nray start --head",
        "// A counter.\nclass Counter {\n public:\n  int count = 0;\n};",
        "$ ray up cluster.yaml",
        "max_workers: 2\nprovider:\n    type: aws",
        "def f(x):\n    # Adds one. Really.\n    return x + 1",
    ],
)
def test_code_is_one_segment_blank_lines_and_all(code: str) -> None:
    assert parts(f"Run this now:\n\n{code}\n\nAnd that is all.") == [
        ("sentence", "Run this now:"),
        ("code", code),
        ("sentence", "And that is all."),
    ]


CUT_OFF = ["```python\nray.init()", "config = {\n    'a': 1,", "    x)\n    y = 2"]


@pytest.mark.parametrize(
    "text",
    ["| a | b |\n|---|---|\n| c | d |", "==== List: 2023 ====\nStats:\n---------\nTotal: 1"],
)
def test_a_drawn_table_and_what_a_terminal_prints_are_not_quoted(text: str) -> None:
    assert [segment.kind for segment in segments_of(text)] == [Kind.OTHER]


def test_a_table_has_a_head_and_rows() -> None:
    text = "Variable | Default\n$HOME | /root\n | none"

    assert parts(text) == [
        ("head", "Variable | Default"),
        ("row", "$HOME | /root"),
        ("row", " | none"),
    ]


@pytest.mark.parametrize("code", CUT_OFF)
def test_code_that_was_cut_off_is_not_quoted(code: str) -> None:
    assert [segment.kind for segment in segments_of(code)] == [Kind.OTHER]


@pytest.mark.parametrize(
    "prose",
    [
        "Ray Serve is a scalable library for building online inference APIs.",
        "Note: this is slow.",
        "For more, see the guide (it is long).",
        "Set max_replicas = 5 in the config to bound the number of replicas that are started.",
    ],
)
def test_prose_is_not_taken_for_code(prose: str) -> None:
    assert [segment.kind for segment in segments_of(prose)] == [Kind.SENTENCE]


@given(st.text(alphabet="aB.!? \n`-|:;#=()[]{}1\t~>", max_size=200) | st.text())
def test_segments_are_the_text_in_order_without_overlap(text: str) -> None:
    place = 0
    for segment in segments_of(text):
        assert place <= segment.start < segment.end
        assert text[segment.start : segment.end] == segment.text
        place = segment.end


@given(st.text(alphabet="aB.!? \n`-|:;#=()1", max_size=200))
def test_nothing_but_whitespace_falls_between_segments(text: str) -> None:
    kept = "".join(segment.text for segment in segments_of(text))

    assert "".join(kept.split()) == "".join(text.split())


@pytest.mark.parametrize(
    "text",
    [
        "`" * 20_000,
        "a." * 20_000,
        "(" * 20_000,
        "- \n" * 8_000,
        "a = " * 8_000,
        f"Digests {'0a1b' * 32} " * 200,
    ],
)
def test_s15_a_hostile_text_is_cut_in_no_time(text: str) -> None:
    started_s = time.perf_counter()

    segments_of(text)

    assert time.perf_counter() - started_s < 2
