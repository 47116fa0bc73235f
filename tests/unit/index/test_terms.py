"""What lexical search counts: a question and a document that mean the same word must meet."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from index.core.pages import Block, BlockKind, Section
from index.core.terms import MAX_COUNT, MAX_TERM, count_terms, terms_of

WORDS = [
    "ray.data.Dataset",
    "map_batches",
    "--num-cpus",
    "2.6.1",
    "The",
    "日本語",
    "x.",
    "é_ö",
    "a\x01b",
]
TEXTS = st.text(max_size=200) | st.lists(
    st.sampled_from(WORDS),
    max_size=20,
).map(" ".join)


def section_of(body: str, *path: str) -> Section:
    heading = path[-1] if path else ""
    return Section(heading, path, "", (Block(BlockKind.PROSE, body),))


@pytest.mark.parametrize(
    ("text", "terms"),
    [
        ("Batches of batched data", ["batch", "batch", "data"]),
        (
            "ray.data.Dataset.map_batches",
            [
                "ray.data.dataset.map_batches",
                "ray",
                "data",
                "dataset",
                "map_batches",
                "map",
                "batch",
            ],
        ),
        ("RayActorError", ["rayactorerror", "ray", "actor", "error"]),
        ("HTTPServer", ["httpserver", "http", "server"]),
        ("ray start --num-cpus=4", ["ray", "start", "--num-cpus", "num-cpus", "num", "cpu", "4"]),
        ("RAY_memory_limit", ["ray_memory_limit", "ray", "memori", "limit"]),
        ("since 2.6.1, v3.0.0rc1.", ["sinc", "2.6.1", "3.0.0rc1"]),
        ("GPUs", ["gpu"]),
        ("int8 A100 x86_64", ["int8", "a100", "x86_64", "x86", "64"]),
        ("__init__.py", ["init__.py", "init", "py"]),
        ("don't they're Ray's", ["ray"]),
        ("分散処理 with ray", ["分散", "散処", "処理", "ray"]),
        ("使用ray.data处", ["使用", "ray.data", "ray", "data", "处"]),
        ("\uff46\uff55ll \ufb01le Ångström", ["full", "file", "ångström"]),
        ("पानी", ["पानी"]),
        ("--- ... _ _._ ! \u00a8 \u0301", []),
    ],
)
def test_a_text_has_these_terms(text: str, terms: list[str]) -> None:
    assert terms_of(text) == terms


@pytest.mark.parametrize(
    ("question", "document"),
    [
        ("How do I map batches?", "Dataset.map_batches(fn)"),
        ("what is map_batches()", "ray.data.Dataset.map_batches"),
        ("why a RayActorError", "ray.exceptions.RayActorError:"),
        ("rayactorerror", "`RayActorError`"),
        ("num_cpus option", "--num-cpus"),
        ("the head option", "ray start --head"),
        ("what does --head do", "ray start `--head`"),
        ("numCpus option", "num_cpus=2"),
        ("gpu", "num_gpus"),
        ("dataframe", "to DataFrames"),
        ("PyTorch", "pytorch"),
        ("v2.6.1", "Ray 2.6.1."),
        ("\uff32\uff21\uff39", "ray"),
        ("cafe\u0301", "café"),
        ("in\u00advisible", "invisible"),
    ],
)
def test_a_question_meets_the_form_its_word_has_in_a_document(question: str, document: str) -> None:
    stem = set(terms_of(question)) & set(terms_of(document))

    assert stem


def test_a_flag_is_told_from_the_word_in_it() -> None:
    assert "--force" in terms_of("ray stop --force")
    assert "--force" not in terms_of("They force it to stop -- force -force ---force.")


@given(TEXTS)
def test_stop_words_never_appear(text: str) -> None:
    stop_words = {"the", "a", "how", "what", "do", "can", "is", "of", "i", "it", "does", "which"}

    terms = terms_of(f"How can the {text} do what it is of? Doing cans, hows: being.")

    assert stop_words.isdisjoint(terms)


@given(TEXTS)
def test_terms_are_lower_case_short_and_never_empty(text: str) -> None:
    for term in terms_of(text):
        assert 0 < len(term) <= MAX_TERM
        assert term == term.lower()
        assert re.search(r"\w", term)


@given(TEXTS, TEXTS)
def test_a_text_has_the_terms_of_its_paragraphs(one: str, other: str) -> None:
    assert terms_of(f"{one}\n{other}") == terms_of(one) + terms_of(other)


@pytest.mark.parametrize("token", ["x" * 5000, "x." * 5000, "x_" * 5000, "Xx" * 5000, "1." * 5000])
def test_an_endless_token_is_cut(token: str) -> None:
    terms = terms_of(token)

    assert terms
    assert all(len(term) <= MAX_TERM for term in terms)


def test_each_field_of_a_chunk_is_counted_on_its_own() -> None:
    texts = [(("Data", "Batching"), "Batch the batches."), (("Data",), "Tune.")]

    first, second = count_terms("Ray Data", "guides/map_batches.rst", texts)

    assert [(c.term, c.title, c.heading, c.path, c.body) for c in first.counts] == [
        ("batch", 0, 1, 1, 2),
        ("data", 1, 1, 0, 0),
        ("guid", 0, 0, 1, 0),
        ("map", 0, 0, 1, 0),
        ("map_batches", 0, 0, 1, 0),
        ("ray", 1, 0, 0, 0),
    ]
    assert [(c.term, c.title, c.heading, c.path, c.body) for c in second.counts] == [
        ("batch", 0, 0, 1, 0),
        ("data", 1, 1, 0, 0),
        ("guid", 0, 0, 1, 0),
        ("map", 0, 0, 1, 0),
        ("map_batches", 0, 0, 1, 0),
        ("ray", 1, 0, 0, 0),
        ("tune", 0, 0, 0, 1),
    ]
    assert (first.length, second.length) == (2, 1)


@given(st.permutations(["map", "map", "ray.data", "GPUs", "num_cpus", "2.6", "The", "日本語"]))
def test_the_order_of_words_does_not_change_the_counts(words: list[str]) -> None:
    in_order = " ".join(sorted(words))

    assert count_terms("t", "p", [((), " ".join(words))]) == count_terms("t", "p", [((), in_order)])


@given(st.lists(TEXTS, max_size=5))
def test_a_length_is_the_sum_of_the_bodys_counts(bodies: list[str]) -> None:
    chunks = count_terms("title", "a/b.md", [((), body) for body in bodies])

    for chunk in chunks:
        assert chunk.length == sum(count.body for count in chunk.counts)


def test_a_count_stops_where_its_column_does() -> None:
    (chunk,) = count_terms("", "", [((), "ray " * (MAX_COUNT + 5))])

    assert [count.body for count in chunk.counts] == [MAX_COUNT]
    assert chunk.length == MAX_COUNT + 5


def test_the_suffix_of_a_page_is_no_word_of_its_path() -> None:
    (chunk,) = count_terms("", "api/ray.init.html", [((), "")])

    assert [count.term for count in chunk.counts] == ["api", "init", "ray", "ray.init"]
