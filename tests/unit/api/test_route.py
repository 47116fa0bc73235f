"""Choosing who composes: what a request asks for, what is configured, and how strong the evidence is."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from api.core.route import (
    CHEAP,
    EXTRACTIVE,
    NO_EVIDENCE,
    STRONG,
    Chosen,
    Evidence,
    Reason,
    Routing,
    decide_route,
    escalate_ungrounded,
    strength,
)
from api.core.trained import FORMAT, TrainedRouter
from api.settings import RouterSettings
from schemas.errors import BadQuestion

BOTH = (CHEAP, STRONG)
SETTINGS = RouterSettings(escalate_below=0.5)
GOOD = Evidence(top_score=1.3, top_cosine=0.8, margin=0.2, agreement=1.0, spread=0.2, age_days=3.0)
ROUTER = TrainedRouter(
    format=FORMAT,
    terms={"hard": -4.0, "easy": 4.0},
    features={},
    intercept=0.0,
    threshold=0.6,
    questions=10,
    cheap=5,
    seen=(),
).sealed()

evidences = st.builds(
    Evidence,
    top_score=st.floats(0, 3),
    top_cosine=st.none() | st.floats(-1, 1),
    margin=st.floats(0, 3),
    agreement=st.floats(0, 1),
    spread=st.floats(0, 1),
    age_days=st.none() | st.floats(0, 10_000),
)


def decided(
    evidence: Evidence = GOOD,
    *,
    question: str = "what is it?",
    asked: str | None = None,
    roles: tuple[str, ...] = BOTH,
    settings: RouterSettings = SETTINGS,
    model: TrainedRouter | None = None,
) -> Chosen:
    return decide_route(
        evidence, question=question, asked=asked, roles=roles, routing=Routing(settings, model)
    )


def test_the_cheap_model_comes_first() -> None:
    chosen = decided()

    assert (chosen.role, chosen.reason) == (CHEAP, Reason.STRONG_EVIDENCE)
    assert chosen.score == strength(GOOD) >= SETTINGS.escalate_below


def test_weak_evidence_goes_to_the_strong_model() -> None:
    chosen = decided(NO_EVIDENCE)

    assert (chosen.role, chosen.reason, chosen.score) == (STRONG, Reason.WEAK_EVIDENCE, 0.0)


def test_while_no_vectors_are_compared_the_cheap_model_comes_first() -> None:
    """The strength is unknown then, and 0 by name: every question would be one for the strong model."""
    chosen = decided(replace(GOOD, top_cosine=None, agreement=0.0))

    assert (chosen.role, chosen.reason, chosen.score) == (CHEAP, Reason.NOT_WEIGHED, 0.0)


@pytest.mark.parametrize(("question", "role"), [("easy", CHEAP), ("hard", STRONG)])
def test_a_trained_router_decides_without_vectors_too(question: str, role: str) -> None:
    chosen = decided(replace(GOOD, top_cosine=None), question=question, model=ROUTER)

    assert chosen.role == role


@given(evidences.filter(lambda one: one.top_cosine is not None), st.floats(0, 1))
def test_the_setting_is_the_line_between_the_two(evidence: Evidence, least: float) -> None:
    chosen = decided(evidence, settings=RouterSettings(escalate_below=least))

    assert 0 <= chosen.score <= 1
    assert (chosen.role == CHEAP) == (chosen.score >= least)


@given(evidences, st.floats(0, 1))
def test_nearer_or_more_agreed_upon_is_never_weaker(evidence: Evidence, more: float) -> None:
    nearer = replace(evidence, top_cosine=min(1.0, (evidence.top_cosine or -1.0) + more))
    agreed = replace(evidence, agreement=min(1.0, evidence.agreement + more))

    assert strength(nearer) >= strength(evidence)
    assert strength(agreed) >= strength(evidence)


@pytest.mark.parametrize("asked", [CHEAP, STRONG, "code", EXTRACTIVE])
@pytest.mark.parametrize("evidence", [GOOD, NO_EVIDENCE])
@pytest.mark.parametrize("model", [None, ROUTER])
def test_a_route_that_is_asked_for_is_taken(
    asked: str, evidence: Evidence, model: TrainedRouter | None
) -> None:
    chosen = decided(evidence, asked=asked, roles=(*BOTH, "code"), model=model)

    assert (chosen.role, chosen.reason) == (asked, Reason.ASKED)


@pytest.mark.parametrize("roles", [(), BOTH])
def test_a_route_that_is_not_there_is_told(roles: tuple[str, ...]) -> None:
    with pytest.raises(BadQuestion, match=r"no such route; there are: .*extractive"):
        decided(asked="code", roles=roles)


@pytest.mark.parametrize(
    ("roles", "role", "reason"),
    [
        ((), EXTRACTIVE, Reason.NO_MODEL),
        ((CHEAP,), CHEAP, Reason.ONLY_ROLE),
        ((STRONG,), STRONG, Reason.ONLY_ROLE),
        (("code", STRONG), STRONG, Reason.ONLY_ROLE),
        (("code", "prose"), "code", Reason.ONLY_ROLE),
    ],
)
@pytest.mark.parametrize("evidence", [GOOD, NO_EVIDENCE])
@pytest.mark.parametrize("model", [None, ROUTER])
def test_without_both_roles_there_is_no_choice(
    roles: tuple[str, ...],
    role: str,
    reason: Reason,
    evidence: Evidence,
    model: TrainedRouter | None,
) -> None:
    chosen = decided(evidence, roles=roles, model=model)

    assert (chosen.role, chosen.reason) == (role, reason)


def test_further_roles_are_taken_only_when_asked_for() -> None:
    roles = ("code", STRONG, "prose", CHEAP)

    assert {decided(one, roles=roles).role for one in (GOOD, NO_EVIDENCE)} == {CHEAP, STRONG}


@pytest.mark.parametrize(
    ("question", "role", "reason"),
    [
        ("an easy one", CHEAP, Reason.TRAINED_CHEAP),
        ("a hard one", STRONG, Reason.TRAINED_STRONG),
        ("neither", STRONG, Reason.TRAINED_STRONG),  # 0.5 is below its threshold
    ],
)
@pytest.mark.parametrize("evidence", [GOOD, NO_EVIDENCE])
def test_a_trained_router_decides_in_place_of_the_evidence(
    question: str, role: str, reason: Reason, evidence: Evidence
) -> None:
    chosen = decided(evidence, question=question, model=ROUTER)

    assert (chosen.role, chosen.reason) == (role, reason)
    assert chosen.score == ROUTER.probability(question, evidence)


def test_what_does_not_hold_is_composed_anew_by_the_strong_model() -> None:
    chosen = decided()

    again = escalate_ungrounded(chosen, roles=BOTH, settings=SETTINGS)

    assert again == Chosen(STRONG, Reason.UNGROUNDED, chosen.score)
    assert escalate_ungrounded(again, roles=BOTH, settings=SETTINGS) is None


@pytest.mark.parametrize(
    ("chosen", "roles", "settings"),
    [
        (decided(asked=CHEAP), BOTH, SETTINGS),
        (decided(asked="code", roles=(*BOTH, "code")), BOTH, SETTINGS),
        (decided(roles=(CHEAP,)), (CHEAP,), SETTINGS),
        (decided(), BOTH, RouterSettings(escalate_ungrounded=False)),
    ],
    ids=["cheap was asked for", "code was asked for", "no strong model", "switched off"],
)
def test_a_route_stays_where_the_choice_was_not_ours_or_nothing_better_is_there(
    chosen: Chosen, roles: tuple[str, ...], settings: RouterSettings
) -> None:
    assert escalate_ungrounded(chosen, roles=roles, settings=settings) is None


def test_reasons_are_all_different() -> None:
    assert len({reason.value for reason in Reason}) == len(Reason)
