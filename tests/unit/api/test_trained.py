"""A trained router as data: what it computes, and what is refused as none."""

import json
import math
from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from api.adapters.router_file import configured_router, load_router, save_router
from api.core.signals import Evidence
from api.core.trained import FORMAT, Feature, TrainedRouter, digest_of, read_router
from api.settings import RouterSettings
from schemas.errors import BadConfiguration

ROUTER = TrainedRouter(
    format=FORMAT,
    terms={"retry": 1.5, "why": -0.5},
    features={
        "top_cosine": Feature(mean=0.5, scale=0.1, coefficient=0.25),
        "log_age_days": Feature(mean=1.0, scale=2.0, coefficient=-1.0),
    },
    intercept=0.1,
    threshold=0.5,
    questions=2,
    cheap=1,
    seen=(digest_of("why?"),),
).sealed()


def evidence(*, top_cosine: float | None, age_days: float | None) -> Evidence:
    return Evidence(
        top_score=1.0,
        top_cosine=top_cosine,
        margin=0.0,
        agreement=0.0,
        spread=0.0,
        age_days=age_days,
    )


def logit(probability: float) -> float:
    return math.log(probability / (1 - probability))


def test_terms_count_as_often_as_they_occur_in_any_case() -> None:
    probability = ROUTER.probability("Why? WHY retry a b", None)

    assert logit(probability) == pytest.approx(0.1 + 1.5 - 2 * 0.5)


def test_evidence_counts_in_standard_deviations_and_what_is_unknown_as_average() -> None:
    both = ROUTER.probability("", evidence(top_cosine=0.7, age_days=math.expm1(3)))
    unknown = ROUTER.probability("", evidence(top_cosine=None, age_days=None))

    assert logit(both) == pytest.approx(0.1 + 0.25 * 2 - 1.0)
    assert unknown == ROUTER.probability("", None)


@given(st.floats(-1e6, 1e6))
def test_no_size_of_a_coefficient_overflows(intercept: float) -> None:
    router = msgspec.structs.replace(ROUTER, intercept=intercept)

    assert 0 <= router.probability("x", None) <= 1


def test_it_is_read_back_as_it_was_written(tmp_path: Path) -> None:
    file = tmp_path / "router.json"
    file.write_text("an older one")

    save_router(ROUTER, file)

    assert load_router(file) == ROUTER
    assert configured_router(RouterSettings(model=str(file))) == ROUTER
    assert [*tmp_path.iterdir()] == [file]


def test_without_a_file_configured_there_is_no_router() -> None:
    assert configured_router(RouterSettings()) is None


def test_the_hash_tells_any_two_routers_apart() -> None:
    other = msgspec.structs.replace(ROUTER, threshold=0.51)

    assert other.sealed().hash != ROUTER.hash
    assert ROUTER.sealed() == ROUTER


def changed(**fields: object) -> bytes:
    """The router's file with other values, and a hash that fits them where that is possible."""
    tree = json.loads(msgspec.json.encode(ROUTER)) | fields
    try:
        return msgspec.json.encode(msgspec.convert(tree, TrainedRouter).sealed())
    except msgspec.ValidationError:
        return json.dumps(tree).encode()


@pytest.mark.parametrize(
    ("raw", "told"),
    [
        (b"", "is no trained router"),
        (b"\x80\x04\x95pickle", "is no trained router"),
        (b"[" * 100_000, "is no trained router"),
        (b'{"format": "\xff"}', "is no trained router"),
        (b"{}", "missing required field"),
        (changed(more=1), "unknown field"),
        (changed(threshold=1.5), "threshold"),
        (changed(terms={"a": "b"}), r"terms\[\.\.\.\]"),
        (changed(format=2), "has the format 2"),
        (msgspec.json.encode(msgspec.structs.replace(ROUTER, intercept=9.0)), "was changed"),
        (
            changed(features={"popularity": {"mean": 0, "scale": 1, "coefficient": 1}}),
            "not known here: popularity",
        ),
        (
            changed(features={"margin": {"mean": 0, "scale": 0, "coefficient": 1}}),
            "that no training gives",
        ),
        (changed(terms={"a": None}), "terms"),
    ],
)
def test_what_is_no_router_is_refused_in_one_line(raw: bytes, told: str) -> None:
    with pytest.raises(BadConfiguration, match=told) as caught:
        read_router(raw, name="router.json")

    assert str(caught.value).startswith("router.json ")
    assert "\n" not in str(caught.value)


def test_a_file_that_cannot_be_read_or_is_too_large_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "router.json"
    with pytest.raises(BadConfiguration, match=r"router\.json: No such file"):
        load_router(file)
    with pytest.raises(BadConfiguration, match=r"router\.json: No such file"):
        save_router(ROUTER, tmp_path / "missing" / "router.json")

    save_router(ROUTER, file)
    monkeypatch.setattr("api.adapters.router_file.MAX_FILE_BYTES", 100)
    with pytest.raises(BadConfiguration, match="is larger than 100 bytes"):
        load_router(file)
