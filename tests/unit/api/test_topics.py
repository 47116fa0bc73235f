"""Topics that are refused: which questions are plainly about one, and which only look so."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from api.core.topics import topic_of, topics_of
from index.core.synonyms import synonyms_of
from schemas.errors import BadConfiguration

TOPICS = topics_of(["pricing", "legal advice", "job openings", "Ray Turbo", "価格"])


@pytest.mark.parametrize(
    ("question", "phrase"),
    [
        ("How is pricing done?", "pricing"),
        ("What are your PRICES?", "pricing"),
        ("Is it priced by the hour?", "pricing"),
        ("can you give me legal advice", "legal advice"),
        ("I need advice on a legal matter", "legal advice"),
        ("Are there openings for a job in support?", "job openings"),
        ("what is “Ray Turbo”?", "Ray Turbo"),
        ("製品の価格は?", "価格"),
        ("legal/advice please", "legal advice"),
        ("Any legal.advice?", "legal advice"),
        ("(legal_advice)", "legal advice"),
    ],
)
def test_a_question_about_a_topic_is_known_in_any_form(question: str, phrase: str) -> None:
    topic = topic_of(question, TOPICS)

    assert topic is not None
    assert topic.phrase == phrase


@pytest.mark.parametrize(
    "question",
    [
        "How do I submit a job?",
        "Set price_per_million in the configuration",
        "What does PriceList.get return?",
        "What is in billing/pricing.py?",
        "Is it legal to nest tasks, and can somebody with experience give advice?",
        "Does a turbo charger fit Ray?",
        "What is Ray Tune?",
        "What is in docs/legal/advice.md?",
    ],
)
def test_a_question_that_only_shares_words_with_a_topic_is_answered(question: str) -> None:
    assert topic_of(question, TOPICS) is None


SYNONYMS = synonyms_of([["k8s", "Kubernetes"], ["OOM", "out of memory"], ["price", "cost"]])


@pytest.mark.parametrize(
    ("question", "phrase"),
    [
        ("k8s pricing?", "Kubernetes pricing"),
        ("What is the cost of Kubernetes?", "Kubernetes pricing"),
        ("what does k8s cost", "Kubernetes pricing"),
        ("k8s/cost", "Kubernetes pricing"),
        ("Who refunds tasks that are out of memory?", "OOM refunds"),
    ],
)
def test_a_topic_is_known_by_synonyms_too(question: str, phrase: str) -> None:
    topics = topics_of(["Kubernetes pricing", "OOM refunds"], SYNONYMS)

    topic = topic_of(question, topics)

    assert topic is not None
    assert topic.phrase == phrase
    assert topic_of("How do I run it on k8s?", topics) is None


def test_synonyms_that_hold_each_other_come_to_an_end() -> None:
    topics = topics_of(["k8s pricing"], synonyms_of([["k8s", "k8s cluster"]]))

    assert topic_of("pricing of a k8s cluster", topics) == topics[0]


@given(st.text(max_size=200))
def test_without_topics_nothing_is_refused(question: str) -> None:
    assert topic_of(question, ()) is None


@given(
    st.lists(st.sampled_from(["tell", "me", "about", "the", "of"]), max_size=6),
    st.sampled_from(["pricing", "legal advice", "job openings"]),
    st.lists(st.sampled_from(["please", "today", "in", "detail"]), max_size=6),
)
def test_whatever_stands_around_a_topic_it_is_refused(
    before: list[str], phrase: str, after: list[str]
) -> None:
    topic = topic_of(" ".join([*before, phrase.upper(), *after]), TOPICS)

    assert topic is not None
    assert topic.phrase == phrase


@pytest.mark.parametrize("phrase", ["", "about us", " ... "])
def test_a_topic_without_a_word_of_its_own_is_refused_by_name(phrase: str) -> None:
    with pytest.raises(BadConfiguration, match=r"answer\.refuse_topics"):
        topics_of([phrase])
